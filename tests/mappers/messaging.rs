//! What every service keeps: outbox, inbox, audit trail.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Either, pending, select};
use scoped_futures::ScopedFutureExt as _;
use stormproof_messaging::batch::{self, Work};
use stormproof_messaging::outbox::RelayPolicy;
use stormproof_messaging::{Transaction, inbox, outbox};
use stormproof_ports::notify::Notify;
use stormproof_ports::outgoing::Outgoing;
use stormproof_ports::story::Fact;
use stormproof_ports::time::Time;
use stormproof_ports::worker::{Progress, Worker};
use stormproof_ports::{Message, Ports, PublishError, Queue, QueueLost, Subscription};
use stormproof_system::error::Error;
use stormproof_system::messages::{Lost, encode};

use super::bench::{Bench, START};
use super::orders::order_id;

super::checks!("store":
    a_message_commits_with_its_transaction,
    the_relay_sends_what_is_due_longest_due_first,
    what_is_not_confirmed_is_sent_again_under_its_own_id,
    what_a_relay_has_claimed_is_left_alone_until_the_claim_ends,
    what_a_replica_commits_its_own_relay_has_at_hand,
    the_relay_goes_by_status_and_not_by_id,
    a_message_is_new_to_a_queue_once,
    messages_of_a_batch_share_a_transaction_and_no_failure,
    a_move_leaves_its_trail,
);

/// What becomes of a publish.
#[derive(Clone, Copy)]
pub enum Fate {
    Confirmed,
    Unconfirmed,
    Returned,
    /// No answer, for ever.
    Hangs,
}

/// A broker that does as it is told, and confirms when it was told nothing.
#[derive(Default)]
pub struct Script {
    fates: Mutex<VecDeque<Fate>>,
    published: Mutex<Vec<Message>>,
    notify: Notify,
}

impl Script {
    /// The orders of the messages published since the last question, sorted: what goes out in one
    /// step goes out in any order.
    pub fn published(&self) -> Vec<String> {
        let messages = self.take().into_iter();
        let mut orders: Vec<_> = messages.map(|message| message.correlation_id).collect();
        orders.sort();
        orders
    }

    fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.published.lock().expect("nobody panics with it"))
    }
}

impl Queue for Script {
    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        let routing_key = message.routing_key.clone();
        self.published.lock().expect("nobody panics with it").push(message);
        self.notify.notify_one();
        let fate = self.fates.lock().expect("nobody panics with it").pop_front();
        Box::pin(async move {
            match fate.unwrap_or(Fate::Confirmed) {
                Fate::Confirmed => Ok(()),
                Fate::Unconfirmed => Err(PublishError::Unknown("no answer".into())),
                Fate::Returned => Err(PublishError::Returned(routing_key)),
                Fate::Hangs => pending().await,
            }
        })
    }

    fn subscribe<'a>(
        &'a self,
        _: &'a str,
        _: u16,
        _: Notify,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, QueueLost>> {
        Box::pin(async { Err(QueueLost("nothing is consumed here".into())) })
    }
}

/// A replica whose broker has these fates for its messages.
pub fn replica(bench: &Bench, fates: &[Fate]) -> (Ports, Arc<Script>) {
    let script = Arc::new(Script { fates: Mutex::new(fates.to_vec().into()), ..Script::default() });
    (Ports { queue: script.clone(), ..bench.ports.clone() }, script)
}

/// A relay that takes two messages at a time.
fn relay(ports: &Ports) -> Worker {
    outbox::relay(
        ports,
        RelayPolicy { batch: 2, settle_after: Duration::ZERO, ..RelayPolicy::default() },
    )
}

fn letter(order: &str) -> Lost {
    Lost { order_id: order_id(order), to: "ada@shop.example".into() }
}

pub async fn send(bench: &Bench, order: &str) {
    let letter = &letter(order);
    let sent = bench.once(|transaction| {
        async move {
            outbox::send(transaction, letter);
            Ok(())
        }
        .scope_boxed()
    });
    sent.await.expect("a message can be written");
}

/// Each row: order, status, attempts, microseconds until the next.
async fn outbox_rows(bench: &Bench) -> Vec<String> {
    bench
        .rows(
            "SELECT correlation_id, status, attempts, next_attempt_at - 1893456000000000 \
             FROM outbox ORDER BY correlation_id",
        )
        .await
}

async fn a_message_commits_with_its_transaction(bench: Bench) {
    let lost = &letter("order-1");
    let undone = bench.once(|transaction| {
        async move {
            outbox::send(transaction, lost);
            Err::<(), _>(Error::invalid("not after all"))
        }
        .scope_boxed()
    });
    assert!(undone.await.is_err());
    assert_eq!(outbox_rows(&bench).await, [""; 0]);
    send(&bench, "order-1").await;
    assert_eq!(outbox_rows(&bench).await, ["order-1 NEW 0 0"]);
    let (ports, script) = replica(&bench, &[]);
    relay(&ports).step().await;
    let [sent] = script.take().try_into().expect("one message");
    assert_eq!(sent, encode(lost, sent.message_id.clone(), START));
}

