//! The way from a written fault to one that can happen. What the system's own are told beside it is
//! checked in `people.rs`.

use std::time::Duration;

use super::PeopleFault;
use super::mistake::{Mistake, Source, one_of};
use super::tables::FaultTable;
use super::units::{At, Length, OrderName};
use crate::topology::{self, Replicas};
use stormproof_faults::{Fault, FaultKind, FaultRow, Target, TargetForm, Timing};

/// A fault that has passed the door.
pub enum Checked {
    World(Fault),
    People(PeopleFault),
}

/// Checks one fault.
pub fn check(
    source: Source<'_>,
    table: &At<FaultTable>,
    replicas: &Replicas,
    customers: usize,
    has_order: impl Fn(OrderName) -> bool,
) -> Result<Checked, Mistake> {
    let checker = Checker { source, table, replicas, customers };
    let (row, target) = table.value.kind(source, &table.place)?;
    checker.keys(row)?;
    checker.times()?;
    match FaultKind::of_key(row.key) {
        Some(kind) => checker.of_world(kind, target).map(Checked::World),
        None => checker.of_people(row, target, has_order).map(Checked::People),
    }
}

pub(super) struct Checker<'a> {
    pub(super) source: Source<'a>,
    pub(super) table: &'a At<FaultTable>,
    pub(super) replicas: &'a Replicas,
    pub(super) customers: usize,
}

impl Checker<'_> {
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
                "`{}` without a time: expected `at = \"3s\"` or `when = \"after commit of order PAID\"`",
                row.key
            )));
        }
        if let (Some(_), Some(when)) = (&table.at, &table.when) {
            return Err(self
                .source
                .mistake(&when.place, "`at` and `when`: expected only one of them"));
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
                return Err(self.source.mistake(&number.place, what));
            }
        }
        Ok(())
    }

    fn of_world(&self, kind: FaultKind, written: &At<String>) -> Result<Fault, Mistake> {
        let table = &self.table.value;
        let row = kind.row();
        let target = self.target(row, written)?;
        let author = match &target {
            Target::Database(database) => topology::service_of_database(database),
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
                self.known("database", written, &topology::databases())?;
                Target::Database(name())
            }
            TargetForm::Queue => {
                self.known("queue", written, &topology::queues())?;
                Target::Queue(name())
            }
            TargetForm::Own(what) => {
                let what = format!("{what}: only kinds of the system's own are aimed at it");
                return Err(self.source.mistake(&written.place, what));
            }
        })
    }

    pub(super) fn length(&self, length: &Option<At<Length>>) -> Duration {
        length.as_ref().map_or(Duration::ZERO, |length| length.value.0)
    }

    pub(super) fn mistake(&self, what: impl Into<String>) -> Mistake {
        self.source.mistake(&self.table.place, what)
    }
}
