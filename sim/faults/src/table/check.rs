//! The way from a written fault to one that can happen.

use std::time::Duration;

use super::{FaultTable, OwnKinds};
use crate::mistake::{Mistake, Source, one_of};
use crate::moment::{Act, Moment, Side};
use crate::topology::Topology;
use crate::units::{At, Length};
use crate::{Fault, FaultKind, FaultRow, Target, TargetForm, Timing};

/// A fault that says what its kind needs.
#[derive(Debug)]
pub enum Checked<'a> {
    /// One of the generic kinds: it can happen.
    Generic(Fault),
    /// One of the system's own, with its target, which the system checks.
    Own(&'static FaultRow, &'a At<String>),
}

/// Checks one written fault against what there is to fail.
pub struct Checker<'a, K> {
    /// The file that it stands in.
    pub source: Source<'a>,
    /// What is written.
    pub table: &'a At<FaultTable<K>>,
    /// What there is to fail, at the scenario's size.
    pub topology: &'a Topology,
}

impl<'a, K: OwnKinds> Checker<'a, K> {
    /// Checks it.
    ///
    /// # Errors
    /// If it could never fire, says too little or too much, or is aimed at nothing that there is:
    /// where that stands, and what was expected.
    pub fn check(&self) -> Result<Checked<'a>, Mistake> {
        let (row, target) = self.table.value.kind(self.source, &self.table.place)?;
        self.keys(row)?;
        self.times()?;
        match FaultKind::of_key(row.key) {
            Some(kind) => self.generic(kind, target).map(Checked::Generic),
            None => Ok(Checked::Own(row, target)),
        }
    }

    /// A length that may be left out: then it is none.
    pub fn length(&self, length: &Option<At<Length>>) -> Duration {
        length.as_ref().map_or(Duration::ZERO, |length| length.value.0)
    }

    /// A mistake of the whole fault.
    pub fn mistake(&self, what: impl Into<String>) -> Mistake {
        self.source.mistake(&self.table.place, what)
    }

    /// A mistake at one of its values.
    pub fn mistake_at<T>(&self, value: &At<T>, what: impl Into<String>) -> Mistake {
        self.source.mistake(&value.place, what)
    }

    /// One of `all`, which are called `what`.
    ///
    /// # Errors
    /// If it is none of them: what there is.
    pub fn known<S: AsRef<str>>(
        &self,
        what: &str,
        name: &At<String>,
        all: &[S],
    ) -> Result<(), Mistake> {
        if all.iter().any(|known| known.as_ref() == name.value) {
            return Ok(());
        }
        let what = format!("{what} {:?}: expected {}", name.value, one_of(all));
        Err(self.mistake_at(name, what))
    }

    /// Keys that are missing, and keys that mean nothing here.
    fn keys(&self, row: &FaultRow) -> Result<(), Mistake> {
        let table = &self.table.value;
        let allowed = row.keys();
        for (key, place) in self.table.value.written() {
            match place {
                Some(place) if !allowed.contains(&key) => {
                    let what = format!(
                        "`{key}` says nothing about `{}`: expected only {}",
                        row.key,
                        one_of(&allowed)
                    );
                    return Err(self.source.mistake(place, what));
                }
                None if row.needs.contains(&key) => {
                    let what = format!("`{}` without `{key}`: expected how long", row.key);
                    return Err(self.mistake(what));
                }
                _ => {}
            }
        }
        let told = [table.at.is_some(), table.when.is_some()];
        if row.timing == Timing::Once && told == [false, false] {
            return Err(self.mistake(format!(
                "`{}` without a time: expected `at = \"3s\"` or `when = \"{}\"`",
                row.key,
                self.some_moment()
            )));
        }
        if let (Some(_), Some(when)) = (&table.at, &table.when) {
            return Err(self.mistake_at(when, "`at` and `when`: expected only one of them"));
        }
        Ok(())
    }

    /// Times that can never come.
    fn times(&self) -> Result<(), Mistake> {
        let table = &self.table.value;
        if let Some(until) = &table.until {
            let from = table.from.as_ref().map_or(Length::default(), |from| from.value);
            if from >= until.value {
                return Err(self.source.mistake(
                    &until.place,
                    format!(
                        "a fault that cannot fire: from {from} until {}, expected an end after the start",
                        until.value
                    ),
                ));
            }
        }
        for number in [&table.nth, &table.times].into_iter().flatten() {
            if number.value == 0 {
                let what = "a fault that cannot fire: expected a number from 1";
                return Err(self.mistake_at(number, what));
            }
        }
        Ok(())
    }

    fn generic(&self, kind: FaultKind, written: &At<String>) -> Result<Fault, Mistake> {
        let table = &self.table.value;
        let row = kind.row();
        let target = self.target(row, written)?;
        let author = match &target {
            Target::Database(database) => self.topology.service_of_database(database),
            target => target.author(),
        };
        let when = self.when(row, author)?;
        let amount = [&table.restart, &table.lasting, &table.by].into_iter().flatten().next();
        let amount = amount.map_or(Duration::ZERO, |amount| amount.value.0);
        Ok(Fault { kind, target, amount, when })
    }

    fn target(&self, row: &FaultRow, written: &At<String>) -> Result<Target, Mistake> {
        let name = || written.value.clone();
        Ok(match row.target {
            TargetForm::Node => Target::Node(self.node(written)?),
            TargetForm::Way => {
                let (from, to, both) = self.link(written)?;
                Target::Link { from, to, both }
            }
            TargetForm::Pair => {
                let (from, to, _) = self.link(written)?;
                Target::Link { from, to, both: false }
            }
            TargetForm::Connection => {
                let (from, to) = self.connection(written)?;
                Target::Link { from, to, both: false }
            }
            TargetForm::Call => {
                let (from, to) = self.call(written)?;
                let operation = self.operation(&from, &to)?;
                Target::Call { from, to, operation }
            }
            TargetForm::Database => {
                self.known("database", written, &self.topology.databases())?;
                Target::Database(name())
            }
            TargetForm::Queue => {
                self.known("queue", written, &self.topology.queue_names())?;
                Target::Queue(name())
            }
            TargetForm::Own(what) => {
                let what = format!("{what}: only kinds of the system's own are aimed at it");
                return Err(self.mistake_at(written, what));
            }
        })
    }

    /// A moment that somebody passes, for those who did not know what one is.
    fn some_moment(&self) -> Moment {
        let mut points = self.topology.points.iter().filter(|point| point.act == Act::Commit);
        let name = points.next().and_then(|point| point.names.first());
        Moment::new(Side::After, Act::Commit, name.map_or("<noun> <STATE>", String::as_str))
    }
}
