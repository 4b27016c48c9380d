//! The seeded world as an environment: what people ask of it, what phases ask of it, and what the
//! truth reads in its databases.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use stormproof_explore::ZERO;
use stormproof_faults::Fault;
use stormproof_ports::Ports;
use stormproof_ports::sql::Value;
use stormproof_shop::environment::{
    Controlled, Environment, FaultReport, Gathered, Observed, Outside,
};
use stormproof_shop::judge::Judge;
use stormproof_shop::truth::Truth;
use stormproof_shop::truth::final_state::FinalState;
use stormproof_shop::truth::inspection::{self, Inspect};
use stormproof_shop::truth::reading::{Committed, Peek, RowChange, RowFate, Rows};
use stormproof_sqlite::{Change, ChangeKind};
use stormproof_system::messages::DEAD;
use stormproof_world::{Commit, World};

use crate::final_state;

/// A world that a scenario is played in.
#[derive(Clone)]
pub(crate) struct Seeded(pub(crate) World);

/// The judge follows a commit.
pub(crate) fn observe(judge: &Judge, world: &World, commit: &Commit<'_>) {
    let seeded = Seeded(world.clone());
    let state = &mut *judge.state();
    if state.opened {
        let committed = Committed {
            at: commit.at,
            database: commit.database,
            facts: commit.facts,
            changes: commit.changes.iter().map(row_change).collect(),
        };
        let step = state.truth.follow(&seeded, &committed);
        state.follow(&seeded, &step);
    }
}

fn row_change(change: &Change) -> RowChange<'_> {
    let what = match change.kind {
        ChangeKind::Insert => RowFate::Inserted,
        ChangeKind::Update => RowFate::Updated,
        ChangeKind::Delete => RowFate::Deleted,
    };
    RowChange { table: &change.table, number: change.rowid, what }
}

impl Peek for Seeded {
    fn peek(&self, database: &str, sql: &'static str, arguments: &[Value]) -> Rows {
        self.0.database(database).peek(sql, arguments).expect("a watched table can be read")
    }
}

impl Inspect for Seeded {
    fn rows<'a>(&'a self, database: &'a str, sql: &'static str) -> BoxFuture<'a, Option<Rows>> {
        Box::pin(ready(self.0.database(database).peek(sql, &[]).ok()))
    }

    fn messages(&self) -> BoxFuture<'_, Result<usize, String>> {
        let waiting = self.0.broker(|broker| {
            let queues = broker.queues().filter(|queue| !queue.name().ends_with(DEAD));
            queues.map(|queue| queue.depth()).sum::<usize>() + broker.pending()
        });
        Box::pin(ready(Ok(waiting + self.0.messages_in_flight())))
    }

    fn leaks(&self) -> Vec<String> {
        final_state::leaks(&self.0)
    }
}

impl Observed for Seeded {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn alias(&self, order: &str) -> String {
        self.0.history().alias(order).to_string()
    }

    fn ready<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, usize> {
        let count =
            self.0.broker(|broker| broker.queue(queue).map_or(0, |queue| queue.ready_count()));
        Box::pin(ready(count))
    }

    /// The truth follows each commit at once.
    fn refreshed(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

impl Environment for Seeded {
    fn ports(&self, name: &str) -> Ports {
        self.0.ports(name)
    }

    fn say(&self, name: &str, order: &str, words: &str) {
        self.0.say(name, order, words);
    }

    fn spawn(&self, name: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let task = self.0.spawn(name, work);
        Box::pin(async move { task.await.expect("clients do not die") })
    }

    fn strike(&self, fault: &Fault) {
        self.0.strike(fault);
    }
}

impl Controlled for Seeded {
    fn storm(&self) -> BoxFuture<'_, Duration> {
        Box::pin(async {
            self.0.sleep(ZERO.saturating_sub(self.0.elapsed())).await;
            ZERO
        })
    }

    fn rest<'a>(
        &'a self,
        outside: Outside<'a>,
        bound: Duration,
    ) -> BoxFuture<'a, Option<Duration>> {
        let moves = move || {
            let moving = inspection::restless(self, outside).now_or_never();
            !moving.expect("a world answers at once").is_empty()
        };
        Box::pin(self.0.rest(bound, moves))
    }

    fn heal(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.heal_all())
    }

    fn faults(&self) -> FaultReport {
        FaultReport { fired: self.0.fired(), unfired: self.0.unfired(), strikes: self.0.strikes() }
    }

    /// Every commit was followed when it came.
    fn gather<'a>(&'a self, truth: Truth, outside: Outside<'a>) -> BoxFuture<'a, Gathered> {
        Box::pin(async move {
            let lost_commits = truth.compare(self);
            let seen = FinalState { lost_commits, ..final_state::seen(&self.0) };
            let final_state = inspection::gather(self, outside, seen).await;
            Gathered { final_state, whole: None }
        })
    }
}
