//! What each kind of fault needs to be told, in one table; and the way from a written fault to one
//! that the world, or a person in it, carries out.

use std::time::Duration;

use super::PeopleFault;
use super::mistake::{Mistake, Source, one_of};
use super::tables::FaultTable;
use super::units::{At, Length, OrderName};
use crate::shop::map::{self, Replicas};
use crate::shop::moments;
use crate::world::faults::{Fault, Kind, When};
use crate::world::moment::{Act, Moment, Side};
use stormproof_system::store::order::OrderStatus;

/// What a fault is aimed at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Node,
    /// Two ends and a direction.
    Link,
    /// Two ends, the first of which connects to the second.
    Connection,
    /// Two ends, the first of which asks something of the second.
    Call,
    Queue,
    Database,
    Order,
    Bank,
}

/// How a fault is told when.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// `at` a time, or `when` a moment comes.
    Once,
    /// `at` a time.
    Time,
    /// `from` a time `until` another.
    Window,
    /// The next `times` operations, `from` a time `until` another; or `when` a moment comes.
    Operations,
    /// `when` an order has a status.
    Status,
}

/// One kind of fault, as it is written.
pub struct Shape {
    pub key: &'static str,
    pub target: Target,
    pub timing: Timing,
    /// Keys that must be there.
    pub needs: &'static [&'static str],
    /// Keys that may be there, besides those of the timing.
    pub may: &'static [&'static str],
}

/// Every kind of fault.
pub const SHAPES: [Shape; 21] = [
    shape("crash", Target::Node, Timing::Once, &["restart"], &[]),
    shape("stop", Target::Node, Timing::Once, &["restart"], &[]),
    shape("pause", Target::Node, Timing::Once, &["for"], &[]),
    shape("slow", Target::Node, Timing::Window, &["until", "by"], &[]),
    shape("cut", Target::Link, Timing::Window, &["until"], &[]),
    shape("slow_link", Target::Link, Timing::Window, &["until", "by"], &[]),
    shape("connect_hangs", Target::Connection, Timing::Operations, &[], &[]),
    shape("reply_lost", Target::Call, Timing::Operations, &[], &["of"]),
    shape("request_late", Target::Call, Timing::Operations, &["by"], &["of"]),
    shape("request_twice", Target::Call, Timing::Operations, &["by"], &["of"]),
    shape("confirm_lost", Target::Queue, Timing::Operations, &[], &[]),
    shape("message_twice", Target::Queue, Timing::Operations, &[], &[]),
    shape("message_late", Target::Queue, Timing::Operations, &["by"], &[]),
    shape("messages_reordered", Target::Queue, Timing::Operations, &[], &[]),
    shape("connection_lost_before_commit", Target::Database, Timing::Operations, &[], &[]),
    shape("connection_lost_after_commit", Target::Database, Timing::Operations, &[], &[]),
    shape("serialization_failure", Target::Database, Timing::Operations, &[], &[]),
    shape("lose_parcel", Target::Order, Timing::Status, &[], &["after"]),
    shape("find_parcel", Target::Order, Timing::Status, &[], &["after"]),
    shape("bank_closed", Target::Bank, Timing::Time, &["at", "for"], &[]),
    shape("close_account", Target::Order, Timing::Status, &[], &["after", "reopen"]),
];

const fn shape(
    key: &'static str,
    target: Target,
    timing: Timing,
    needs: &'static [&'static str],
    may: &'static [&'static str],
) -> Shape {
    Shape { key, target, timing, needs, may }
}

impl Shape {
    /// The moments that a fault of this kind can be aimed at: where its operation can go wrong.
    pub fn aims(&self) -> &'static [(Side, Act)] {
        use Act::{Ack, Call, Commit, Mail, Publish};
        use Side::{After, Before};
        match self.key {
            "crash" | "stop" | "pause" => &[
                (Before, Call),
                (After, Call),
                (Before, Commit),
                (After, Commit),
                (Before, Publish),
                (After, Publish),
                (Before, Ack),
                (After, Ack),
                (Before, Mail),
                (After, Mail),
            ],
            "reply_lost" => &[(After, Call)],
            "connect_hangs" | "request_late" | "request_twice" => &[(Before, Call)],
            "confirm_lost" => &[(After, Publish)],
            "connection_lost_before_commit" | "serialization_failure" => &[(Before, Commit)],
            "connection_lost_after_commit" => &[(After, Commit)],
            _ => &[],
        }
    }
}

impl Timing {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Timing::Once => &["at", "when", "nth"],
            Timing::Time => &["at"],
            Timing::Window => &["from", "until"],
            Timing::Operations => &["from", "until", "times", "when", "nth"],
            Timing::Status => &["when"],
        }
    }
}

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

