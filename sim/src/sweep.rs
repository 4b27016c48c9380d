//! Every fault that a run could have had: each kind at each moment that the run passed, aimed at
//! whatever has a part in the moment.
//!
//! A kind that can be told a moment is aimed at it. One that can only be told a time begins at the
//! moment's, or just before it. Kinds whose row says that they are not swept are left out.

use std::time::Duration;

use stormproof_system::messages::{QUEUES, QueueRow};

use stormproof_faults::moment::{Act, Passage, Side};
use stormproof_faults::{FaultKind, FaultRow, Nature, TargetForm, Timing};
use stormproof_shop::moments::is_author;
use stormproof_shop::scenario::fault_rows;
use stormproof_shop::scenario::tables::{Document, FaultTable};
use stormproof_shop::scenario::units::{At, Length};
use stormproof_shop::topology;

/// Longer than a lease, which others take over then.
const PAUSE: Duration = Duration::from_secs(25);
/// How soon who crashed or stopped is back.
const RESTART: Duration = Duration::from_secs(2);
/// How long links are cut and nodes are slow: longer than a call may take.
const WINDOW: Duration = Duration::from_secs(8);
/// How much slower a node or a link is.
const DELAY: Duration = Duration::from_millis(700);
/// By how much a request or a message is late: longer than a call may take.
const LATE: Duration = Duration::from_secs(6);

/// A fault at a moment of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// The kind's key in scenarios.
    pub kind: &'static str,
    pub table: FaultTable,
    /// The place of the passage that it is aimed at.
    pub passage: usize,
    /// The place of an earlier one of the same kind and target at the same instant: between the two
    /// nothing happens, so that they are one and the same fault.
    pub same_as: Option<usize>,
}

/// Every fault at a passage from the place `from` on.
pub fn placements(passages: &[Passage], from: usize) -> Vec<Placement> {
    // People's faults are aimed at no moment.
    let mut rows = fault_rows();
    rows.retain(|row| FaultKind::of_key(row.key).is_some());
    let mut placements: Vec<Placement> = Vec::new();
    for (place, passage) in passages.iter().enumerate().skip(from) {
        let first = placements
            .partition_point(|earlier| passages[earlier.passage].instant < passage.instant);
        for (row, target) in rows
            .iter()
            .flat_map(|row| targets(row, passage).into_iter().map(move |target| (*row, target)))
        {
            let table = table(row, &target, passage);
            let is_same = |earlier: &Placement| {
                let other = &passages[earlier.passage];
                earlier.kind == row.key
                    && other.service == passage.service
                    && (other.moment.side, other.moment.act)
                        == (passage.moment.side, passage.moment.act)
                    && aim(&earlier.table, row) == aim(&table, row)
            };
            let mut at_once = placements[first..].iter();
            let same_as = at_once.position(is_same).map(|place| first + place);
            placements.push(Placement { kind: row.key, table, passage: place, same_as });
        }
    }
    placements
}

/// `document` with the fault.
pub fn with(document: &Document, placement: &Placement) -> Document {
    let mut document = document.clone();
    document.faults.push(At::from(placement.table.clone()));
    document
}

fn aim<'a>(table: &'a FaultTable, row: &FaultRow) -> Option<&'a str> {
    table.target_of(row).map(|target| target.value.as_str())
}

/// What a kind of fault can be aimed at here: none, if it does not concern the moment.
fn targets(row: &FaultRow, passage: &Passage) -> Vec<String> {
    let (service, moment) = (passage.service.as_str(), &passage.moment);
    let is_aimed = row.is_aimed_at(moment.side, moment.act);
    // What can only be told a time begins just before.
    let is_before = row.aims.is_empty() && moment.side == Side::Before;
    let (true, Some(partner)) = (row.is_swept && (is_aimed || is_before), partner(passage)) else {
        return Vec::new();
    };
    match (row.target, moment.act) {
        // Whoever passes the moment, and whoever serves it.
        (TargetForm::Node, _) => vec![service.to_owned(), partner],
        (TargetForm::Way, _) => vec![format!("{service} <-> {partner}")],
        (TargetForm::Pair, _) | (TargetForm::Connection | TargetForm::Call, Act::Call) => {
            vec![format!("{service} -> {partner}")]
        }
        (TargetForm::Queue, Act::Publish) => queue(passage),
        (TargetForm::Database, Act::Commit) => vec![topology::database_of(service)],
        _ => Vec::new(),
    }
}

/// The other end of what the moment's act goes through.
fn partner(passage: &Passage) -> Option<String> {
    let (service, name) = (passage.service.as_str(), passage.moment.name.as_str());
    Some(match passage.moment.act {
        Act::Call => {
            let mut calls = topology::CALLS.iter();
            calls.find(|(from, _, operation)| *from == service && *operation == name)?.1.to_owned()
        }
        Act::Commit => topology::database_of(service),
        Act::Publish | Act::Ack => topology::BROKER.to_owned(),
        Act::Mail => topology::MAIL.to_owned(),
    })
}

/// The queue that the published message goes to.
fn queue(passage: &Passage) -> Vec<String> {
    let key = |queue: &QueueRow| queue.binding.trim_end_matches(".#") == passage.moment.name;
    QUEUES.iter().filter(|queue| key(queue)).map(|queue| queue.name.to_owned()).collect()
}

fn table(row: &'static FaultRow, target: &str, passage: &Passage) -> FaultTable {
    let mut table = FaultTable::aimed(row, target);
    let moment = &passage.moment;
    let length = |duration: Duration| Some(At::from(Length(duration)));
    // Files tell times in whole microseconds.
    let at = Duration::from_micros(u64::try_from(passage.at.as_micros()).expect("a run is short"));
    let aims = row.is_aimed_at(moment.side, moment.act);
    let own = target == passage.service || row.target != TargetForm::Node;
    match row.timing {
        _ if aims && (own || !is_author(target)) => {
            table.when = Some(At::from(moment.to_string()));
            // What acts nowhere (a database, the broker) is hit by whoever passes.
            let has_author = !matches!(row.target, TargetForm::Queue | TargetForm::Database);
            let alone = own && has_author;
            table.nth = Some(At::from(if alone { passage.nth } else { passage.nth_of_all }));
        }
        // Another service does not pass the moments of this one.
        Timing::Once | Timing::Time => table.at = length(at),
        Timing::Window => {
            table.from = length(at);
            table.until = length(at + WINDOW);
        }
        Timing::Operations | Timing::Status => {
            table.from = length(at);
            table.until = length(at + Duration::from_secs(1));
        }
    }
    for key in row.needs {
        match *key {
            "restart" => table.restart = length(RESTART),
            "for" => table.lasting = length(PAUSE),
            "by" if row.nature == Nature::Condition => table.by = length(DELAY),
            "by" => table.by = length(LATE),
            _ => {}
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, simulate};
    use stormproof_shop::scenario::Scenario;

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
        let placements = placements(&passages, 0);
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
        let placements = placements(&passages, 0);
        let fingerprint = |placement: &Placement| {
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
}
