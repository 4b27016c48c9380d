//! The saga, proved: every step repeated, every step failed, every step's answer lost, and a power
//! cut at every moment of five journeys, resumed each time. Each case asserts that its fault fired.

use stormproof_faults::outcome::Outcome;
use stormproof_faults::service_moment::ServiceMoment;
use stormproof_shop::scenario::Scenario;
use stormproof_sim::{Options, simulate};

/// A journey: its name, and the scenario without faults of ours.
struct Journey {
    name: &'static str,
    toml: &'static str,
    /// The calls that it makes: (callee, operation).
    calls: &'static [(&'static str, &'static str)],
    /// The fault that the journey itself is made of; another fault may keep it from happening.
    own: &'static str,
}

const JOURNEYS: [Journey; 5] = [
    Journey {
        name: "delivered",
        toml: r#"
about = "An order is delivered."
[world]
replicas = { store = 2 }
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
script = [ { order = { teapot = 2 } } ]
[expect]
orders = { DELIVERED = 1 }
debits = 1
refunds = 0
"#,
        calls: &[
            ("warehouse", "availability"),
            ("warehouse", "reserve"),
            ("bank", "debit"),
            ("warehouse", "commit"),
        ],
        own: "none",
    },
    Journey {
        name: "cancelled",
        toml: r#"
about = "An order is cancelled before the pick-up."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
carrier = { pick_up = "10m" }
[[customer]]
script = [ { order = { teapot = 2 } }, { wait_until = "RECEIVED", cancel = "last" } ]
[expect]
orders = { CANCELLED = 1 }
debits = 1
refunds = 1
"#,
        calls: &[("warehouse", "return"), ("bank", "refund")],
        own: "none",
    },
    Journey {
        name: "declined",
        toml: r#"
about = "A card is declined."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
card = "declined"
script = [ { order = { teapot = 2 } } ]
[expect]
orders = { FAILED = 1 }
debits = 0
"#,
        calls: &[("warehouse", "release")],
        own: "none",
    },
    Journey {
        name: "lost",
        toml: r#"
about = "A parcel is lost."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
carrier = { lost_per_mille = 1000 }
[[customer]]
script = [ { order = { teapot = 2 } } ]
[expect]
orders = { LOST = 1 }
debits = 1
refunds = 1
"#,
        calls: &[("bank", "refund")],
        own: "none",
    },
    Journey {
        name: "given up",
        toml: r#"
about = "A debit in doubt is given up."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
script = [ { order = { teapot = 2 } }, { after = "2s", cancel = "last" } ]
[[fault]]
request_late = "store -> bank"
of = "debit"
by = "2m"
[expect]
orders = { CANCELLED = 1 }
debits = 0
"#,
        calls: &[("bank", "void"), ("warehouse", "release")],
        own: "request late store -> bank: debit",
    },
];

fn run(journey: &Journey, fault: &str) -> Outcome {
    // The faults come before the expectations: a table of tables may not be interrupted.
    let toml = format!("{}\n{fault}", journey.toml);
    let scenario = Scenario::parse(&format!("{}.toml", journey.name), &toml);
    let scenario = scenario.unwrap_or_else(|mistake| panic!("{mistake}\n{toml}"));
    simulate(&scenario, 7, Options { story: true, trace: false, ..Options::default() })
}

/// The journey holds and ends as expected with this fault, and the fault fired.
fn proves(journey: &Journey, fault: &str) {
    holds(journey, fault, true);
}

/// The journey holds with this fault, and the fault fired. A cancel that a crash delayed may come
/// too late, so a journey may end in another way than it does by itself; no invariant is spared.
fn holds(journey: &Journey, fault: &str, as_expected: bool) {
    let mut outcome = run(journey, fault);
    if !as_expected {
        outcome.broken.retain(|broken| broken.invariant != "expected");
    }
    let story = &outcome.story;
    let place = format!("{} with {fault}\n{story}", journey.name);
    let unfired = outcome.unfired.iter().filter(|words| !words.starts_with(journey.own));
    assert_eq!(unfired.count(), 0, "{:?}: {place}", outcome.unfired);
    assert_eq!(outcome.broken, Vec::new(), "{place}");
}

#[test]
fn every_journey_holds_by_itself() {
    for journey in &JOURNEYS {
        proves(journey, "");
    }
}

#[test]
fn every_step_may_be_repeated() {
    for journey in &JOURNEYS {
        for (callee, operation) in journey.calls {
            let fault = format!(
                "[[fault]]\nrequest_twice = \"store -> {callee}\"\nof = \"{operation}\"\nby = \"300ms\""
            );
            proves(journey, &fault);
        }
    }
}

#[test]
fn every_answer_may_be_lost() {
    for journey in &JOURNEYS {
        for (callee, operation) in journey.calls {
            let fault = format!(
                "[[fault]]\nreply_lost = \"store -> {callee}\"\nof = \"{operation}\"\ntimes = 2"
            );
            proves(journey, &fault);
        }
    }
}

#[test]
fn every_step_may_arrive_after_its_caller_gave_up() {
    for journey in &JOURNEYS {
        for (callee, operation) in journey.calls {
            let fault = format!(
                "[[fault]]\nrequest_late = \"store -> {callee}\"\nof = \"{operation}\"\nby = \"7s\""
            );
            proves(journey, &fault);
        }
    }
}

#[test]
fn every_step_may_find_its_service_gone() {
    for journey in &JOURNEYS {
        for (callee, operation) in journey.calls {
            for kind in ["stop", "crash"] {
                let fault = format!(
                    "[[fault]]\n{kind} = \"{callee}\"\nwhen = \"{}\"\nrestart = \"12s\"",
                    moment_of(operation)
                );
                proves(journey, &fault);
            }
        }
    }
}

/// A moment of the callee that every call of `operation` passes: its commit.
fn moment_of(operation: &str) -> &'static str {
    match operation {
        "reserve" => "before commit of reservation HELD",
        "commit" => "before commit of reservation COMMITTED",
        "return" => "before commit of reservation RETURNED",
        "release" => "before commit of reservation RELEASED",
        "debit" => "before commit of debit DEBITED",
        "void" => "before commit of debit VOIDED",
        "refund" => "before commit of refund REFUNDED",
        // Reading commits nothing worth a name; the reservation that follows does.
        _ => "after commit of reservation HELD",
    }
}

/// A power cut at each moment that the journey passes, at each node, and back three seconds later.
#[test]
fn every_moment_may_be_the_last() {
    let mut cuts = 0;
    for journey in &JOURNEYS {
        let outcome = run(journey, "");
        for passed in outcome.moments.keys() {
            let ServiceMoment { service, moment } = passed;
            if !["store", "warehouse", "bank", "delivery", "email"].contains(&service.as_str()) {
                continue;
            }
            let fault =
                format!("[[fault]]\ncrash = \"{service}\"\nwhen = \"{moment}\"\nrestart = \"3s\"");
            holds(journey, &fault, false);
            cuts += 1;
        }
    }
    assert!(cuts >= 200, "only {cuts} moments");
}

/// The same with an owner that stands still beyond its lease and then goes on.
#[test]
fn every_call_may_be_slept_through() {
    let journey = &JOURNEYS[0];
    for (_, operation) in journey.calls {
        for side in ["before", "after"] {
            let fault = format!(
                "[[fault]]\npause = \"store\"\nwhen = \"{side} call {operation}\"\nfor = \"45s\""
            );
            proves(journey, &fault);
        }
    }
}
