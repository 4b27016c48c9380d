//! What time statements and locks take, where transactions overlap.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_ports::machine::WorkKind;

use super::COMMIT;
use crate::node::NodeIndex;
use crate::processors::work;
use crate::sleep::{sleep, within};
use crate::{World, lock};
use stormproof_sqlite::Pace;

/// How long a statement waits for a lock, as the real binding sets it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a statement takes, there and back, in microseconds.
const STATEMENT: Range<u64> = 50..400;

/// No sleep is shorter (`sleep`), so shorter times add up until they make one, in microseconds.
const SLEEP_MIN: u64 = 1_000;

/// A statement's first word, of those that services use.
fn kind(sql: &str) -> &'static str {
    let first = sql.split_ascii_whitespace().next().unwrap_or_default();
    ["SELECT", "INSERT", "UPDATE", "DELETE"]
        .into_iter()
        .find(|kind| first.eq_ignore_ascii_case(kind))
        .unwrap_or("other")
}

/// What a statement of this first word is to a machine. Any other is little more than a round trip.
fn work_kind(word: &str) -> WorkKind {
    match word {
        "SELECT" => WorkKind::Select,
        "INSERT" => WorkKind::Insert,
        "UPDATE" => WorkKind::Update,
        "DELETE" => WorkKind::Delete,
        _ => WorkKind::Finish,
    }
}

/// Of one transaction. One that changes nothing has no commit to wait for, and may end owing less than a
/// sleep.
pub(super) struct TransactionPace {
    world: World,
    /// Whose transaction it is.
    client: NodeIndex,
    place: usize,
    /// What its statements have taken and nobody has slept yet, in microseconds.
    owed: AtomicU64,
    /// Where in a transaction it is slept off is chance: what is owed counts for so much more.
    ahead: u64,
}

impl TransactionPace {
    pub(super) fn new(world: &World, client: NodeIndex, place: usize) -> TransactionPace {
        let ahead = world.0.databases[place].latency(0..SLEEP_MIN).as_micros();
        let ahead = u64::try_from(ahead).expect("a millisecond at the most");
        let (world, owed) = (world.clone(), AtomicU64::new(0));
        let pace = TransactionPace { world, client, place, owed, ahead };
        pace.count("BEGIN");
        pace
    }

    fn count(&self, kind: &'static str) {
        *lock(&self.world.0.databases[self.place].statements).entry(kind).or_default() += 1;
    }

    fn owes(&self, range: Range<u64>) -> u64 {
        let latency = self.world.0.databases[self.place].latency(range).as_micros();
        let latency = u64::try_from(latency).expect("some milliseconds");
        self.owed.fetch_add(latency, Ordering::Relaxed) + latency
    }

    /// On a machine, whatever it does takes what it takes there.
    fn work(&self, kind: WorkKind) -> Option<BoxFuture<'static, ()>> {
        let server = self.world.0.databases[self.place].node;
        work(&self.world, kind, self.client, server).map(|work| Box::pin(work) as _)
    }

    fn sleep_off(&self) -> Option<BoxFuture<'static, ()>> {
        let owed = Duration::from_micros(self.owed.swap(0, Ordering::Relaxed));
        Some(Box::pin(sleep(&self.world.0.time, owed)))
    }
}

impl Pace for TransactionPace {
    fn statement(&self, sql: &str) -> Option<BoxFuture<'static, ()>> {
        let word = kind(sql);
        self.count(word);
        if let Some(work) = self.work(work_kind(word)) {
            return Some(work);
        }
        match self.owes(STATEMENT) + self.ahead < SLEEP_MIN {
            true => None,
            false => self.sleep_off(),
        }
    }

    fn commit(&self) -> Option<BoxFuture<'static, ()>> {
        self.count("COMMIT");
        if let Some(work) = self.work(WorkKind::Commit) {
            return Some(work);
        }
        self.owes(COMMIT);
        self.sleep_off()
    }

    fn lock(&self, turn: BoxFuture<'static, ()>) -> BoxFuture<'static, bool> {
        let world = self.world.clone();
        Box::pin(async move { within(&world.0.time, LOCK_TIMEOUT, turn).await.is_some() })
    }
}
