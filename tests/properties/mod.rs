//! Properties of the whole shop, over workloads and fault plans that proptest draws and shrinks.
//!
//! What is drawn, and how it can shrink, is `plan.rs`. A case that fails is printed as a file for
//! `scenarios/regressions/`. The same cases every time; `PROPTEST_CASES` asks for more of them.

mod plan;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed, TestError, TestRunner};
use stormproof_explore::shrink::Trial;
use stormproof_explore::smaller::shrink;
use stormproof_faults::outcome::Outcome;
use stormproof_shop::scenario::tables::Document;
use stormproof_shop::scenario::{Mistake, Scenario};
use stormproof_sim::{Options, Shop, simulate};

/// Cases of each property, unless the environment asks for another number.
const CASES: u32 = 100;
/// Candidates at the most when a failed case is made smaller once more.
const CANDIDATES_MAX: u64 = 1_000;
/// How long proptest makes a failed case smaller. One that never comes to rest takes its time.
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

/// A run, and what there is to complain of.
type Ended = (Outcome, String);

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
    let end = |Case(scenario): &Case| -> Ended {
        let run = || simulate(scenario, scenario.seed, Options::default());
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(outcome) => {
                let complaints = complain(&outcome);
                (outcome, complaints)
            }
            Err(_) => (Outcome::default(), "the simulator panicked".to_owned()),
        }
    };
    let fired = RefCell::new(BTreeMap::new());
    let drawn = plan::plan().prop_map(|plan| {
        let document = plan.document();
        Case::of(&document).unwrap_or_else(|mistake| panic!("{mistake}\n{}", document.to_toml()))
    });
    let result = runner.run(&drawn, |case| {
        let (outcome, complaints) = end(&case);
        for (kind, times) in outcome.faults_fired {
            *fired.borrow_mut().entry(kind).or_insert(0) += times;
        }
        prop_assert!(complaints.is_empty(), "{complaints}");
        Ok(())
    });
    match result {
        // Fewer cases are somebody's experiment.
        Ok(()) if cases >= CASES => tried_hard(&fired.into_inner()),
        Ok(()) => {}
        Err(TestError::Fail(_, case)) => {
            let case = without_the_rest(case, end);
            panic!("{}\n{case:?}", end(&case).1);
        }
        Err(error) => panic!("{error}"),
    }
}

/// Kinds of fault that ask the same of the shop: who ends must be gone on after, what comes late or
/// twice must have its effect once, what is not known must be asked for again.
const FAMILIES: [&[&str]; 4] = [
    &["crash", "stop"],
    &["pause", "slow", "slow link", "request late", "message late"],
    &["reply lost", "confirm lost", "connection lost after commit"],
    &["request twice", "message twice"],
];

/// A property that nothing has shaken says nothing.
fn tried_hard(fired: &BTreeMap<String, u64>) {
    for family in FAMILIES {
        let times: u64 = family.iter().filter_map(|kind| fired.get(*kind)).sum();
        assert!(times >= 3, "{family:?} fired {times} times: {fired:?}");
    }
    let kinds = fired.values().filter(|times| **times > 0).count();
    assert!(kinds >= fired.len() * 3 / 4, "{kinds} kinds of fault fired: {fired:?}");
}

/// Tries cases in this very process.
struct Here<F>(F);

impl<F: Fn(&Case) -> Ended> Trial<Document> for Here<F> {
    type Evidence = Outcome;

    fn first(&mut self, candidates: &[Document]) -> Result<Option<(usize, Outcome)>, String> {
        for (place, document) in candidates.iter().enumerate() {
            let Ok(case) = Case::of(document) else { continue };
            let (outcome, complaints) = (self.0)(&case);
            if !complaints.is_empty() {
                return Ok(Some((place, outcome)));
            }
        }
        Ok(None)
    }
}

/// The case without anything that it can fail without. Proptest tries to do without each part only
/// before it makes the others smaller, which leaves some that were needed then.
fn without_the_rest(case: Case, end: impl Fn(&Case) -> Ended) -> Case {
    let (outcome, _) = end(&case);
    let found = shrink(&Shop, &mut Here(end), case.0.document, outcome, CANDIDATES_MAX);
    let smallest = found.expect("cases run here").smallest;
    Case::of(&smallest).unwrap_or_else(|mistake| panic!("{mistake}"))
}
