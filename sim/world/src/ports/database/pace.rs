//! What time statements and locks take, where transactions overlap.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_ports::machine::WorkKind;

use super::COMMIT;
use crate::World;
use crate::node::NodeIndex;
use crate::processors::work;
use crate::sleep::{sleep, within};
use stormproof_sqlite::Pace;

/// How long a statement waits for a lock, as the real binding sets it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a statement takes, there and back, in microseconds.
const STATEMENT: Range<u64> = 50..400;

/// No sleep is shorter (`sleep`), so shorter times add up until they make one, in microseconds.
const SLEEP_MIN: u64 = 1_000;

/// What a statement begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Begin,
    Commit,
    Delete,
    Insert,
    Select,
    Update,
    Other,
}

impl Word {
    const ALL: [Word; 7] = [
        Word::Begin,
        Word::Commit,
        Word::Delete,
        Word::Insert,
        Word::Select,
        Word::Update,
        Word::Other,
    ];

    /// That of a text, of those that services send as texts.
    fn of(sql: &str) -> Word {
        let mut words = sql.trim_ascii_start().as_bytes().split(u8::is_ascii_whitespace);
        let first = words.next().and_then(|word| <[u8; 6]>::try_from(word).ok());
        let mut first = first.unwrap_or_default();
        first.make_ascii_uppercase();
        match &first {
            b"DELETE" => Word::Delete,
            b"INSERT" => Word::Insert,
            b"SELECT" => Word::Select,
            b"UPDATE" => Word::Update,
            _ => Word::Other,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Word::Begin => "BEGIN",
            Word::Commit => "COMMIT",
            Word::Delete => "DELETE",
            Word::Insert => "INSERT",
            Word::Select => "SELECT",
            Word::Update => "UPDATE",
            Word::Other => "other",
        }
    }

    /// What it is to a machine. Any other is little more than a round trip.
    fn work(self) -> WorkKind {
        match self {
            Word::Select => WorkKind::Select,
            Word::Insert => WorkKind::Insert,
            Word::Update => WorkKind::Update,
            Word::Delete => WorkKind::Delete,
            Word::Commit => WorkKind::Commit,
            Word::Begin | Word::Other => WorkKind::Finish,
        }
    }
}

/// How many statements were run, by what they begin with.
#[derive(Default)]
pub(super) struct StatementCounts([AtomicU64; Word::ALL.len()]);

impl StatementCounts {
    fn add(&self, word: Word) {
        self.0[word as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Those that there were.
    pub(super) fn all(&self) -> BTreeMap<String, u64> {
        let counts = Word::ALL.into_iter().zip(&self.0);
        let counts = counts.map(|(word, count)| (word, count.load(Ordering::Relaxed)));
        let counts = counts.filter(|(_, count)| *count > 0);
        counts.map(|(word, count)| (word.as_str().to_owned(), count)).collect()
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
        pace.count(Word::Begin);
        pace
    }

    fn count(&self, word: Word) {
        self.world.0.databases[self.place].statements.add(word);
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
        let word = Word::of(sql);
        self.count(word);
        if let Some(work) = self.work(word.work()) {
            return Some(work);
        }
        match self.owes(STATEMENT) + self.ahead < SLEEP_MIN {
            true => None,
            false => self.sleep_off(),
        }
    }

    fn commit(&self) -> Option<BoxFuture<'static, ()>> {
        self.count(Word::Commit);
        if let Some(work) = self.work(Word::Commit.work()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_its_first_word() {
        assert_eq!(Word::of("SELECT 1"), Word::Select);
        assert_eq!(Word::of("\n  insert\ninto shelf VALUES (1)"), Word::Insert);
        assert_eq!(Word::of("UPDATE shelf SET n = 1"), Word::Update);
        assert_eq!(Word::of("DELETE\tFROM shelf"), Word::Delete);
        assert_eq!(Word::of("SELECT"), Word::Select);
        for other in ["", "SELECTED 1", "WITH one AS (SELECT 1)", "VALUES (1)"] {
            assert_eq!(Word::of(other), Word::Other, "{other}");
        }
    }

    #[test]
    fn what_was_run_is_counted() {
        let counts = StatementCounts::default();
        for word in [Word::Update, Word::Other, Word::Update] {
            counts.add(word);
        }
        let expected = [("UPDATE".to_owned(), 2), ("other".to_owned(), 1)];
        assert_eq!(counts.all(), expected.into());
    }
}