struct Checker<'a> {
    source: Source<'a>,
    table: &'a At<FaultTable>,
    replicas: &'a Replicas,
    customers: usize,
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

    fn when(&self, shape: &Shape, author: &str) -> Result<When, Mistake> {
        let table = &self.table.value;
        if let Some(when) = &table.when {
            let timed = [&table.from, &table.until].into_iter().flatten().map(|at| &at.place);
            let counted = table.times.as_ref().map(|times| &times.place);
            if let Some(place) = timed.chain(counted).next() {
                let what =
                    "a moment comes once: expected `when` without `from`, `until` and `times`";
                return Err(self.source.mistake(place, what));
            }
            let moment = self.moment(shape, when, author)?;
            let nth = table.nth.as_ref().map_or(1, |nth| nth.value);
            return Ok(When::Moment { moment, nth });
        }
        if let Some(nth) = &table.nth {
            let what = "`nth` counts moments: expected `when` with it";
            return Err(self.source.mistake(&nth.place, what));
        }
        if shape.timing == Timing::Once {
            return Ok(When::At(self.length(&table.at)));
        }
        // A year is after every end.
        let forever = Duration::from_secs(31_536_000);
        Ok(When::During {
            from: self.length(&table.from),
            until: table.until.as_ref().map_or(forever, |until| until.value.0),
            times: match shape.timing {
                // Who does not answer connections does not answer the next one either.
                Timing::Operations if shape.key != "connect_hangs" => {
                    table.times.as_ref().map_or(1, |times| times.value)
                }
                _ => table.times.as_ref().map_or(u32::MAX, |times| times.value),
            },
        })
    }

    /// A moment that `author`, or somebody for it, passes. What is no author of acts (a database,
    /// the broker, the mail server) is hit by anyone's.
    fn moment(&self, shape: &Shape, when: &At<String>, author: &str) -> Result<Moment, Mistake> {
        let wrong = |what: String| self.source.mistake(&when.place, what);
        let moment: Moment = when.value.parse().map_err(wrong)?;
        let aims = shape.aims();
        if !aims.contains(&(moment.side, moment.act)) {
            let expected = aims.iter().map(|(side, act)| Moment::new(*side, *act, "…").to_string());
            return Err(wrong(format!(
                "a fault that cannot fire: `{}` has nothing to do with `{moment}`, expected {}",
                shape.key,
                one_of(expected)
            )));
        }
        let service = map::service_of(author);
        let authors: Vec<&str> = match moments::is_author(service) {
            true => vec![service],
            false => moments::authors(),
        };
        if authors.iter().any(|author| moments::passes(author, &moment)) {
            return Ok(moment);
        }
        let known: Vec<_> =
            authors.iter().flat_map(|author| moments::of(author, moment.act)).collect();
        let known = match known.as_slice() {
            [] => "another kind of moment".to_owned(),
            known => one_of(known),
        };
        Err(wrong(format!(
            "a fault that cannot fire: {service} never passes `{moment}`; expected as its last \
             words {known}"
        )))
    }

    fn node(&self, target: &At<String>) -> Result<String, Mistake> {
        self.known("node", target, &map::nodes(self.replicas))?;
        Ok(target.value.clone())
    }

    /// `a -> b` or `a <-> b`, between two that talk, whoever calls.
    fn link(&self, target: &At<String>) -> Result<(String, String, bool), Mistake> {
        let (from, to, both) = self.ends(target)?;
        if !map::calls(&from, &to) && !map::calls(&to, &from) {
            return Err(self.silent(target, &from, &to));
        }
        Ok((from, to, both))
    }

    /// `caller -> callee`, where the caller asks something by HTTP.
    fn call(&self, target: &At<String>) -> Result<(String, String), Mistake> {
        let (from, to) = self.connection(target)?;
        match map::operations(&from, &to).is_empty() {
            true => Err(self.silent(target, &from, &to)),
            false => Ok((from, to)),
        }
    }

    /// `caller -> callee`.
    fn connection(&self, target: &At<String>) -> Result<(String, String), Mistake> {
        let (from, to, both) = self.ends(target)?;
        if both {
            return Err(self.source.mistake(
                &target.place,
                format!("link {:?}: expected `->`, from the caller", target.value),
            ));
        }
        if !map::calls(&from, &to) {
            return Err(self.silent(target, &from, &to));
        }
        Ok((from, to))
    }

    fn ends(&self, target: &At<String>) -> Result<(String, String, bool), Mistake> {
        let text = target.value.as_str();
        let both = text.contains("<->");
        let ends = text.split_once(if both { " <-> " } else { " -> " });
        let (from, to) = ends.ok_or_else(|| {
            self.source.mistake(
                &target.place,
                format!("link {text:?}: expected such as `bank -> store` or `bank <-> store`"),
            )
        })?;
        let mut known = map::nodes(self.replicas);
        known.push(map::STAFF.to_owned());
        known.extend((1..=self.customers).map(map::customer));
        let mut ends = [from, to].map(str::to_owned);
        for end in &mut ends {
            // Where there is one customer, the number may be left out.
            if end == map::CUSTOMERS && self.customers == 1 {
                *end = map::customer(1);
            }
            self.known("node", &At { value: end.clone(), place: target.place.clone() }, &known)?;
        }
        let [from, to] = ends;
        Ok((from, to, both))
    }

    fn silent(&self, target: &At<String>, from: &str, to: &str) -> Mistake {
        let what = format!(
            "a fault that cannot fire: {from} never calls {to}; expected one of: {}",
            map::pairs().join(" · ")
        );
        self.source.mistake(&target.place, what)
    }

    fn operation(&self, from: &str, to: &str) -> Result<Option<String>, Mistake> {
        let Some(of) = &self.table.value.of else { return Ok(None) };
        self.known("operation", of, &map::operations(from, to))?;
        Ok(Some(of.value.clone()))
    }

    fn known<S: AsRef<str>>(
        &self,
        what: &str,
        name: &At<String>,
        all: &[S],
    ) -> Result<(), Mistake> {
        if all.iter().any(|known| known.as_ref() == name.value) {
            return Ok(());
        }
        let what = format!("{what} {:?}: expected {}", name.value, one_of(all));
        Err(self.source.mistake(&name.place, what))
    }

    fn length(&self, length: &Option<At<Length>>) -> Duration {
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
