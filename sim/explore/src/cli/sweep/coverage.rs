//! The map of a sweep: which kind of fault was tried at which moment, and which of that storms try
//! too.

use std::collections::{BTreeMap, BTreeSet};

use crate::sweep::Placement;
use serde::Serialize;
use stormproof_faults::OwnKinds;
use stormproof_faults::moment::Passage;
use stormproof_faults::service_moment::{ServiceMoment, Strike};

/// How a place on the map was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Cell {
    /// It did not fire.
    Unfired,
    /// Not run: the same fault as another, which has fired.
    Same,
    Fired,
}

/// By moment (the service, its moment and which time it was), then by kind and target.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Coverage {
    places: BTreeMap<String, BTreeMap<String, Cell>>,
    /// The kinds, each with the moments at which it has a place, whatever the time and the target.
    #[serde(skip)]
    moments: BTreeMap<&'static str, BTreeSet<ServiceMoment>>,
}

/// Of the moments at which a kind of fault has a place, those at which storms struck with it.
#[derive(Debug, Default, Serialize)]
pub struct ByStorms {
    /// How many storms there were.
    storms: u64,
    /// By kind: the moments at which it struck, and those at which it did not.
    kinds: BTreeMap<&'static str, Reached>,
}

#[derive(Debug, Default, Serialize)]
struct Reached {
    struck: Vec<ServiceMoment>,
    missed: Vec<ServiceMoment>,
}

impl ByStorms {
    /// How many storms there were.
    pub fn storms(&self) -> u64 {
        self.storms
    }

    /// At how many moments with a kind they struck, and at how many they could.
    pub fn reached(&self) -> (usize, usize) {
        let struck = self.kinds.values().map(|kind| kind.struck.len()).sum::<usize>();
        let missed = self.kinds.values().map(|kind| kind.missed.len()).sum::<usize>();
        (struck, struck + missed)
    }
}

impl Coverage {
    /// A run with the fault has ended.
    pub fn tried<K: OwnKinds>(
        &mut self,
        passages: &[Passage],
        placement: &Placement<K>,
        fired: bool,
    ) {
        let cell = if fired { Cell::Fired } else { Cell::Unfired };
        self.moment(passages, placement).insert(name(placement), cell);
    }

    /// The fault is another one that was run.
    pub fn same<K: OwnKinds>(&mut self, passages: &[Passage], placement: &Placement<K>) {
        self.moment(passages, placement).insert(name(placement), Cell::Same);
    }

    fn moment<K: OwnKinds>(
        &mut self,
        passages: &[Passage],
        placement: &Placement<K>,
    ) -> &mut BTreeMap<String, Cell> {
        let passage = &passages[placement.passage];
        let time = if passage.nth == 1 { String::new() } else { format!(" ({})", passage.nth) };
        let moment = ServiceMoment::new(passage.service.as_str(), passage.moment.clone());
        let place = format!("{moment}{time}");
        self.moments.entry(placement.kind).or_default().insert(moment.of_all());
        self.places.entry(place).or_default()
    }

    /// What `storms` storms did at these moments, which struck as an outcome tells it. A kind that has
    /// its place at one side of an act struck there, whichever side was passed last: whether a reply
    /// is lost is decided before the call.
    pub fn by_storms(&self, storms: u64, struck: &BTreeMap<Strike, u64>) -> ByStorms {
        let kinds = self.moments.iter().map(|(kind, moments)| {
            let words = kind.replace('_', " ");
            let at = |moment: &ServiceMoment| {
                struck.contains_key(&Strike { at: moment.clone(), kind: words.clone() })
            };
            let has_struck = |moment: &&ServiceMoment| {
                let other = moment.other_side();
                at(moment) || (!moments.contains(&other) && at(&other))
            };
            let (struck, missed) = moments.iter().cloned().partition(|it| has_struck(&it));
            (*kind, Reached { struck, missed })
        });
        ByStorms { storms, kinds: kinds.collect() }
    }

    /// How many places there are.
    pub fn all(&self) -> usize {
        self.places.values().map(BTreeMap::len).sum()
    }

    /// In how many of them the fault fired.
    pub fn covered(&self) -> usize {
        let cells = self.places.values().flat_map(BTreeMap::values);
        cells.filter(|cell| **cell != Cell::Unfired).count()
    }