async fn the_relay_sends_what_is_due_longest_due_first(bench: Bench) {
    for (order, at) in [("b", 20), ("c", 30), ("a", 10), ("d", 90)] {
        bench.set_clock(at);
        send(&bench, order).await;
    }
    bench.set_clock(40);
    let (ports, script) = replica(&bench, &[]);
    let relay = relay(&ports);
    let at = |micros| Progress::Idle(Some(Time(START + micros)));
    assert_eq!(relay.step().await, Progress::Worked, "the batch was full");
    assert_eq!(script.published(), ["a", "b"]);
    assert_eq!(relay.step().await, Progress::Worked, "another look says what is left");
    assert_eq!(script.published(), ["c"]);
    assert_eq!(relay.step().await, at(90));
    assert_eq!(script.published(), [""; 0]);
    bench.set_clock(90);
    relay.step().await;
    assert_eq!(script.published(), ["d"]);
    assert_eq!(relay.step().await, Progress::Idle(None), "all is sent");
    let rows = bench.rows(
        "SELECT correlation_id, status, sent_at - 1893456000000000 FROM outbox \
         ORDER BY correlation_id",
    );
    assert_eq!(rows.await, ["a SENT 40", "b SENT 40", "c SENT 40", "d SENT 90"]);
}

async fn what_is_not_confirmed_is_sent_again_under_its_own_id(bench: Bench) {
    send(&bench, "order-1").await;
    let (ports, script) = replica(&bench, &[Fate::Unconfirmed, Fate::Returned]);
    let relay = relay(&ports);
    let mut ids = Vec::new();
    for attempt in 1..=3 {
        relay.step().await;
        let [message] = script.take().try_into().expect("one message");
        ids.push(message.message_id);
        if attempt == 3 {
            break;
        }
        // At once nothing happens; the next attempt has its time.
        let Progress::Idle(Some(next)) = relay.step().await else { panic!("a time is set") };
        assert_eq!(script.published(), [""; 0], "after attempt {attempt}");
        let wait = next.0 - START;
        let expected = format!("order-1 NEW {attempt} {wait}");
        assert_eq!(outbox_rows(&bench).await, [expected]);
        assert!(next > ports.clock.now());
        bench.set_clock(wait);
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let rows = bench.rows("SELECT status, attempts FROM outbox").await;
    assert_eq!(rows, ["SENT 3"]);
}

async fn what_a_relay_has_claimed_is_left_alone_until_the_claim_ends(bench: Bench) {
    send(&bench, "order-1").await;
    let (first, hanging) = replica(&bench, &[Fate::Hangs]);
    let (second, confirming) = replica(&bench, &[]);
    let claim = i64::try_from(RelayPolicy::default().claim.as_micros()).expect("a short time");
    // The first relay dies while it waits for the broker.
    let crashed = select(relay(&first).step(), hanging.notify.notified().boxed()).await;
    assert!(matches!(crashed, Either::Right(_)), "it hangs");
    drop(crashed);
    let relay = relay(&second);
    for now in [0, claim - 1] {
        bench.set_clock(now);
        assert_eq!(relay.step().await, Progress::Idle(Some(Time(START + claim))));
        assert_eq!(confirming.published(), [""; 0]);
    }
    bench.set_clock(claim);
    relay.step().await;
    let (lost, found) = (hanging.take(), confirming.take());
    assert_eq!(found, lost, "the same message");
    assert_eq!(bench.rows("SELECT status, attempts FROM outbox").await, ["SENT 2"]);
}

/// It need not be claimed, and is nobody else's until its time is over.
async fn what_a_replica_commits_its_own_relay_has_at_hand(bench: Bench) {
    let (ports, script) = replica(&bench, &[]);
    let own = relay(&ports);
    assert_eq!(own.step().await, Progress::Idle(None), "from now on it takes what is handed over");
    let claim = i64::try_from(RelayPolicy::default().claim.as_micros()).expect("a short time");
    let row = format!("NEW 1 {claim}");
    for order in ["a", "b", "c"] {
        send(&bench, order).await;
    }
    let rows: Vec<_> = ["a", "b", "c"].iter().map(|order| format!("{order} {row}")).collect();
    assert_eq!(outbox_rows(&bench).await, rows);
    assert_eq!(own.step().await, Progress::Worked, "the batch was full");
    assert_eq!(script.published(), ["a", "b"]);
    // Its replica dies with the third in hand.
    let (others, theirs) = replica(&bench, &[]);
    let others = Ports { outgoing: Outgoing::default(), ..others };
    let successor = relay(&others);
    assert_eq!(successor.step().await, Progress::Idle(Some(Time(START + claim))));
    bench.set_clock(claim);
    successor.step().await;
    assert_eq!(theirs.published(), ["c"]);
    let rows = bench.rows("SELECT correlation_id, status, attempts FROM outbox ORDER BY id").await;
    assert_eq!(rows, ["a SENT 1", "b SENT 1", "c SENT 2"]);
}

async fn the_relay_goes_by_status_and_not_by_id(bench: Bench) {
    let second = Duration::from_secs(1).as_micros() as i64;
    let (ports, script) = replica(&bench, &[]);
    let relay = relay(&ports);
    bench.set_clock(second);
    send(&bench, "late").await;
    relay.step().await;
    bench.set_clock(0);
    send(&bench, "early").await;
    relay.step().await;
    let messages = script.take();
    let [late, early] = &messages[..] else { panic!("two messages: {messages:?}") };
    assert_eq!([&*late.correlation_id, &*early.correlation_id], ["late", "early"]);
    assert!(early.message_id < late.message_id, "the case that is meant");
}

async fn a_message_is_new_to_a_queue_once(bench: Bench) {
    let message = |id: &str| encode(&letter("order-1"), id.into(), START);
    let first_time = async |queue: &'static str, id: &str| {
        let message = &message(id);
        let first = bench.once(|transaction| {
            async move { Ok(inbox::first_time(transaction, queue, message).await?) }.scope_boxed()
        });
        first.await.expect("a row can be written")
    };
    let one = &message("m-1");
    let undone = bench.once(|transaction| {
        async move {
            assert!(inbox::first_time(transaction, "queue-1", one).await?);
            Err::<(), _>(Error::invalid("the effect failed"))
        }
        .scope_boxed()
    });
    assert!(undone.await.is_err());
    let table = [
        ("queue-1", "m-1", true, "what was undone was not heard"),
        ("queue-1", "m-1", false, "a duplicate"),
        ("queue-2", "m-1", true, "another queue's"),
        ("queue-1", "m-2", true, "another message"),
        ("queue-1", "m-1", false, "a duplicate, however late"),
    ];
    for (queue, id, expected, why) in table {
        assert_eq!(first_time(queue, id).await, expected, "{why}");
    }
}

