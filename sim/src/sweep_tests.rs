//! Every fault at every moment of a run of the shop.

use crate::{Options, simulate};
use stormproof_explore::sweep::{Placement, placements, with};
use stormproof_faults::FaultKind;
use stormproof_faults::moment::Passage;
use stormproof_shop::scenario::{Document, PeopleKind, Scenario};
use stormproof_shop::topology::of_shop;

const ORDER: &str = r#"
about = "One order."
[world]
replicas = { store = 2 }
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
script = [ { order = { teapot = 2 } } ]
"#;

fn order() -> (Document, Vec<Passage>) {
    let scenario = Scenario::parse("order.toml", ORDER).expect("well formed");
    let options = Options { passages: true, ..Options::default() };
    let outcome = simulate(&scenario, 7, options);
    (scenario.document, outcome.passages)
}

#[test]
fn passages_are_kept_in_order_and_only_if_asked_for() {
    let (document, passages) = order();
    assert!(passages.is_sorted_by_key(|passage| (passage.at, passage.instant)));
    let paid: Vec<_> = passages.iter().filter(|it| it.moment.name == "order PAID").collect();
    assert_eq!(paid.len(), 2, "before and after");
    assert!(paid.iter().all(|it| (it.service.as_str(), it.nth) == ("store", 1)));
    let scenario = Scenario::from_document("order", document).expect("well formed");
    assert_eq!(simulate(&scenario, 7, Options::default()).passages, []);
}

/// The kinds that a sweep is about: all that machines do, but for the shuffle.
#[test]
fn every_kind_has_its_places_and_every_place_is_a_scenario() {
    let (document, passages) = order();
    let placements: Vec<Placement<PeopleKind>> = placements(of_shop(), &passages, 0);
    let mut kinds: Vec<_> = placements.iter().map(|placement| placement.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let swept = FaultKind::ALL.iter().filter(|kind| kind.row().is_swept);
    assert_eq!(kinds.len(), swept.count(), "{kinds:?}");
    for placement in &placements {
        let swept = with(&document, placement);
        let scenario = Scenario::from_document("swept", swept);
        scenario.unwrap_or_else(|mistake| panic!("{placement:?}: {mistake}"));
    }
}

/// Runs with faults that are called the same are the same, byte for byte.
#[test]
fn what_is_called_the_same_fault_is() {
    let (document, passages) = order();
    let placements: Vec<Placement<PeopleKind>> = placements(of_shop(), &passages, 0);
    let fingerprint = |placement: &Placement<PeopleKind>| {
        let scenario = Scenario::from_document("swept", with(&document, placement));
        simulate(&scenario.expect("well formed"), 7, Options::default()).fingerprint
    };
    let same: Vec<_> = placements.iter().filter(|it| it.same_as.is_some()).collect();
    assert!(same.len() > 20, "{}", same.len());
    for placement in same {
        let first = &placements[placement.same_as.expect("filtered")];
        assert_eq!(fingerprint(placement), fingerprint(first), "{placement:?} {first:?}");
    }
}
