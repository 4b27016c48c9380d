//! What the embedded broker owes beyond the contract: nothing confirmed is lost, whatever dies when.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stormproof_bindings::dead_letters::{DeadLetterQueues, DeadLetters as _};
use stormproof_bindings::embedded_queue::{EmbeddedBroker, JournalError};
use stormproof_broker::{DeadLetter, DeathReason, QueueSpec};
use stormproof_ports::notify::Notify;
use stormproof_ports::topology::Topology;
use stormproof_ports::{Delivery, Message, PublishError, Queue, Settle, Subscription};
use tokio::time::timeout;

use super::real::{Folder, real};

const WORK: &str = "work";
const DEAD: &str = "work.dlq";

/// `work` allows one return; `work.retry` gives back after a while.
fn topology() -> Topology {
    let to = |name| Some(DeadLetter::to_queue(name));
    let limit = Some(1);
    let ttl = Some(Duration::from_millis(700));
    Topology {
        queues: vec![
            QueueSpec { delivery_limit: limit, dead_letter: to(DEAD), ..QueueSpec::named(WORK) },
            QueueSpec::named(DEAD),
            QueueSpec { message_ttl: ttl, dead_letter: to(WORK), ..QueueSpec::named("work.retry") },
        ],
        ..Topology::default()
    }
}

async fn open(path: &Path) -> EmbeddedBroker {
    let broker = EmbeddedBroker::open(path, topology()).await.expect("nobody else has it");
    broker.with_dead_letters(DeadLetterQueues::by_suffix(&topology(), ".dlq"))
}

fn message(queue: &str, id: &str) -> Message {
    Message {
        exchange: String::new(),
        routing_key: queue.to_owned(),
        message_id: id.to_owned(),
        correlation_id: "order".to_owned(),
        schema: "test".to_owned(),
        version: 1,
        traceparent: String::new(),
        timestamp: 1,
        attempt: 5,
        body: b"{}".as_slice().into(),
    }
}

async fn publish(queue: &dyn Queue, name: &str, ids: &[&str]) {
    for id in ids {
        queue.publish(message(name, id)).await.expect("it is confirmed");
    }
}

/// A subscription, and what is notified of its deliveries.
struct Consumer(Box<dyn Subscription>, Notify);

async fn consume(queue: &dyn Queue, name: &'static str, prefetch: u16) -> Consumer {
    let notify = Notify::default();
    let subscription = queue.subscribe(name, prefetch, notify.clone()).await;
    Consumer(subscription.expect("the queue is there"), notify)
}

impl Consumer {
    async fn next(&mut self) -> Delivery {
        let next = async {
            loop {
                if let Some(delivery) = self.0.take().expect("the subscription lives") {
                    return delivery;
                }
                self.1.notified().await;
            }
        };
        timeout(Duration::from_secs(10), next).await.expect("something is delivered")
    }

    async fn settle(&mut self, delivery: &Delivery, how: Settle) {
        self.0.settle(delivery.tag, how).await.expect("it is held");
    }
}

/// Everything in a queue, in order, with its redelivered flag.
async fn contents(queue: &dyn Queue, name: &'static str, count: usize) -> Vec<(String, bool)> {
    let mut consumer = consume(queue, name, 0).await;
    let mut found = Vec::new();
    for _ in 0..count {
        let delivery = consumer.next().await;
        found.push((delivery.message.message_id, delivery.redelivered));
    }
    found
}