    /// The places where it did not, in words.
    pub fn gaps(&self) -> Vec<String> {
        let cells = self.places.iter().flat_map(|(moment, cells)| {
            cells.iter().map(move |(name, cell)| (moment, name, *cell))
        });
        let gaps = cells.filter(|(_, _, cell)| *cell == Cell::Unfired);
        gaps.map(|(moment, name, _)| format!("{moment}: {name} did not fire")).collect()
    }

    /// For each kind: places, of which fired, of which the same as another; moments, of which storms
    /// struck at some.
    pub fn rows(&self, by_storms: &ByStorms) -> Vec<[String; 6]> {
        let mut kinds: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for (name, cell) in self.places.values().flatten() {
            let kind = name.split(' ').next().unwrap_or(name);
            let [all, fired, same] = kinds.entry(kind).or_default();
            *all += 1;
            *fired += usize::from(*cell == Cell::Fired);
            *same += usize::from(*cell == Cell::Same);
        }
        let head = ["kind", "places", "fired", "same as another", "moments", "by storms"];
        let row = |(kind, counts): (&str, [usize; 3])| {
            let [all, fired, same] = counts.map(|count| count.to_string());
            let reached = by_storms.kinds.get(kind);
            let (struck, missed) = reached.map_or((0, 0), |it| (it.struck.len(), it.missed.len()));
            let by_storms = match by_storms.storms {
                0 => "-".to_owned(),
                _ => struck.to_string(),
            };
            [kind.to_owned(), all, fired, same, (struck + missed).to_string(), by_storms]
        };
        std::iter::once(head.map(str::to_owned)).chain(kinds.into_iter().map(row)).collect()
    }
}

/// The kind and what it is aimed at.
fn name<K: OwnKinds>(placement: &Placement<K>) -> String {
    format!("{} {}", placement.kind, placement.target())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use stormproof_faults::moment::{Act, Moment, Side};
    use stormproof_faults::{FaultKind, FaultTable, NoOwnKinds};

    fn placed(kind: FaultKind, passage: usize, same_as: Option<usize>) -> Placement<NoOwnKinds> {
        let table = FaultTable::aimed(kind.row(), "ledger");
        Placement { kind: kind.key(), table, passage, same_as }
    }

    #[test]
    fn what_did_not_fire_is_a_gap() {
        let passage = |name: &str| Passage {
            service: "ledger".into(),
            moment: Moment::new(Side::After, Act::Commit, name),
            nth: 1,
            nth_of_all: 1,
            at: Duration::from_secs(1),
            instant: 9,
        };
        let passages = [passage("entry BOOKED"), passage("entry CHECKED")];
        let kinds = [FaultKind::Crash, FaultKind::Stop, FaultKind::ConnectionLostAfterCommit];
        let placements = kinds
            .into_iter()
            .enumerate()
            .flat_map(|(place, kind)| [placed(kind, 0, None), placed(kind, 1, Some(2 * place))]);
        let mut coverage = Coverage::default();
        for placement in placements {
            match placement.same_as {
                Some(_) => coverage.same(&passages, &placement),
                None => coverage.tried(&passages, &placement, placement.kind != "stop"),
            }
        }
        let gap = "ledger: after commit of entry BOOKED: stop ledger did not fire";
        assert_eq!(coverage.gaps(), [gap]);
        assert_eq!((coverage.all(), coverage.covered()), (6, 5));
        let strike = |text: &str| text.parse().expect("well formed");
        let struck = "ledger: after commit of entry BOOKED: crash";
        let by_storms = coverage.by_storms(300, &BTreeMap::from([(strike(struck), 2)]));
        assert_eq!(coverage.rows(&by_storms)[2], ["crash", "2", "1", "1", "2", "1"]);
        assert_eq!(by_storms.reached().0, 1);
        let decided = "ledger: before commit of entry BOOKED: connection lost after commit";
        let by_storms = coverage.by_storms(300, &BTreeMap::from([(strike(decided), 1)]));
        assert_eq!(by_storms.reached().0, 1);
        let none = coverage.by_storms(0, &BTreeMap::new());
        assert_eq!(coverage.rows(&none)[2], ["crash", "2", "1", "1", "2", "-"]);
    }
}
