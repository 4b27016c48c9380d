//! Runs, from the outside.

use super::scenario::Scenario;
use super::{Options, simulate};

const ONE_ORDER: &str = r#"
about = "An order is delivered."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
balance = 100_00
script = [ { order = { teapot = 2 } } ]
[expect]
orders = { DELIVERED = 1 }
debits = 1
refunds = 0
dead = 0
"#;

#[test]
fn one_order_is_delivered() {
    let scenario = Scenario::parse("one_order.toml", ONE_ORDER).expect("no mistake");
    let outcome = simulate(&scenario, 7, Options { story: true, trace: false });
    assert_eq!(outcome.broken, [], "{}", outcome.story.join("\n"));
    assert_eq!(outcome.orders_by_status["DELIVERED"], 1);
    let last = outcome.story.last().expect("a last line");
    assert!(last.contains("1 DELIVERED · money 100.00 = 100.00 · stock 3 = 1 + 2"), "{last}");
}

#[test]
fn the_same_pair_gives_the_same_outcome() {
    let scenario = Scenario::parse("one_order.toml", ONE_ORDER).expect("no mistake");
    let options = Options { story: true, trace: true };
    let first = simulate(&scenario, 7, options);
    assert_eq!(simulate(&scenario, 7, options), first);
    assert_ne!(simulate(&scenario, 8, options).fingerprint, first.fingerprint);
}
