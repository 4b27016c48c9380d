//! When a fault goes wrong: at a time, between two, or at a moment that its author passes.

use super::{Checker, OwnKinds};
use crate::mistake::{Mistake, one_of};
use crate::moment::Moment;
use crate::topology::service_of;
use crate::units::At;
use crate::{FOREVER, FaultRow, Timing, When};

impl<K: OwnKinds> Checker<'_, K> {
    /// Reads the times of a fault of this kind; `author` passes its moments.
    pub(super) fn when(&self, row: &FaultRow, author: &str) -> Result<When, Mistake> {
        let table = &self.table.value;
        if let Some(when) = &table.when {
            let timed = [&table.from, &table.until].into_iter().flatten().map(|at| &at.place);
            let counted = table.times.as_ref().map(|times| &times.place);
            if let Some(place) = timed.chain(counted).next() {
                let what =
                    "a moment comes once: expected `when` without `from`, `until` and `times`";
                return Err(self.source.mistake(place, what));
            }
            let moment = self.moment(row, when, author)?;
            let nth = table.nth.as_ref().map_or(1, |nth| nth.value);
            return Ok(When::Moment { moment, nth });
        }
        if let Some(nth) = &table.nth {
            let what = "`nth` counts moments: expected `when` with it";
            return Err(self.source.mistake(&nth.place, what));
        }
        if row.timing == Timing::Once {
            return Ok(When::At(self.length(&table.at)));
        }
        Ok(When::During {
            from: self.length(&table.from),
            until: table.until.as_ref().map_or(FOREVER, |until| until.value.0),
            times: match row.timing {
                Timing::Operations => table.times.as_ref().map_or(row.times, |times| times.value),
                _ => u32::MAX,
            },
        })
    }

    /// A moment that `author`, or somebody for it, passes. What is no author of acts (a database,
    /// the broker, the mail server) is hit by anyone's.
    fn moment(&self, row: &FaultRow, when: &At<String>, author: &str) -> Result<Moment, Mistake> {
        let wrong = |what: String| self.source.mistake(&when.place, what);
        let moment: Moment = when.value.parse().map_err(wrong)?;
        let aims = row.aims;
        if !aims.contains(&(moment.side, moment.act)) {
            let expected = aims.iter().map(|(side, act)| Moment::new(*side, *act, "…").to_string());
            return Err(wrong(format!(
                "a fault that cannot fire: `{}` has nothing to do with `{moment}`, expected {}",
                row.key,
                one_of(expected)
            )));
        }
        let service = service_of(author);
        let authors: Vec<&str> = match self.topology.is_author(service) {
            true => vec![service],
            false => self.topology.authors(),
        };
        if authors.iter().any(|author| self.topology.passes(author, &moment)) {
            return Ok(moment);
        }
        let known: Vec<_> =
            authors.iter().flat_map(|author| self.topology.names_of(author, moment.act)).collect();
        let known = match known.as_slice() {
            [] => "a moment of another act, for the topology tells none of this one".to_owned(),
            known => format!("as its last words {}", one_of(known)),
        };
        Err(wrong(format!(
            "a fault that cannot fire: {service} never passes `{moment}`; expected {known}"
        )))
    }
}
