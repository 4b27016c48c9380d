//! Generated operations against the broker: what must hold after each of them, whatever they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::testing::*;
use super::{Broker, Change, ConnectionId, ConsumerId, DeadLetter, Death, Place, Published};
use super::{QueueSpec, Stored};
use stormproof_ports::time::Time;

const PREFETCH: u16 = 3;

/// A client's view of the broker, and a small random generator (SplitMix64).
struct Script {
    broker: Broker,
    draws: u64,
    now: Time,
    connections: Vec<ConnectionId>,
    consumers: Vec<ConsumerId>,
    /// What was delivered and not settled.
    held: Vec<(ConsumerId, u64)>,
    last_tags: BTreeMap<ConnectionId, u64>,
    /// Publishes without their confirm.
    unconfirmed: BTreeSet<(ConnectionId, u64)>,
    /// What a journal would hold: by serial, the queue, the number of its return, and the message.
    journal: BTreeMap<u64, (Arc<str>, Place, usize, Stored)>,
    returns: usize,
    /// How many messages were made and settled: their difference must lie in queues.
    made: usize,
    done: usize,
}

impl Script {
    fn new(seed: u64) -> Script {
        let mut broker = Broker::new();
        let to = |key: &str| Some(DeadLetter { exchange: String::new(), routing_key: key.into() });
        let millis = |millis| Some(Duration::from_millis(millis));
        for spec in [
            QueueSpec {
                delivery_limit: Some(2),
                dead_letter: to("retry"),
                ..QueueSpec::named("work")
            },
            QueueSpec {
                message_ttl: millis(5),
                dead_letter: to("work"),
                ..QueueSpec::named("retry")
            },
            QueueSpec { max_length: Some(4), dead_letter: to("work"), ..QueueSpec::named("small") },
        ] {
            broker.declare_queue(spec).unwrap();
        }
        broker.record();
        Script {
            broker,
            draws: seed,
            now: T0,
            connections: Vec::new(),
            consumers: Vec::new(),
            held: Vec::new(),
            last_tags: BTreeMap::new(),
            unconfirmed: BTreeSet::new(),
            journal: BTreeMap::new(),
            returns: 0,
            made: 0,
            done: 0,
        }
    }