/// Order, delivery counts, deaths and deadlines are those of before.
#[test]
fn a_restart_resumes() {
    real(async {
        let folder = Folder::new("restart");
        let broker = open(&folder.file()).await;
        let queue = broker.queue("test");
        publish(&*queue, WORK, &["done", "poison", "held", "held too", "waiting"]).await;
        publish(&*queue, "work.retry", &["later"]).await;
        let mut consumer = consume(&*queue, WORK, 4).await;
        let (done, poison) = (consumer.next().await, consumer.next().await);
        consumer.settle(&done, Settle::Ack).await;
        consumer.settle(&poison, Settle::Reject).await;
        broker.close().await;
        assert!(consumer.0.take().is_err(), "a closed broker has no subscriptions");
        assert!(queue.publish(message(WORK, "late")).await.is_err());

        let broker = open(&folder.file()).await;
        let queue = broker.queue("test");
        let dead = broker.list().await.expect("it runs");
        assert_eq!((dead.len(), &*dead[0].message.message_id), (1, "poison"));
        assert_eq!(dead[0].deaths[0].reason, DeathReason::Rejected);
        let found = contents(&*queue, WORK, 4).await;
        // The fourth was handed out when the first was settled.
        let expected = [("held", true), ("held too", true), ("waiting", true), ("later", false)];
        assert_eq!(found, expected.map(|(id, redelivered)| (id.to_owned(), redelivered)));
        drop(queue);
        broker.close().await;

        // That was the second return of what was held: one more than `work` allows.
        let broker = open(&folder.file()).await;
        let dead = broker.list().await.expect("it runs");
        let ids: Vec<_> = dead.iter().map(|dead| dead.message.message_id.as_str()).collect();
        assert_eq!(ids, ["poison", "held", "held too", "waiting"]);
        assert_eq!(dead[1].deaths[0].reason, DeathReason::DeliveryLimit);
        assert_eq!(contents(&*broker.queue("test"), WORK, 1).await, [("later".to_owned(), true)]);
        broker.close().await;
    });
}

#[test]
fn an_operator_lists_shows_and_replays_dead_letters() {
    real(async {
        let folder = Folder::new("operator");
        let broker = open(&folder.file()).await;
        let queue = broker.queue("test");
        publish(&*queue, WORK, &["poison"]).await;
        let mut consumer = consume(&*queue, WORK, 1).await;
        let delivery = consumer.next().await;
        consumer.settle(&delivery, Settle::Reject).await;

        let dead = broker.list().await.expect("it runs");
        assert_eq!((dead.len(), &*dead[0].queue), (1, DEAD));
        let shown = broker.show(DEAD, "poison").await.expect("it runs");
        assert_eq!(shown.as_ref(), Some(&dead[0]));
        assert!(shown.is_some_and(|dead| dead.died_at().is_some()));
        for (queue, id) in [(DEAD, "other"), (WORK, "poison"), ("none.dlq", "poison")] {
            assert_eq!(broker.show(queue, id).await.expect("it runs"), None, "{queue} {id}");
            assert!(!broker.replay(queue, id).await.expect("it runs"), "{queue} {id}");
        }

        assert!(broker.replay(DEAD, "poison").await.expect("it runs"));
        assert!(!broker.replay(DEAD, "poison").await.expect("it runs"));
        let again = consumer.next().await;
        assert_eq!(again.message, Message { attempt: 0, ..message(WORK, "poison") });
        assert_eq!(broker.list().await.expect("it runs"), []);
        broker.close().await;
    });
}

#[test]
fn a_file_is_one_brokers_own_and_whole() {
    real(async {
        let folder = Folder::new("files");
        let broker = open(&folder.file()).await;
        let second = EmbeddedBroker::open(&folder.file(), topology()).await;
        assert!(matches!(second.err(), Some(JournalError::InUse(_))));
        publish(&*broker.queue("test"), WORK, &["a"]).await;
        broker.close().await;
        broker.close().await;

        let other = Topology { queues: vec![QueueSpec::named("other")], ..Topology::default() };
        let other = EmbeddedBroker::open(&folder.file(), other).await;
        let error = other.err().expect("it has no queue for the message").to_string();
        assert!(error.contains("queue work"), "{error}");

        fs::write(
            folder.file(),
            b"no database at all, but long enough to be read as one".repeat(99),
        )
        .expect("the folder is ours");
        let damaged = EmbeddedBroker::open(&folder.file(), topology()).await;
        assert!(matches!(damaged.err(), Some(JournalError::Damaged { .. })));
    });
}

