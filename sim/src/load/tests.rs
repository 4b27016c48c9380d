//! What a load in the seeded world is held to: the machine's own bounds, and that it is one run.

use stormproof_ports::machine::{Demand, WorkKind};
use stormproof_shop::load::goods::{Goods, Supply};

use super::*;

/// A millisecond of processor for a request, a tenth for all else, and nothing that waits.
fn machine(processors: usize) -> Machine {
    let demand = |kind| match kind {
        WorkKind::Request => Demand::constant(500.0, 500.0, 0.0),
        _ => Demand::constant(50.0, 50.0, 0.0),
    };
    Machine { processors, demands: WorkKind::ALL.map(|kind| (kind, demand(kind))).into() }
}

fn predicted(line: &str, scenario: &str) -> Result<Report, String> {
    let words = ["load", "--machine", "none"].into_iter().chain(line.split_whitespace());
    let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
    let load = arguments.load.load(true, arguments.seed)?;
    let text = format!("about = \"Under load.\"\n{scenario}");
    let scenario = Scenario::parse("load.toml", &text).map_err(|mistake| mistake.to_string())?;
    predict(load, machine(2), &scenario, arguments.seed)
}

fn p50_settled(report: &Report) -> f64 {
    report.settled.as_ref().expect("some orders settled").p50_ms
}

#[test]
fn the_same_load_is_the_same_report() {
    let report = |seed: u64| {
        let line = format!("--rate 50 --orders 40 --arrivals poisson --seed {seed}");
        let report = predicted(&line, "").expect("it can be run");
        assert!(report.broken.is_empty(), "{:?}", report.broken);
        serde_json::to_string(&report).expect("figures")
    };
    assert_eq!(report(3), report(3));
    assert_ne!(report(3), report(4));
}

/// Offered far more than it can do, the machine does as much as its processors have time for: an order
/// takes so much of them, and there are two.
#[test]
fn a_crowd_gets_all_that_the_processors_have() {
    let report = predicted("--orders 300", "").expect("it can be run");
    let each: f64 = report.processes.iter().map(|it| it.processor_ms_per_order).sum();
    let had = report.orders_per_second * each / 2000.0;
    assert!((0.8..=1.0).contains(&had), "{each} ms an order, {had} of the processors");
}

/// Under their names, of both Stores together.
#[test]
fn what_became_of_transactions_is_told_by_name() {
    let two = "[world]\nreplicas = { store = 2 }\n";
    let report = predicted("--rate 20 --orders 40 --cancel-percent 0", two).expect("it can be run");
    let committed = |service: &str, name: &str| {
        let named = report.named_transactions.iter();
        let mut named = named.filter(|it| it.service == service && it.transaction == name);
        named.next().map(|it| it.committed)
    };
    assert_eq!(committed("store", "place_order"), Some(40));
    assert!(committed("warehouse", "reserve").is_some_and(|it| it >= 40));
    assert_eq!(committed("store", "reserve"), None);
    assert!(report.remarks.iter().all(|remark| !remark.contains("transactions")));
}

/// A crowd keeps all three at their rounds, over the same parcels: none loses its round to another.
#[test]
fn replicas_that_move_the_same_parcels_undo_nothing() {
    let three = "[world]\nreplicas = { delivery = 3 }\n";
    let report = predicted("--orders 150 --cancel-percent 0", three).expect("it can be run");
    assert!(report.broken.is_empty(), "{:?}", report.broken);
    let mut named = report.named_transactions.iter();
    let rounds = named.find(|it| it.transaction == "advance_parcels").expect("parcels moved");
    assert_eq!((rounds.conflicts, rounds.given_up), (0, 0), "{} committed", rounds.committed);
}

#[test]
fn a_fault_has_its_price() {
    let slow = "[[fault]]\nslow = \"bank\"\nby = \"100ms\"\nuntil = \"60s\"\n";
    let (fair, slow) =
        (predicted("--rate 20 --orders 40", ""), predicted("--rate 20 --orders 40", slow));
    let price = p50_settled(&slow.expect("it fires")) - p50_settled(&fair.expect("it can be run"));
    assert!((100.0..1000.0).contains(&price), "{price} ms");
}

#[test]
fn a_fault_that_does_not_fire_is_told() {
    let late = "[[fault]]\nslow = \"bank\"\nby = \"100ms\"\nfrom = \"2000s\"\nuntil = \"2001s\"\n";
    let why = predicted("--rate 20 --orders 5", late).expect_err("nobody orders then");
    assert!(why.contains("did not fire"), "{why}");
}

/// Orders of several lines out of several warehouses, in a crowd: nobody gets what is not there, and
/// nobody is sent away while it is.
#[test]
fn a_sale_of_several_products_is_judged() {
    let line = "--orders 120 --products 5 --lines 3 --warehouses 4 --stock 40 --cancel-percent 10";
    let report = predicted(line, "").expect("it can be run");
    assert!(report.broken.is_empty(), "{:?}", report.broken);
    let sales = report.sales.expect("the goods are its own");
    // 72 units of each are asked for.
    assert!((30..=60).contains(&sales.refused), "{sales:?}");
    let supply = Some(Supply { units_of_each: 40, warehouses: 4 });
    assert_eq!(report.goods, Goods { lines_per_order: 3, products: 5, supply });
}

#[test]
fn what_is_wrong_is_said_with_what_was_expected() {
    let table = [
        ("--rate 0", "1..=100000"),
        ("--arrivals often --rate 5", "expected even or poisson"),
        ("--ramp 20", "FROM..TO:STEP"),
        ("--orders 5 --ramp 1..2:1", "cannot be used with"),
        ("--customers 1 --orders 101", "at least 2"),
    ];
    for (line, expected) in table {
        let why = predicted(line, "").expect_err(line);
        assert!(why.contains(expected), "{line}: {why}");
    }
    let why = super::machine(Path::new("nowhere.toml")).expect_err("there is no such file");
    assert!(why.starts_with("--machine nowhere.toml: "), "{why}");
}
