//! Transactions that overlap, in the seeded world's database and in PostgreSQL: generated interleavings of
//! two and three of them, statement by statement, come to the same on both. What differs on purpose is in
//! `differences.rs`, a test a row.

mod differences;
mod plan;
mod run;

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::servers::postgres::Postgres;
use plan::{Plan, plan};
use run::{Server, in_the_world};

/// How many interleavings are compared; each takes Postgres some ten milliseconds.
const CASES: u32 = 400;

/// How often PostgreSQL plays a case at the most. Of two who wait for a row that is then changed, the second may
/// come first: both go on to its new version, and that is a race (219 of 3,000 times on two busy cores). The world
/// has one order, by arrival, which has to be one of PostgreSQL's.
const PLAYS_MAX: usize = 5;

fn compare(level: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let Some(server) = runtime.block_on(Postgres::or_skip("isolation")) else { return };
    let real = RefCell::new(runtime.block_on(Server::open(&server.url, level)));
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let compared = TestRunner::new_with_rng(config, rng).run(&plan(level), |plan: Plan| {
        let simulated = runtime.block_on(in_the_world(&plan));
        let play = || runtime.block_on(real.borrow_mut().play(&plan));
        let mut played = play();
        for _ in 1..PLAYS_MAX {
            if simulated == played {
                break;
            }
            played = play();
        }
        prop_assert_eq!(simulated, played, "the world on the left, PostgreSQL on the right");
        Ok(())
    });
    if let Err(error) = compared {
        panic!("{error}");
    }
}

#[test]
fn read_committed_is_postgresqls() {
    compare("READ COMMITTED");
}

#[test]
fn repeatable_read_is_postgresqls() {
    compare("REPEATABLE READ");
}
