//! Generated operations on a broker, and what can be seen of them from outside.
//!
//! Operations name what they act on by number, modulo what there is, so that any list of them is a
//! script and shrinks freely.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stormproof_broker::{DeadLetter, QueueSpec};
use stormproof_system::topology::{Binding, Topology};

/// The queues of every script. Messages in `timed` go to `work` when their time has come.
pub const QUEUES: [&str; 4] = ["work", "other", "timed", "dead"];

/// How long `timed` keeps a message, in milliseconds.
pub const TTL_MS: u64 = 80;

/// Queues as they are declared, and what is done with them.
#[derive(Clone, Debug)]
pub struct Script {
    pub setup: Setup,
    pub steps: Vec<Step>,
}

/// How the queues are declared.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Delivery limits of `work` and `other`.
    pub limits: [u32; 2],
    /// Where dead letters of `work` and `other` go; none: nowhere.
    pub dead_letters: [Option<&'static str>; 2],
}

#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// To a queue by its name.
    Publish {
        queue: usize,
    },
    /// To the topic exchange.
    PublishTopic {
        key: &'static str,
    },
    /// A new consumer, on a new connection or on an old one.
    Consume {
        queue: usize,
        connection: Option<usize>,
        prefetch: u16,
    },
    /// Settles the nth delivery of those in hand.
    Ack {
        held: usize,
    },
    Reject {
        held: usize,
        requeue: bool,
    },
    /// Ends a connection with all it holds.
    Drop {
        connection: usize,
    },
}

/// What became of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Confirmed,
    Returned,
    Refused,
}

/// What a consumer was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub message_id: String,
    pub redelivered: bool,
}

/// A message that is left in a queue in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub seen: Seen,
    /// Queue, reason and count of each death, the latest first.
    pub deaths: Vec<(String, String, u32)>,
}

/// What is left in each queue, in order.
pub type Contents = BTreeMap<&'static str, Vec<Left>>;

/// All that can be seen from outside: outcomes of publishes, what each consumer was given in order,
/// and how many messages are ready in each queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    pub outcomes: Vec<Outcome>,
    pub consumers: Vec<Vec<Seen>>,
    pub ready: BTreeMap<&'static str, usize>,
}

impl Setup {
    /// Everything to declare, with `prefix` before every name.
    pub fn topology(&self, prefix: &str) -> Topology {
        let name = |name: &str| format!("{prefix}{name}");
        let to = |target: Option<&str>| target.map(|target| DeadLetter::to_queue(&name(target)));
        let limited = |queue: &str, index: usize| QueueSpec {
            delivery_limit: Some(self.limits[index]),
            dead_letter: to(self.dead_letters[index]),
            ..QueueSpec::named(name(queue))
        };
        let binding = |queue: &str, pattern: &str| Binding {
            queue: name(queue),
            exchange: name("topics"),
            pattern: pattern.to_owned(),
        };
        Topology {
            exchanges: vec![name("topics")],
            queues: vec![
                limited("work", 0),
                limited("other", 1),
                QueueSpec {
                    message_ttl: Some(std::time::Duration::from_millis(TTL_MS)),
                    dead_letter: to(Some("work")),
                    ..QueueSpec::named(name("timed"))
                },
                // Without a limit RabbitMQ 3.10 requeues elsewhere: `differences.rs`.
                QueueSpec { delivery_limit: Some(1000), ..QueueSpec::named(name("dead")) },
            ],
            bindings: vec![
                binding("work", "both.#"),
                binding("other", "both.*"),
                binding("other", "*.other"),
                binding("timed", "later"),
            ],
        }
    }
}

/// Any script of up to `steps` steps.
pub fn script(steps: usize) -> impl Strategy<Value = Script> {
    (setup(), prop::collection::vec(step(), 1..=steps))
        .prop_map(|(setup, steps)| Script { setup, steps })
}

fn setup() -> impl Strategy<Value = Setup> {
    ([limit(), limit()], [target(), target()])
        .prop_map(|(limits, dead_letters)| Setup { limits, dead_letters })
}

fn limit() -> impl Strategy<Value = u32> {
    prop_oneof![2 => 0_u32..4, 1 => Just(1000)]
}

fn target() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![
        1 => Just(None),
        4 => Just(Some("dead")),
        2 => Just(Some("timed")),
        1 => Just(Some("other")),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    // One number more than there are queues: to nowhere.
    let queue = 0..=QUEUES.len();
    let key = prop::sample::select(vec!["both", "both.ends", "both.a.b", "an.other", "later", "x"]);
    let connection = prop::option::of(0_usize..4);
    prop_oneof![
        6 => queue.prop_map(|queue| Step::Publish { queue }),
        3 => key.prop_map(|key| Step::PublishTopic { key }),
        3 => (consumable(), connection, 0_u16..4)
            .prop_map(|(queue, connection, prefetch)| Step::Consume { queue, connection, prefetch }),
        4 => (0_usize..8).prop_map(|held| Step::Ack { held }),
        5 => (0_usize..8, any::<bool>())
            .prop_map(|(held, requeue)| Step::Reject { held, requeue }),
        2 => (0_usize..4).prop_map(|connection| Step::Drop { connection }),
    ]
}

/// Nobody consumes `timed`: whether a message is handed out before it expires is a race.
fn consumable() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![0_usize, 1, 3])
}
