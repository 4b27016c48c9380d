//! What an order may cost where nothing goes wrong: statements, commits, and what goes to the broker and
//! comes from it, as the mean of a few runs. A change that makes an order dearer says so here, and what it
//! buys.

use std::collections::BTreeMap;

use stormproof_explore::{Options, System as _};
use stormproof_faults::outcome::Outcome;
use stormproof_shop::scenario::Action;
use stormproof_sim::{Shop, simulate};
use stormproof_world::history::{Event, Kind};

/// The most for each order, by kind of statement, all databases together: what it takes, and a little
/// more. Looks of idle workers are among them; the registration of customers is not.
const STATEMENTS: [(&str, f64); 6] = [
    ("BEGIN", 16.7),
    ("COMMIT", 14.0),
    ("SELECT", 10.7),
    ("INSERT", 29.2),
    ("UPDATE", 18.3),
    ("DELETE", 0.1),
];

/// The most statements of all kinds together.
const ALL: f64 = 90.0;

/// The most round trips to the broker for each order: a message and its confirm, a delivery and its
/// acknowledgement.
const BROKER: f64 = 12.0;

/// How many seeds the mean is taken of: how many changes share a transaction differs from run to run, by
/// up to one part in a hundred.
const SEEDS: u64 = 3;

#[test]
fn an_order_keeps_to_its_budget() {
    let fair = Shop.fair_weather(400).expect("the shop has one");
    let mut idle = fair.scenario.clone();
    for customer in &mut idle.customers {
        customer.script.truncate(1);
        customer.script[0].action = Action::Wait;
    }
    let registered = by_kind(&simulate(&idle, 1, Options::default()));
    let mut spent = BTreeMap::<String, f64>::new();
    let mut round_trips = 0.0;
    for seed in 1..=SEEDS {
        let outcome = simulate(&fair.scenario, seed, Options { trace: true, ..Options::default() });
        (fair.check)(&outcome).expect("every order is delivered");
        let orders = outcome.figures.number("orders") as f64 * SEEDS as f64;
        for (kind, count) in by_kind(&outcome) {
            let registered = registered.get(&kind).copied().unwrap_or_default();
            *spent.entry(kind).or_default() += (count - registered) / orders;
        }
        let events = outcome.trace.iter().map(|line| serde_json::from_str::<Event>(line));
        let of_broker = events
            .map(|event| event.expect("a trace is of events").kind)
            .filter(|kind| matches!(kind, Kind::Publish | Kind::Deliver))
            .count();
        round_trips += of_broker as f64 / orders;
    }
    let all: f64 = spent.values().sum();

    let told = format!(
        "an order spent {all:.2} statements, {spent:.2?}, {round_trips:.2} round trips to the broker"
    );
    for kind in spent.keys() {
        assert!(STATEMENTS.iter().any(|(budgeted, _)| budgeted == kind), "{kind}: {told}");
    }
    for (kind, most) in STATEMENTS {
        let count = spent.get(kind).copied().unwrap_or_default();
        assert!(count <= most, "{kind}, at most {most}: {told}");
    }
    assert!(all <= ALL, "at most {ALL}: {told}");
    assert!(round_trips <= BROKER, "at most {BROKER}: {told}");
}

/// How many statements of each kind all databases have run.
fn by_kind(outcome: &Outcome) -> BTreeMap<String, f64> {
    let mut statements = BTreeMap::new();
    for (kind, count) in outcome.statements.values().flatten() {
        *statements.entry(kind.clone()).or_default() += *count as f64;
    }
    statements
}