    fn draw(&mut self, bound: usize) -> usize {
        self.draws = self.draws.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.draws;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn step(&mut self) {
        let queue = ["work", "retry", "small"][self.draw(3)];
        match self.draw(20) {
            0..5 if !self.connections.is_empty() => self.publish(queue),
            5..8 => self.sync(),
            8..11 => self.deliver(),
            11..15 if !self.held.is_empty() => self.settle(),
            15 => self.connections.push(self.broker.connect()),
            16 if !self.connections.is_empty() => {
                let index = self.draw(self.connections.len());
                let connection = self.connections[index];
                self.consumers.push(self.broker.consume(connection, queue, PREFETCH).unwrap());
            }
            17 if !self.connections.is_empty() && self.draw(4) == 0 => {
                let index = self.draw(self.connections.len());
                let gone = self.connections.swap_remove(index);
                self.broker.disconnect(gone, self.now);
                self.forget(|connection| connection == gone);
            }
            18 if self.draw(8) == 0 => {
                self.broker.crash(self.now);
                self.connections.clear();
                self.forget(|_| true);
            }
            19 if !self.consumers.is_empty() && self.draw(4) == 0 => {
                let index = self.draw(self.consumers.len());
                let cancelled = self.consumers.swap_remove(index);
                self.broker.cancel(cancelled);
            }
            _ => {
                self.now = self.now + Duration::from_millis(1);
                self.broker.advance(self.now);
                assert!(self.broker.next_deadline().is_none_or(|next| next > self.now));
            }
        }
    }

    fn publish(&mut self, queue: &str) {
        let index = self.draw(self.connections.len());
        let connection = self.connections[index];
        let sent = message("", queue, &self.draws.to_string());
        match self.broker.publish(connection, sent, true, self.now).unwrap() {
            Published::Accepted { sequence } => {
                assert!(self.unconfirmed.insert((connection, sequence)));
            }
            Published::Refused { .. } => assert_eq!(queue, "small"),
            Published::Returned { .. } => panic!("every queue exists"),
        }
    }

    fn sync(&mut self) {
        self.made += self.broker.pending();
        for confirm in self.broker.sync() {
            assert!(self.unconfirmed.remove(&confirm), "confirmed twice or never published");
        }
        assert!(self.unconfirmed.is_empty() && !self.broker.has_pending());
    }

    fn deliver(&mut self) {
        for (consumer, delivered) in self.broker.deliver(self.now) {
            assert!(self.consumers.contains(&consumer), "delivered to a lost consumer");
            let last_tag = self.last_tags.entry(consumer.connection).or_default();
            assert_eq!(delivered.tag, *last_tag + 1);
            *last_tag = delivered.tag;
            self.held.push((consumer, delivered.tag));
            let holding = self.held.iter().filter(|(holder, _)| *holder == consumer).count();
            assert!(holding <= usize::from(PREFETCH));
        }
        for queue in self.broker.queues() {
            let idle = queue.ready_count() == 0 || queue.service.is_empty();
            assert!(idle, "deliver left something to do");
        }
    }

    fn settle(&mut self) {
        let index = self.draw(self.held.len());
        let (consumer, tag) = self.held.swap_remove(index);
        let connection = consumer.connection;
        match self.draw(3) {
            0 => self.broker.reject(connection, tag, true, self.now).unwrap(),
            1 => self.broker.reject(connection, tag, false, self.now).unwrap(),
            _ => {
                self.broker.ack(connection, tag).unwrap();
                self.done += 1;
            }
        }
        assert!(self.broker.ack(connection, tag).is_err());
    }

    fn forget(&mut self, lost: impl Fn(ConnectionId) -> bool) {
        self.consumers.retain(|consumer| !lost(consumer.connection));
        self.held.retain(|(consumer, _)| !lost(consumer.connection));
        self.unconfirmed.retain(|(connection, _)| !lost(*connection));
    }

    /// Enters the changes since the last time.
    fn keep_journal(&mut self) {
        for change in self.broker.take_changes() {
            match change {
                Change::Arrived { queue, stored } => {
                    let entry = (queue, Place::Waiting, 0, stored);
                    self.journal.insert(entry.3.serial, entry);
                }
                Change::HandedOut { serial } => {
                    self.journal.get_mut(&serial).unwrap().1 = Place::HandedOut;
                }
                Change::GivenBack { serial, delivery_count } => {
                    self.returns += 1;
                    let (_, place, number, stored) = self.journal.get_mut(&serial).unwrap();
                    (*place, *number) = (Place::Returned, self.returns);
                    stored.delivery_count = delivery_count;
                }
                Change::Removed { serial } => {
                    self.journal.remove(&serial).unwrap();
                }
            }
        }
    }

    /// What a broker holds, made again from the journal.
    fn restored(&self) -> Vec<Vec<Remains>> {
        let mut broker = Script::new(0).broker;
        let mut entries: Vec<_> = self.journal.values().collect();
        entries.sort_by_key(|(_, place, number, stored)| match place {
            Place::Returned => (0, *number, stored.serial),
            _ => (1, 0, stored.serial),
        });
        for (queue, place, _, stored) in entries {
            broker.restore(queue, *place, stored.clone()).unwrap();
        }
        broker.crash(self.now);
        remains(&broker)
    }

    fn check(&self) {
        let depth: usize = self.broker.queues().map(|queue| queue.depth()).sum();
        let dropped = usize::try_from(self.broker.dropped()).unwrap();
        assert_eq!(self.made, self.done + dropped + depth, "a message was lost or doubled");
        let held: usize = self.broker.queues().map(|queue| queue.unacknowledged_count()).sum();
        assert_eq!(self.held.len(), held);
        let consumers: usize = self.broker.queues().map(|queue| queue.consumer_count()).sum();
        assert_eq!(self.consumers.len(), consumers);
        for consumer in &self.consumers {
            let holding = self.held.iter().filter(|(holder, _)| holder == consumer).count();
            let books = &self.broker.connections[&consumer.connection].consumers[&consumer.number];
            assert_eq!(books.unacknowledged, holding);
            let turns = &self.broker.queues[books.queue].service;
            let expected = usize::from(holding < usize::from(PREFETCH));
            assert_eq!(turns.iter().filter(|turn| *turn == consumer).count(), expected);
        }
    }
}

/// A message in a queue, without its serial.
type Remains = (String, u32, Option<Time>, Vec<Death>);

fn remains(broker: &Broker) -> Vec<Vec<Remains>> {
    let remains = |it: &Stored| {
        (it.message.message_id.clone(), it.delivery_count, it.expires_at, it.deaths.clone())
    };
    broker.queues().map(|queue| queue.ready().map(remains).collect()).collect()
}

/// Whenever the power goes, the journal gives back what the broker itself would have kept.
#[test]
fn a_journal_holds_what_a_crash_leaves() {
    for seed in 0..60 {
        let mut script = Script::new(seed);
        for _ in 0..300 {
            script.step();
            script.keep_journal();
            let mut crashed = script.broker.clone();
            crashed.crash(script.now);
            assert_eq!(script.restored(), remains(&crashed), "seed {seed}");
        }
    }
}

#[test]
fn no_script_loses_a_message_or_confuses_the_books() {
    for seed in 0..200 {
        let mut script = Script::new(seed);
        for _ in 0..500 {
            script.step();
            script.check();
        }
    }
}

#[test]
fn equal_scripts_end_in_equal_states() {
    let run = || {
        let mut script = Script::new(42);
        (0..2_000).for_each(|_| script.step());
        format!("{:?}", script.broker)
    };
    assert_eq!(run(), run());
}
