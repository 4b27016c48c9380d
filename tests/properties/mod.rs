//! Properties of the whole shop, over workloads and fault plans that proptest draws and shrinks.
//!
//! What is drawn, and how it can shrink, is `plan.rs`. A case that fails is printed as a file for
//! `scenarios/regressions/`. The same cases every time; `PROPTEST_CASES` asks for more of them.

mod plan;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed, TestError, TestRunner};
use stormproof_sim::outcome::Outcome;
use stormproof_sim::shop::scenario::tables::Document;
use stormproof_sim::shop::scenario::{Mistake, Scenario};
use stormproof_sim::shop::{Options, simulate};

/// Cases of each property, unless the environment asks for another number.
const CASES: u32 = 60;
/// How long a failed case is made smaller, twice. One that never comes to rest takes its time.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where cases that once failed are kept, to be tried first.
const FAILED_BEFORE: &str = "tests/properties.regressions";

/// A case, ready to run; printed as the file that runs it again.
#[derive(Clone)]
struct Case(Scenario);

impl fmt::Debug for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a file for scenarios/regressions/:\n\n{}", self.0.to_toml())
    }
}

impl Case {
    /// The case that a file with this document holds: written and read again, so that what is
    /// printed is what was run.
    fn of(document: &Document) -> Result<Case, Mistake> {
        Scenario::parse("generated.toml", &document.to_toml()).map(Case)
    }
}

/// What an order does not need is back on its shelf, and no unit is sold twice.
#[test]
fn no_stock_stuck() {
    holds(1, &["no stock stuck", "stock conserved", "no oversell"]);
}

/// One debit, one refund, and every cent is somewhere.
#[test]
fn no_double_refund() {
    holds(2, &["one debit, one refund", "money conserved", "no money kept", "delivered is paid"]);
}

/// Every order settles, all views agree, nothing is forgotten, and every promise is kept: whatever
/// an invariant can say about the end of a run, it does not say.
#[test]
fn eventual_consistency() {
    holds(3, &[]);
}

/// Simulates the cases of `seed`: none of these invariants breaks; without any, none at all.
fn holds(seed: u64, invariants: &[&str]) {
    judge(seed, |outcome| {
        let judged = |name: &str| invariants.is_empty() || invariants.contains(&name);
        let broken = outcome.broken.iter().filter(|broken| judged(&broken.invariant));
        broken.map(|broken| format!("{}: {}\n", broken.invariant, broken.what)).collect()
    });
}

/// Shrinks and reports the first case of which `complain` has something to say.
fn judge(seed: u64, complain: impl Fn(&Outcome) -> String) {
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases = cases.map_or(CASES, |text| text.parse().expect("PROPTEST_CASES is a number"));
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(FAILED_BEFORE))),
        max_shrink_iters: 1000,
        max_shrink_time: u32::try_from(PATIENCE.as_millis()).expect("a minute"),
        ..ProptestConfig::default()
    });
    let complaints = |Case(scenario): &Case| {
        let run = || simulate(scenario, scenario.seed, Options::default());
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(outcome) => complain(&outcome),
            Err(_) => "the simulator panicked".to_owned(),
        }
    };
    let drawn = plan::plan().prop_map(|plan| {
        let document = plan.document();
        Case::of(&document).unwrap_or_else(|mistake| panic!("{mistake}\n{}", document.to_toml()))
    });
    let result = runner.run(&drawn, |case| {
        let complaints = complaints(&case);
        prop_assert!(complaints.is_empty(), "{complaints}");
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(_, case)) => {
            let case = without_the_rest(case, |case| !complaints(case).is_empty());
            panic!("{}\n{case:?}", complaints(&case));
        }
        Err(error) => panic!("{error}"),
    }
}

/// The case without any fault, customer or step that it can fail without. Proptest tries to do
/// without each only before it makes the others smaller, which leaves some that were needed then.
fn without_the_rest(mut case: Case, fails: impl Fn(&Case) -> bool) -> Case {
    let begun = Instant::now();
    loop {
        let smaller = smaller(&case.0.document).into_iter();
        match smaller.filter_map(|document| Case::of(&document).ok()).find(&fails) {
            Some(found) if begun.elapsed() < PATIENCE => case = found,
            Some(found) => return found,
            None => return case,
        }
    }
}

/// Every document that has one part less.
fn smaller(document: &Document) -> Vec<Document> {
    let mut all = Vec::new();
    let mut without = |change: &dyn Fn(&mut Document)| {
        let mut document = document.clone();
        change(&mut document);
        all.push(document);
    };
    for place in 0..document.faults.len() {
        without(&|document| drop(document.faults.remove(place)));
    }
    for (number, customer) in document.customers.iter().enumerate() {
        without(&|document| drop(document.customers.remove(number)));
        for step in 0..customer.script.len() {
            without(&|document| drop(document.customers[number].script.remove(step)));
        }
    }
    all
}
