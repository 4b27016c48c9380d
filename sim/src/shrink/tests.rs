//! Smaller documents, asked of predicates: no world is run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::Shop;
use crate::swarm::{self, Profile};
use stormproof_explore::passes::{numbers, only_fired};
use stormproof_explore::shrink::Trial;
use stormproof_explore::smaller::{CANDIDATES_MAX, NAME, breaks, shrink};
use stormproof_explore::{Document as _, Size};
use stormproof_faults::outcome::Broken;
use stormproof_shop::scenario::tables::FaultTable;
use stormproof_shop::scenario::units::{At, Length};
use stormproof_shop::scenario::{Scenario, Which};

/// Fails where the predicate says so.
struct Asked<F> {
    fails: F,
    asked: u64,
}

impl<F: Fn(&Document) -> bool> Trial<Document> for Asked<F> {
    type Evidence = Outcome;

    fn first(&mut self, candidates: &[Document]) -> Result<Option<(usize, Outcome)>, String> {
        let found = candidates.iter().position(|candidate| {
            self.asked += 1;
            Scenario::from_document(NAME, candidate.clone()).expect("only what can run is tried");
            (self.fails)(candidate)
        });
        Ok(found.map(|place| (place, Outcome::default())))
    }
}

fn shrunk(document: Document, fails: impl Fn(&Document) -> bool) -> Document {
    assert!(fails(&document), "it fails at first");
    let mut trial = Asked { fails, asked: 0 };
    let found = shrink(&Shop, &mut trial, document, Outcome::default(), CANDIDATES_MAX);
    let found = found.expect("a predicate can be asked");
    assert!(found.complete && trial.asked == found.candidates, "{} asked", trial.asked);
    assert!((trial.fails)(&found.smallest));
    found.smallest
}

fn counts(faults: usize, customers: usize, orders: usize, steps: usize) -> Size {
    let counts = [("fault", faults), ("customer", customers), ("order", orders), ("step", steps)];
    Size(counts.map(|(noun, number)| (noun.to_owned(), number)).into())
}

fn faults(document: &Document, key: &str) -> usize {
    let is = |fault: &FaultTable| fault.kinds.iter().any(|(row, _)| row.key == key);
    document.faults.iter().filter(|fault| is(&fault.value)).count()
}

/// Every storm that holds what is needed comes down to it, whatever else it holds.
#[test]
fn storms_come_down_to_what_is_needed() {
    let cancels = |document: &Document| {
        let mut steps = document.customers.iter().flat_map(|customer| &customer.script);
        steps.any(|step| step.value.cancel.is_some())
    };
    let needed = |document: &Document| faults(document, "crash") > 0 && cancels(document);
    let mut storms = 0;
    for seed in 1..200 {
        let document = swarm::document(seed, Profile::Swarm);
        if !needed(&document) {
            continue;
        }
        let smallest = shrunk(document, needed);
        let size = smallest.size();
        assert_eq!(size, counts(1, 1, 1, 2), "seed {seed}");
        assert_eq!((smallest.world.stock.len(), smallest.seed), (1, 1));
        assert!(smallest.world.replicas.is_empty() && smallest.world.clocks.is_empty());
        assert_eq!(smallest.customers[0].script[0].value.after, None);
        storms += 1;
    }
    assert!(storms > 20, "only {storms} storms hold it");
}

const TWO: &str = r#"
about = "Two customers, four orders."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 30 } ]
[[customer]]
script = [ { after = "1s", order = { teapot = 1 } }, { after = "2s", order = { teapot = 1 } } ]
[[customer]]
script = [
    { after = "1500ms", order = { teapot = 2 } },
    { after = "250ms", poll = true },
    { after = "3s", order = { teapot = 3 } },
    { after = "1s", cancel = 2 },
]
[[fault]]
lose_parcel = "customer-2/2"
[[fault]]
lose_parcel = "customer-1/1"
[[fault]]
find_parcel = "customer-1/1"
[[fault]]
reply_lost = "customer-2 -> store"
of = "order"
"#;

