//! The way from a written fault to one that the world, or a person in it, carries out.

use std::time::Duration;

use stormproof_system::store::order::OrderStatus;

use super::PeopleFault;
use super::mistake::{Mistake, Source, one_of};
use super::shapes::{SHAPES, Shape, Target, Timing};
use super::tables::FaultTable;
use super::units::{At, Length, OrderName};
use crate::shop::topology::{self as map, Replicas};
use crate::storm::faults::{Fault, Kind};

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
    let (shape, target) = checker.shape()?;
    checker.keys(shape)?;
    checker.times()?;
    match shape.target {
        Target::Order => checker.of_order(shape, target, has_order).map(Checked::People),
        Target::Queue if shape.timing == Timing::Time => {
            checker.known("queue", target, &map::queues())?;
            let at = checker.length(&table.value.at);
            Ok(Checked::People(PeopleFault::Poison { queue: target.value.clone(), at }))
        }
        Target::Bank => {
            if target.value != "bank" {
                return Err(source.mistake(
                    &target.place,
                    format!("{:?}: expected \"bank\", the one that can close", target.value),
                ));
            }
            let at = checker.length(&table.value.at);
            let length = checker.length(&table.value.lasting);
            Ok(Checked::People(PeopleFault::BankClosed { at, length }))
        }
        _ => checker.of_world(shape, target).map(Checked::World),
    }
}

pub(super) struct Checker<'a> {
    pub(super) source: Source<'a>,
    pub(super) table: &'a At<FaultTable>,
    pub(super) replicas: &'a Replicas,
    pub(super) customers: usize,
}

impl<'a> Checker<'a> {
    /// The one kind that is written, and its target.
    fn shape(&self) -> Result<(&'static Shape, &'a At<String>), Mistake> {
        let written: Vec<_> = self
            .table
            .value
            .kinds()
            .into_iter()
            .filter_map(|(key, target)| Some((key, target?)))
            .collect();
        let all = || one_of(SHAPES.iter().map(|shape| shape.key));
        match written.as_slice() {
            [(key, target)] => {
                let shape = SHAPES.iter().find(|shape| shape.key == *key);
                Ok((shape.expect("every key of the table has its shape"), *target))
            }
            [] => Err(self.source.mistake(
                &self.table.place,
                format!("a fault without a kind: expected exactly one of {}", all()),
            )),
            [(first, _), (second, target), ..] => Err(self.source.mistake(
                &target.place,
                format!("a fault with the kinds `{first}` and `{second}`: expected exactly one"),
            )),
        }
    }