/// Where the broker of the process to be killed is.
const PATH: &str = "STORMPROOF_TEST_BROKER";

/// A process that publishes and consumes is killed at any moment, again and again: what it knew to be
/// confirmed and did not acknowledge is there, and nothing is there twice.
#[test]
fn a_kill_loses_nothing_that_was_confirmed() {
    let folder = Folder::new("kill");
    let (mut confirmed, mut settled) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..5 {
        let mut child = child(&folder.file(), round);
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut seen = 0;
        for line in lines.map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("confirmed", id)) => drop(confirmed.insert(id.to_owned())),
                Some(("settling", id)) => drop(settled.insert(id.to_owned())),
                _ => continue,
            }
            seen += 1;
            if seen == 150 + 37 * round {
                child.kill().expect("it runs");
            }
        }
        child.wait().expect("it was killed");
        assert!(seen >= 150 + 37 * round, "the child ended by itself after {seen} lines");
        real(async {
            let broker = open(&folder.file()).await;
            let dead = broker.list().await.expect("it runs");
            let mut left: Vec<_> = dead.into_iter().map(|dead| dead.message.message_id).collect();
            let queue = broker.queue("test");
            publish(&*queue, WORK, &["last"]).await;
            let mut consumer = consume(&*queue, WORK, 0).await;
            loop {
                let delivery = consumer.next().await;
                if delivery.message.message_id == "last" {
                    consumer.settle(&delivery, Settle::Ack).await;
                    break;
                }
                left.push(delivery.message.message_id);
            }
            let distinct: BTreeSet<_> = left.iter().cloned().collect();
            assert_eq!(distinct.len(), left.len(), "a message is there twice");
            let lost: Vec<_> = confirmed
                .iter()
                .filter(|id| !settled.contains(*id) && !distinct.contains(*id))
                .collect();
            assert!(lost.is_empty(), "confirmed and lost: {lost:?}");
            assert!(!left.is_empty(), "the kill came when nothing was left to lose");
            broker.close().await;
        });
    }
}

fn child(path: &Path, round: usize) -> Child {
    let program = env::current_exe().expect("this test runs from a file");
    Command::new(program)
        .args(["--exact", "contract::embedded::child_works_until_it_is_killed"])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .env(PATH, path)
        .env("STORMPROOF_TEST_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be started again")
}

/// Not a test of its own: the process that the test above kills.
#[test]
#[ignore = "started and killed by another test"]
fn child_works_until_it_is_killed() {
    let Some(path) = env::var_os(PATH) else { return };
    let round = env::var("STORMPROOF_TEST_ROUND").expect("it is set together with the path");
    real(async {
        // The test's own name stands at the beginning of the line.
        say("");
        let broker = open(Path::new(&path)).await;
        for publisher in 0..4 {
            let (queue, round) = (broker.queue("publisher"), round.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    let id = format!("m{round}-{publisher}-{number}");
                    match queue.publish(message(WORK, &id)).await {
                        Ok(()) => say(&format!("confirmed {id}")),
                        Err(PublishError::Returned(_) | PublishError::Unknown(_)) => break,
                    }
                }
            });
        }
        let mut consumer = consume(&*broker.queue("consumer"), WORK, 8).await;
        for number in 0_u64.. {
            let delivery = consumer.next().await;
            // Two of three are left in hand or rejected, and must come to light again.
            match number % 3 {
                0 => {
                    say(&format!("settling {}", delivery.message.message_id));
                    consumer.settle(&delivery, Settle::Ack).await;
                }
                _ => consumer.settle(&delivery, Settle::Reject).await,
            }
        }
    });
}

/// A line that is out before anything else happens.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody reads");
}