fn two() -> Document {
    Scenario::parse("two.toml", TWO).expect("no mistake").document
}

fn targets(document: &Document) -> Vec<String> {
    let mut document = document.clone();
    let targets = document.faults.iter_mut().filter_map(|fault| fault.value.target_mut());
    targets.map(|target| target.value.clone()).collect()
}

#[test]
fn who_is_left_moves_up_and_faults_follow() {
    let smaller = people::without_customers(&two(), 0..1);
    assert_eq!(targets(&smaller), ["customer-1/2", "customer-1 -> store"]);
    let smaller = people::without_customers(&two(), 1..2);
    assert_eq!(targets(&smaller), ["customer-1/1", "customer-1/1"]);
}

/// An order that is left comes when it would have come, and is still the one that is meant.
#[test]
fn orders_that_are_left_keep_their_time_and_their_faults() {
    assert_eq!((people::orders(&two()), people::steps(&two())), (4, 6));
    let smaller = people::without_orders(&two(), 2..3).expect("the other order is cancelled");
    assert_eq!(targets(&smaller)[0], "customer-2/1");
    let script = &smaller.customers[1].script;
    assert_eq!(script.len(), 2);
    assert_eq!(script[0].value.after.expect("it waits").0, Duration::from_millis(4_750));
    assert_eq!(script[1].value.cancel.as_ref().expect("a cancel").value, Which::Number(1));
    // The cancel would point at nothing.
    assert_eq!(people::without_steps(&two(), 4..5), None);
    let order = BTreeMap::from([("teapot".to_owned(), At::from(3))]);
    assert_eq!(script[0].value.order.as_ref(), Some(&order));
}

#[test]
fn a_find_goes_with_its_loss() {
    let mut faults = two().faults;
    faults.remove(1);
    assert_eq!(targets(&two().with_faults(faults)), ["customer-2/2", "customer-2 -> store"]);
    let outcome = Outcome { unfired_places: vec![1, 3], ..Outcome::default() };
    let fired = only_fired(&two(), &outcome).expect("two did not fire");
    assert_eq!(targets(&fired), ["customer-2/2"]);
    assert_eq!(only_fired(&two(), &Outcome::default()), None);
}

#[test]
fn everything_moves_to_the_beginning_together() {
    let text = TWO.replace("[[fault]]\nreply_lost", "[[fault]]\nfrom = \"1600ms\"\nreply_lost");
    let document = Scenario::parse("two.toml", &text).expect("no mistake").document;
    let [earlier] = earlier::earlier(&document).try_into().expect("one form");
    let first = |customer: usize| earlier.customers[customer].script[0].value.after;
    assert_eq!((first(0), first(1)), (None, Some(Length::milliseconds(500))));
    let from = earlier.faults[3].value.from.as_ref().expect("it has a beginning");
    assert_eq!(from.value, Length::milliseconds(600));
    assert_eq!(earlier::earlier(&earlier), []);
}

#[test]
fn numbers_get_smaller_and_times_rounder() {
    assert_eq!(numbers::fewer(9, 1), [1, 5, 8]);
    assert_eq!(numbers::fewer(1, 1), Vec::<i64>::new());
    let shorter = |text: &str| {
        let length: Length = text.parse().expect("well formed");
        numbers::shorter(length).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(shorter("25340ms"), ["0s", "10s", "20s", "25s", "25300ms"]);
    assert_eq!(shorter("1s"), ["0s", "500ms"]);
    assert_eq!(shorter("0s"), Vec::<String>::new());
}

#[test]
fn a_breach_is_known_by_its_name() {
    let broken =
        |invariant: &str| Broken { invariant: invariant.to_owned(), at: 1.0, ..Broken::default() };
    let outcome =
        Outcome { broken: vec![broken("private"), broken("no oversell")], ..Outcome::default() };
    assert!(breaks(&outcome, "no oversell") && !breaks(&outcome, "expected"));
}