    /// Keys that are missing, and keys that mean nothing here.
    fn keys(&self, shape: &Shape) -> Result<(), Mistake> {
        let table = &self.table.value;
        let written = [
            ("at", table.at.as_ref().map(|at| &at.place)),
            ("from", table.from.as_ref().map(|at| &at.place)),
            ("until", table.until.as_ref().map(|at| &at.place)),
            ("when", table.when.as_ref().map(|at| &at.place)),
            ("nth", table.nth.as_ref().map(|at| &at.place)),
            ("times", table.times.as_ref().map(|at| &at.place)),
            ("restart", table.restart.as_ref().map(|at| &at.place)),
            ("for", table.lasting.as_ref().map(|at| &at.place)),
            ("by", table.by.as_ref().map(|at| &at.place)),
            ("of", table.of.as_ref().map(|at| &at.place)),
            ("after", table.after.as_ref().map(|at| &at.place)),
            ("reopen", table.reopen.as_ref().map(|at| &at.place)),
        ];
        let allowed = [shape.timing.keys(), shape.needs, shape.may].concat();
        for (key, place) in written {
            match place {
                Some(place) if !allowed.contains(&key) => {
                    let what = format!(
                        "`{key}` says nothing about `{}`: expected only {}",
                        shape.key,
                        one_of(&allowed)
                    );
                    return Err(self.source.mistake(place, what));
                }
                None if shape.needs.contains(&key) => {
                    let what = format!("`{}` without `{key}`: expected how long", shape.key);
                    return Err(self.mistake(what));
                }
                _ => {}
            }
        }
        let told = [table.at.is_some(), table.when.is_some()];
        if shape.timing == Timing::Once && told == [false, false] {
            return Err(self.mistake(format!(
                "`{}` without a time: expected `at = \"3s\"` or `when = \"after commit of order PAID\"`",
                shape.key
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

    fn of_world(&self, shape: &Shape, target: &At<String>) -> Result<Fault, Mistake> {
        let table = &self.table.value;
        let name = || target.value.clone();
        let by = self.length(&table.by);
        let kind = match shape.key {
            "crash" => {
                Kind::Crash { node: self.node(target)?, restart: self.length(&table.restart) }
            }
            "stop" => Kind::Stop { node: self.node(target)?, restart: self.length(&table.restart) },
            "pause" => {
                Kind::Pause { node: self.node(target)?, length: self.length(&table.lasting) }
            }
            "slow" => Kind::Slow { node: self.node(target)?, by },
            "cut" => {
                let (from, to, both) = self.link(target)?;
                Kind::Cut { from, to, both }
            }
            "slow_link" => {
                let (from, to, _) = self.link(target)?;
                Kind::SlowLink { from, to, by }
            }
            "connect_hangs" => {
                let (from, to) = self.connection(target)?;
                Kind::ConnectHangs { from, to }
            }
            "reply_lost" | "request_late" | "request_twice" => {
                let (from, to) = self.call(target)?;
                let operation = self.operation(&from, &to)?;
                match shape.key {
                    "reply_lost" => Kind::ReplyLost { from, to, operation },
                    "request_late" => Kind::RequestLate { from, to, operation, by },
                    _ => Kind::RequestTwice { from, to, operation, by },
                }
            }
            "connection_lost_before_commit"
            | "connection_lost_after_commit"
            | "serialization_failure" => {
                self.known("database", target, &map::databases())?;
                match shape.key {
                    "connection_lost_before_commit" => {
                        Kind::ConnectionLostBeforeCommit { database: name() }
                    }
                    "connection_lost_after_commit" => {
                        Kind::ConnectionLostAfterCommit { database: name() }
                    }
                    _ => Kind::SerializationFailure { database: name() },
                }
            }
            _ => {
                self.known("queue", target, &map::queues())?;
                match shape.key {
                    "confirm_lost" => Kind::ConfirmLost { queue: name() },
                    "message_twice" => Kind::MessageTwice { queue: name() },
                    "message_returned" => Kind::MessageReturned { queue: name() },
                    "message_late" => Kind::MessageLate { queue: name(), by },
                    _ => Kind::MessagesReordered { queue: name() },
                }
            }
        };
        let author = match &kind {
            Kind::ConnectHangs { from, .. }
            | Kind::ReplyLost { from, .. }
            | Kind::RequestLate { from, .. }
            | Kind::RequestTwice { from, .. } => from.clone(),
            Kind::ConnectionLostBeforeCommit { database }
            | Kind::ConnectionLostAfterCommit { database }
            | Kind::SerializationFailure { database } => {
                map::service_of_database(database).to_owned()
            }
            _ => name(),
        };
        Ok(Fault { kind, when: self.when(shape, &author)? })
    }

    fn of_order(
        &self,
        shape: &Shape,
        target: &At<String>,
        has_order: impl Fn(OrderName) -> bool,
    ) -> Result<PeopleFault, Mistake> {
        let table = &self.table.value;
        let order: OrderName = target
            .value
            .parse()
            .map_err(|what: String| self.source.mistake(&target.place, what))?;
        if !has_order(order) {
            return Err(self.source.mistake(
                &target.place,
                format!("a fault that cannot fire: no script places the order {order}"),
            ));
        }
        let after = self.length(&table.after);
        let status = |standard| match &table.when {
            None => Ok(standard),
            Some(when) => {
                parse_status(&when.value).map_err(|what| self.source.mistake(&when.place, what))
            }
        };
        let fault = match shape.key {
            "lose_parcel" => {
                let status = status(OrderStatus::PickedUp)?;
                use OrderStatus::{InTransit, PickedUp, Received};
                if !matches!(status, Received | PickedUp | InTransit) {
                    return Err(self.mistake(format!(
                        "a fault that cannot fire: the driver has no parcel of an order that is {}, \
                         expected RECEIVED, PICKED_UP or IN_TRANSIT",
                        status.as_str()
                    )));
                }
                PeopleFault::LoseParcel { order, status, after }
            }
            "find_parcel" => {
                if let Some(when) = table.when.as_ref().filter(|when| when.value != "LOST") {
                    let what = "a parcel can only be found when it is lost: expected LOST";
                    return Err(self.source.mistake(&when.place, what));
                }
                PeopleFault::FindParcel { order, after }
            }
            _ => PeopleFault::CloseAccount {
                order,
                status: status(OrderStatus::Paid)?,
                after,
                reopen: table.reopen.as_ref().map(|reopen| reopen.value.0),
            },
        };
        Ok(fault)
    }

    pub(super) fn length(&self, length: &Option<At<Length>>) -> Duration {
        length.as_ref().map_or(Duration::ZERO, |length| length.value.0)
    }

    fn mistake(&self, what: impl Into<String>) -> Mistake {
        self.source.mistake(&self.table.place, what)
    }
}

/// Reads an order's status.
pub fn parse_status(text: &str) -> Result<OrderStatus, String> {
    OrderStatus::parse(text).ok_or_else(|| {
        let all = OrderStatus::ALL.map(OrderStatus::as_str);
        format!("status {text:?}: expected {}", one_of(all))
    })
}
