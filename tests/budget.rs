//! What an order may cost where nothing goes wrong: statements, commits, and what goes to the broker and
//! comes from it. A change that makes an order dearer says so here, and what it buys.

use std::collections::BTreeMap;

use stormproof_explore::{Options, System as _};
use stormproof_sim::{Shop, simulate};
use stormproof_world::history::{Event, Kind};

/// The most for each order, by kind of statement, all databases together: what it takes, and a little
/// more. Looks of idle workers are among them.
const STATEMENTS: [(&str, f64); 6] = [
    ("BEGIN", 17.6),
    ("COMMIT", 14.6),
    ("SELECT", 15.6),
    ("INSERT", 29.2),
    ("UPDATE", 20.3),
    ("DELETE", 0.1),
];

/// The most round trips to the broker for each order: a message and its confirm, a delivery and its
/// acknowledgement.
const BROKER: f64 = 12.0;

#[test]
fn an_order_keeps_to_its_budget() {
    let fair = Shop.fair_weather().expect("the shop has one");
    let outcome = simulate(&fair.scenario, 1, Options { trace: true, ..Options::default() });
    (fair.check)(&outcome).expect("every order is delivered");
    let orders = outcome.figures.number("orders") as f64;

    let mut statements: BTreeMap<&str, f64> = BTreeMap::new();
    for (kind, count) in outcome.statements.values().flatten() {
        *statements.entry(kind).or_default() += *count as f64 / orders;
    }
    let events = outcome.trace.iter().map(|line| serde_json::from_str::<Event>(line));
    let round_trips = events
        .map(|event| event.expect("a trace is of events").kind)
        .filter(|kind| matches!(kind, Kind::Publish | Kind::Deliver))
        .count() as f64
        / orders;

    let spent =
        format!("an order spent {statements:.1?}, {round_trips:.1} round trips to the broker");
    for kind in statements.keys() {
        assert!(STATEMENTS.iter().any(|(budgeted, _)| budgeted == kind), "{kind}: {spent}");
    }
    for (kind, most) in STATEMENTS {
        let count = statements.get(kind).copied().unwrap_or_default();
        assert!(count <= most, "{kind}, at most {most}: {spent}");
    }
    assert!(round_trips <= BROKER, "at most {BROKER}: {spent}");
}