/// Leaves a trail for each message but for the odd one, and notes for which it was asked to.
struct Clerk(Mutex<Vec<String>>);

impl Work for Clerk {
    type Error = Error;

    fn work<'a>(
        &'a self,
        transaction: &'a mut Transaction<'_>,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let id = &message.message_id;
        self.0.lock().expect("nobody panics with it").push(id.clone());
        transaction.moved("", Fact::new("message", "DONE", id, ""));
        let answer = match id.as_str() {
            "odd" => Err(Error::invalid("what a message")),
            _ => Ok(()),
        };
        Box::pin(async { answer })
    }
}

async fn messages_of_a_batch_share_a_transaction_and_no_failure(bench: Bench) {
    // What is delivered together; what the clerk is asked to do; which of them are done.
    let table: [(&[&str], &[&str], &[bool]); 4] = [
        (&["m-1", "m-2"], &["m-1", "m-2"], &[true, true]),
        // One is known: each comes to its own end, and what is done is not done again.
        (&["m-2", "m-3", "m-3"], &["m-3"], &[true, true, true]),
        // One is odd: the others do not suffer for it.
        (&["m-4", "odd", "m-5"], &["m-4", "odd", "m-4", "odd", "m-5"], &[true, false, true]),
        (&["odd"], &["odd"], &[false]),
    ];
    for (ids, asked, done) in table {
        let clerk = Clerk(Mutex::default());
        let message = |id: &&str| encode(&letter("order-1"), (*id).into(), START);
        let messages: Vec<Message> = ids.iter().map(message).collect();
        let messages: Vec<&Message> = messages.iter().collect();
        let results = batch::handle(&bench.ports, "queue-1", &messages, &clerk).await;
        assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), done, "{ids:?}");
        assert_eq!(clerk.0.into_inner().expect("nobody panics with it"), asked, "{ids:?}");
    }
    let trail = bench.rows("SELECT subject FROM audit ORDER BY subject").await;
    assert_eq!(trail, ["m-1", "m-2", "m-3", "m-4", "m-5"]);
    let inbox = bench.rows("SELECT message_id FROM inbox ORDER BY message_id").await;
    assert_eq!(inbox, ["m-1", "m-2", "m-3", "m-4", "m-5"]);
}

async fn a_move_leaves_its_trail(bench: Bench) {
    bench.set_clock(5);
    let moved = bench.once(|transaction| {
        async move {
            transaction.moved("NONE", Fact::new("order", "PAID", "order-1", "is paid"));
            transaction.moved("PAID", Fact::new("order", "LOST", "order-1", "is lost"));
            Ok(())
        }
        .scope_boxed()
    });
    moved.await.expect("a trail can be left");
    let trail = bench.rows(
        "SELECT noun, subject, from_state, to_state, at - 1893456000000000, node FROM audit \
         ORDER BY id",
    );
    let expected = ["order order-1 NONE PAID 5 replica-1", "order order-1 PAID LOST 5 replica-1"];
    assert_eq!(trail.await, expected);
}
