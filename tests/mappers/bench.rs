//! What a check works with: the ports of one replica, of which only the database is real.
//!
//! The clock stands still until a check moves it, ids are counted, and nobody answers calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use scoped_futures::{ScopedBoxFuture, ScopedFutureExt};
use sqlx::Row as _;
use stormproof_messaging::transaction::{Transaction, transact};
use stormproof_ports::absent::Absent;
use stormproof_ports::hand_clock::HandClock;
use stormproof_ports::time::Time;
use stormproof_ports::{Compute, Database, Ports, Rng};
use stormproof_system::error::Error;

/// The time at which every check begins, in microseconds since the epoch.
pub const START: i64 = 1_893_456_000_000_000;

/// Ports on a database of a service.
#[derive(Clone)]
pub struct Bench {
    pub ports: Ports,
    clock: Arc<HandClock>,
}

impl Bench {
    pub fn new(database: Arc<dyn Database>) -> Bench {
        let clock = Arc::new(HandClock::at(Time(START)));
        let ports = Ports {
            node: "replica-1".into(),
            clock: clock.clone(),
            rng: Arc::new(Counter::default()),
            http: Arc::new(NOBODY),
            queue: Arc::new(NOBODY),
            database,
            mailer: Arc::new(NOBODY),
            compute: Arc::new(Nowhere),
            outgoing: Default::default(),
            transactions: Default::default(),
        };
        Bench { ports, clock }
    }

    /// Sets the clock to `micros` after the start.
    pub fn set_clock(&self, micros: i64) {
        self.clock.set(Time(START + micros));
    }

    /// Does `work` in a transaction of its own. What the work answers is answered: a lost race is
    /// told, where a service would run the transaction again. Only `Ok` is kept.
    pub async fn once<'p, 'a, T: Send + 'a>(
        &'p self,
        mut work: impl for<'t> FnMut(
            &'t mut Transaction<'p>,
        ) -> ScopedBoxFuture<'a, 't, Result<T, Error>>
        + Send,
    ) -> Result<T, Error>
    where
        'a: 'p,
    {
        let refused = Arc::new(Mutex::new(None));
        let slot = refused.clone();
        let done = transact(&self.ports, "once", move |transaction| {
            let (work, slot) = (work(transaction), slot.clone());
            async move {
                work.await.map_err(|error| {
                    *slot.lock().expect("nobody panics with it") = Some(error);
                    Error::Unavailable("refused".into())
                })
            }
            .scope_boxed()
        })
        .await;
        match refused.lock().expect("nobody panics with it").take() {
            Some(error) => Err(error),
            None => done,
        }
    }

    /// Rows past all mappers, each as its columns in words.
    pub async fn rows(&self, sql: &'static str) -> Vec<String> {
        let rows = self.once(|transaction| {
            async move { Ok(sqlx::query(sql).fetch_all(transaction.sql()).await?) }.scope_boxed()
        });
        let rows = rows.await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let column = |row: &sqlx::any::AnyRow, column| {
            let number =
                row.try_get::<Option<i64>, _>(column).map(|it| it.map(|it| it.to_string()));
            let text = || row.try_get::<Option<String>, _>(column);
            number.or_else(|_| text()).expect("a number or a text").unwrap_or("null".into())
        };
        let columns = |row| (0..sqlx::Row::len(row)).map(|place| column(row, place));
        rows.iter().map(|row| columns(row).collect::<Vec<_>>().join(" ")).collect()
    }

    /// A change past all mappers.
    pub async fn execute(&self, sql: &'static str) -> Result<u64, Error> {
        self.once(|transaction| {
            async move { Ok(sqlx::query(sql).execute(transaction.sql()).await?.rows_affected()) }
                .scope_boxed()
        })
        .await
    }
}

/// Counts instead of rolling dice, so that ids differ and grow.
#[derive(Default)]
struct Counter(AtomicU64);

impl Rng for Counter {
    fn fill(&self, _: &'static str, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.fill(0);
        let length = bytes.len().min(count.len());
        bytes[..length].copy_from_slice(&count[count.len() - length..]);
    }
}

/// Whoever is not there.
const NOBODY: Absent = Absent("mappers ask nobody");

/// Where nothing is computed.
struct Nowhere;

impl Compute for Nowhere {
    fn run(&self, _: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()> {
        unreachable!("mappers compute nothing")
    }
}
