//! What services write down of their own doing: messages sent and received, moves of machines.

use std::collections::{BTreeMap, BTreeSet};

use stormproof_ports::time::Time;
use stormproof_system::messages::QUEUES;

use super::final_state::FinalState;
use super::inspection::{Inspect, rows, text};
use super::rows::Id;

const SENT: &str = "SELECT id, exchange, routing_key, correlation_id, created_at FROM outbox \
     WHERE status = 'SENT'";
const RECEIVED: &str = "SELECT queue, message_id FROM inbox";
const MOVES: &str = "SELECT noun, subject, from_state, to_state FROM audit";

/// What all services have written down, and not forgotten.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Messages that the broker has confirmed.
    pub sent: Vec<SentMessage>,
    /// Messages that were received: queue and id.
    pub received: BTreeSet<(Id, Id)>,
    /// From where to where machines moved, by noun and subject.
    pub moves: BTreeMap<(Id, Id), Vec<(Id, Id)>>,
}

/// A message that an outbox calls sent.
#[derive(Clone, Debug)]
pub struct SentMessage {
    pub id: Id,
    pub exchange: Id,
    pub routing_key: Id,
    pub order: Id,
    pub written_at: Time,
}

impl Books {
    /// Adds what is written in a database.
    pub async fn read(environment: &impl Inspect, database: &str, final_state: &mut FinalState) {
        for row in rows(environment, database, SENT, final_state).await {
            let [id, exchange, routing_key, order] = [0, 1, 2, 3].map(|at| text(&row[at]));
            let written_at = Time(row[4].as_i64().unwrap_or(0));
            final_state.books.sent.push(SentMessage {
                id,
                exchange,
                routing_key,
                order,
                written_at,
            });
        }
        for row in rows(environment, database, RECEIVED, final_state).await {
            final_state.books.received.insert((text(&row[0]), text(&row[1])));
        }
        for row in rows(environment, database, MOVES, final_state).await {
            let [noun, subject, from, to] = [0, 1, 2, 3].map(|at| text(&row[at]));
            final_state.books.moves.entry((noun, subject)).or_default().push((from, to));
        }
    }
}

impl SentMessage {
    /// The queues that it went to.
    pub fn queues(&self) -> impl Iterator<Item = &'static str> {
        let topic = |binding: &str| match binding.strip_suffix('#') {
            Some(begin) => self.routing_key.starts_with(begin),
            None => *self.routing_key == *binding,
        };
        let bound = QUEUES.iter().filter(move |queue| *queue.exchange == *self.exchange);
        bound.filter(move |queue| topic(queue.binding)).map(|queue| queue.name)
    }
}
