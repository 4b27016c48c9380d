//! The map of a sweep: which kind of fault was tried at which moment.

use std::collections::BTreeMap;

use serde::Serialize;
use stormproof_sim::shop::sweep::Placement;
use stormproof_sim::storm::moment::Passage;

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

/// By moment (the service, its moment and the how manieth time), then by kind and target.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Coverage(BTreeMap<String, BTreeMap<String, Cell>>);

impl Coverage {
    /// A run with the fault has ended.
    pub fn tried(&mut self, passages: &[Passage], placement: &Placement, fired: bool) {
        let cell = if fired { Cell::Fired } else { Cell::Unfired };
        self.moment(passages, placement).insert(name(placement), cell);
    }

    /// The fault is another one that was run.
    pub fn same(&mut self, passages: &[Passage], placement: &Placement) {
        self.moment(passages, placement).insert(name(placement), Cell::Same);
    }

    fn moment(
        &mut self,
        passages: &[Passage],
        placement: &Placement,
    ) -> &mut BTreeMap<String, Cell> {
        let passage = &passages[placement.passage];
        let time = if passage.nth == 1 { String::new() } else { format!(" ({})", passage.nth) };
        self.0.entry(format!("{}: {}{time}", passage.service, passage.moment)).or_default()
    }

    /// How many places there are.
    pub fn all(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// In how many of them the fault fired.
    pub fn covered(&self) -> usize {
        let cells = self.0.values().flat_map(BTreeMap::values);
        cells.filter(|cell| **cell != Cell::Unfired).count()
    }

    /// The places where it did not, in words.
    pub fn gaps(&self) -> Vec<String> {
        let cells = self.0.iter().flat_map(|(moment, cells)| {
            cells.iter().map(move |(name, cell)| (moment, name, *cell))
        });
        let gaps = cells.filter(|(_, _, cell)| *cell == Cell::Unfired);
        gaps.map(|(moment, name, _)| format!("{moment}: {name} did not fire")).collect()
    }

    /// For each kind: places, of which fired, of which the same as another.
    pub fn rows(&self) -> Vec<[String; 4]> {
        let mut kinds: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for (name, cell) in self.0.values().flatten() {
            let kind = name.split(' ').next().unwrap_or(name);
            let [all, fired, same] = kinds.entry(kind).or_default();
            *all += 1;
            *fired += usize::from(*cell == Cell::Fired);
            *same += usize::from(*cell == Cell::Same);
        }
        let row = |(kind, counts): (&str, [usize; 3])| {
            let [all, fired, same] = counts.map(|count| count.to_string());
            [kind.to_owned(), all, fired, same]
        };
        kinds.into_iter().map(row).collect()
    }
}

/// The kind and what it is aimed at.
fn name(placement: &Placement) -> String {
    let kinds = placement.table.kinds();
    let target = kinds.iter().find_map(|(_, target)| target.map(|target| target.value.as_str()));
    format!("{} {}", placement.kind, target.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stormproof_sim::shop::sweep::placements;
    use stormproof_sim::storm::moment::{Act, Moment, Side};

    use super::*;

    #[test]
    fn what_did_not_fire_is_a_gap() {
        let passage = |name: &str| Passage {
            service: "store".into(),
            moment: Moment::new(Side::After, Act::Commit, name),
            nth: 1,
            nth_of_all: 1,
            at: Duration::from_secs(1),
            instant: 9,
        };
        let passages = [passage("order PAID"), passage("payment DEBITED")];
        let placements = placements(&passages, 0);
        let mut coverage = Coverage::default();
        for placement in &placements {
            match placement.same_as {
                Some(_) => coverage.same(&passages, placement),
                None => coverage.tried(&passages, placement, placement.kind != "stop"),
            }
        }
        assert_eq!(
            coverage.gaps(),
            [
                "store: after commit of order PAID: stop store did not fire",
                "store: after commit of order PAID: stop store-db did not fire",
            ]
        );
        assert_eq!((coverage.all(), coverage.covered()), (14, 12));
        assert_eq!(coverage.rows()[1], ["crash", "4", "2", "2"]);
    }
}
