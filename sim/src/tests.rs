//! Runs, from the outside.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::{Options, ZERO, simulate};
use stormproof_shop::scenario::Scenario;
use stormproof_world::Reseed;
use stormproof_world::history::Event;

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
    let outcome =
        simulate(&scenario, 7, Options { story: true, trace: false, ..Options::default() });
    assert_eq!(outcome.broken, [], "{}", outcome.story);
    assert_eq!(outcome.figures.each("orders_by_status", "DELIVERED"), 1);
    let last = outcome.story.ending.expect("a last line");
    assert!(last.contains("1 DELIVERED · money 100.00 = 100.00 · stock 3 = 1 + 2"), "{last}");
}

#[test]
fn the_same_pair_gives_the_same_outcome() {
    let scenario = Scenario::parse("one_order.toml", ONE_ORDER).expect("no mistake");
    let options = Options { story: true, trace: true, ..Options::default() };
    let first = simulate(&scenario, 7, options);
    assert_eq!(simulate(&scenario, 7, options), first);
    assert_ne!(simulate(&scenario, 8, options).fingerprint, first.fingerprint);
}

/// Until then it is the same run, afterwards it is another for each seed.
#[test]
fn chance_is_drawn_anew_from_a_time_on() {
    let scenario = Scenario::parse("one_order.toml", ONE_ORDER).expect("no mistake");
    let options = Options { story: false, trace: true, ..Options::default() };
    let plain = simulate(&scenario, 7, options);
    let anew = |at, seed| {
        let reseed = Some(Reseed { at, seed });
        simulate(&scenario, 7, Options { reseed, ..options })
    };
    let end = Duration::from_secs(3600);
    assert_eq!(anew(end, 1), plain);
    let at = Duration::from_millis(30);
    let mut fingerprints = BTreeSet::from([plain.fingerprint.clone()]);
    for seed in 1..=5 {
        let other = anew(at, seed);
        assert_eq!(anew(at, seed), other);
        let mut pairs = plain.trace.iter().zip(&other.trace);
        let (line, _) = pairs.find(|(one, other)| one != other).expect("they part");
        let event: Event = serde_json::from_str(line).expect("a trace is events");
        let parted = event.at - ZERO.as_secs_f64() - at.as_secs_f64();
        assert!((0.0..0.02).contains(&parted), "seed {seed}: they part after {parted}");
        fingerprints.insert(other.fingerprint);
    }
    assert_eq!(fingerprints.len(), 6);
}

/// The registry of moments is what runs pass: nothing passes that it does not name.
#[test]
fn every_moment_that_passes_is_in_the_registry() {
    use crate::swarm;
    use stormproof_shop::topology::{of_shop, service_of};
    let topology = of_shop();
    for seed in 0..6 {
        let scenario = swarm::draw(seed, swarm::Profile::Swarm);
        let outcome = simulate(&scenario, seed, Options::default());
        assert_eq!(outcome.broken, [], "seed {seed}");
        for passed in outcome.moments.keys() {
            let known = topology.passes(service_of(&passed.service), &passed.moment);
            assert!(known, "seed {seed}: {passed} is not in the registry");
        }
    }
}

/// What dies is tried once more, in the calm, and told to support.
#[test]
fn poison_is_told_and_tried_again() {
    let poison = "[[fault]]\npoison = \"delivery.update.queue\"\nat = \"1s\"\n[expect]\ndead = 1\n";
    let text = ONE_ORDER.replace("[expect]", poison).replace("dead = 0\n", "");
    let scenario = Scenario::parse("poison.toml", &text).expect("no mistake");
    let outcome =
        simulate(&scenario, 7, Options { story: true, trace: false, ..Options::default() });
    assert_eq!(outcome.broken, [], "{}", outcome.story);
    assert_eq!(outcome.unfired, Vec::<String>::new());
    assert_eq!(outcome.sometimes["DLQ replay"], 1);
}

/// What is aimed at a moment strikes there; a lost reply is decided before its call.
#[test]
fn a_run_tells_where_its_faults_struck() {
    let text = format!(
        "{ONE_ORDER}[[fault]]\ncrash = \"store\"\nwhen = \"after commit of order PAID\"\nrestart = \
         \"1s\"\n[[fault]]\nreply_lost = \"store -> warehouse\"\nof = \"reserve\"\n"
    );
    let scenario = Scenario::parse("struck.toml", &text).expect("no mistake");
    let outcome = simulate(&scenario, 7, Options::default());
    assert_eq!(outcome.broken, []);
    let struck = outcome.struck.iter().map(|(strike, count)| (strike.to_string(), *count));
    let expected = [
        ("store: after commit of order PAID: crash", 1),
        ("store: before call reserve: reply lost", 1),
    ];
    assert_eq!(struck.collect::<Vec<_>>(), expected.map(|(at, count)| (at.to_owned(), count)));
}
