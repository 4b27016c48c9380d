//! Drawing faults: how many, where and when are told apart for each kind.

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use stormproof_system::messages::DELIVERY_UPDATES;

use super::{Profile, SHOPPING_MS, STATUSES, STORM_MS, ms};
use crate::shop::moments::MOMENTS;
use crate::shop::scenario::tables::{Document, FaultTable};
use crate::shop::scenario::units::{At, Length};
use crate::shop::scenario::{Shape, Target, Timing};
use crate::shop::topology as map;
use crate::storm::moment::Moment;
use crate::world::seed::Stream;

/// Draws one fault of a kind.
pub(super) struct Draw<'a> {
    pub(super) stream: &'a mut Stream,
    pub(super) document: &'a Document,
    pub(super) profile: Profile,
}

impl Draw<'_> {
    /// `None`: this world has nothing that such a fault could be aimed at.
    pub(super) fn fault(&mut self, shape: &Shape) -> Option<FaultTable> {
        let by_moment = self.profile == Profile::Swarm
            && shape.timing == Timing::Once
            && self.stream.random_bool(0.5);
        let (target, moment) =
            if by_moment { self.moment(shape) } else { (self.target(shape)?, None) };
        self.finish(shape, target, moment)
    }

    /// Draws the rest of a fault of which is known where, and perhaps at which moment.
    pub(super) fn finish(
        &mut self,
        shape: &Shape,
        target: String,
        moment: Option<Moment>,
    ) -> Option<FaultTable> {
        let mut fault = FaultTable::aimed(shape.key, target)?;
        let start = self.stream.random_range(0..SHOPPING_MS + 5_000);
        let length = self.length(shape.key);
        // What few orders pass is passed for the eighth time in no storm.
        let nth_max = if self.profile == Profile::Priority { 3 } else { 8 };
        let nth = self.stream.random_range(1..=nth_max);
        let times = self.stream.random_range(1..=3);
        match (shape.timing, moment) {
            (_, Some(moment)) => {
                fault.when = Some(At::from(moment.to_string()));
                fault.nth = Some(At::from(nth));
            }
            (Timing::Once | Timing::Time, None) => fault.at = Some(At::from(ms(start))),
            (Timing::Window, None) => {
                fault.from = Some(At::from(ms(start)));
                fault.until = Some(At::from(ms(start + length)));
            }
            (Timing::Operations, None) => {
                fault.from = Some(At::from(ms(start)));
                fault.until = Some(At::from(ms(STORM_MS)));
                fault.times = Some(At::from(times));
            }
            (Timing::Status, None) => fault.after = Some(At::from(ms(start % 900))),
        }
        let length = At::from(ms(length));
        for key in shape.needs {
            match *key {
                "restart" => fault.restart = Some(length.clone()),
                "for" => fault.lasting = Some(length.clone()),
                "by" => fault.by = Some(At::from(self.delay(shape.key))),
                _ => {}
            }
        }
        self.details(shape, &mut fault);
        Some(fault)
    }

    /// How long it lasts, in milliseconds. Leases last 20 seconds: some pauses outlast them.
    fn length(&mut self, key: &str) -> u64 {
        match key {
            "pause" if self.stream.random_bool(0.4) => self.stream.random_range(20_500..32_000),
            "pause" => self.stream.random_range(100..8_000),
            "bank_closed" => self.stream.random_range(5_000..90_000),
            "slow" | "slow_link" => self.stream.random_range(1_000..20_000),
            _ => self.stream.random_range(200..12_000),
        }
    }

    fn delay(&mut self, key: &str) -> Length {
        ms(match key {
            "slow" | "slow_link" => self.stream.random_range(5..900),
            "message_late" => self.stream.random_range(100..30_000),
            _ => self.stream.random_range(50..12_000),
        })
    }

    fn target(&mut self, shape: &Shape) -> Option<String> {
        let text =
            |list: &[&str], stream: &mut Stream| list.choose(stream).map(|it| (*it).to_owned());
        match shape.target {
            Target::Node => self.node(),
            Target::Link | Target::Connection => {
                let pairs = match shape.target {
                    Target::Connection => map::connections(),
                    _ => map::pairs(),
                };
                let busy =
                    |pair: &String| !pair.contains(map::STAFF) && pair != "store -> delivery";
                let pair = pairs.into_iter().filter(busy);
                let pair = pair.collect::<Vec<_>>().choose(self.stream)?.clone();
                let pair = self.with_customer(pair);
                let both = shape.key == "cut" && self.stream.random_bool(0.5);
                let backward = shape.key == "cut" && self.stream.random_bool(0.5);
                let (from, to) = pair.split_once(" -> ")?;
                Some(match (both, backward) {
                    (true, _) => format!("{from} <-> {to}"),
                    (false, true) => format!("{to} -> {from}"),
                    (false, false) => pair.clone(),
                })
            }
            Target::Call => {
                let pairs = [
                    "customer -> store",
                    "store -> warehouse",
                    "store -> warehouse",
                    "store -> bank",
                    "store -> bank",
                ];
                let pair = text(&pairs, self.stream)?;
                Some(self.with_customer(pair))
            }
            // What the carrier says decides most; a third of the trouble is with that.
            Target::Queue if self.stream.random_bool(0.34) => Some(DELIVERY_UPDATES.to_owned()),
            Target::Queue => text(&map::queues(), self.stream),
            Target::Database => map::databases().choose(self.stream).cloned(),
            Target::Order => {
                let customer = self.stream.random_range(0..self.document.customers.len());
                let script = &self.document.customers[customer].script;
                let orders = script.iter().filter(|step| step.value.order.is_some()).count();
                let order = self.stream.random_range(0..orders);
                Some(format!("{}/{}", map::customer(customer + 1), order + 1))
            }
            Target::Bank => Some("bank".to_owned()),
        }
    }

    /// One customer for all of them.
    fn with_customer(&mut self, pair: String) -> String {
        let number = self.stream.random_range(1..=self.document.customers.len());
        match pair.strip_prefix(map::CUSTOMERS) {
            Some(rest) => format!("{}{rest}", map::customer(number)),
            None => pair,
        }
    }

    fn node(&mut self) -> Option<String> {
        let replicas = &self.document.world.replicas;
        let replicas = replicas.iter().map(|(name, count)| (name.clone(), count.value)).collect();
        // The Store has most to lose; a third of the faults are its own.
        let nodes: Vec<_> = match self.stream.random_bool(0.34) {
            true => {
                let nodes = map::nodes(&replicas).into_iter();
                nodes.filter(|node| map::service_of(node) == "store").collect()
            }
            false => map::nodes(&replicas),
        };
        nodes.choose(self.stream).cloned()
    }

    /// A moment, and the service that passes it.
    fn moment(&mut self, shape: &Shape) -> (String, Option<Moment>) {
        let row = MOMENTS.choose(self.stream).expect("there are moments");
        let name = row.names.choose(self.stream).expect("a row has names");
        let sides: Vec<_> = shape.aims().iter().filter(|(_, act)| *act == row.act).collect();
        let (side, act) = **sides.choose(self.stream).expect("processes end at any moment");
        (row.service.to_owned(), Some(Moment::new(side, act, *name)))
    }

    /// What only some kinds are told.
    fn details(&mut self, shape: &Shape, fault: &mut FaultTable) {
        let half = self.stream.random_bool(0.5);
        let later = ms(self.stream.random_range(1_000..60_000));
        let status = *STATUSES[1..].choose(self.stream).expect("there are statuses");
        match shape.target {
            Target::Call if half && fault.when.is_none() => {
                let target = fault.kinds().into_iter().find_map(|(_, target)| target);
                let ends = target.and_then(|target| target.value.split_once(" -> "));
                let operations = ends.map(|(from, to)| map::operations(from, to));
                let mut operations = operations.unwrap_or_default();
                operations.retain(|operation| *operation != map::VIEWS);
                let operation = operations.choose(self.stream).copied();
                fault.of = operation.map(|operation| At::from(operation.to_owned()));
            }
            Target::Order if shape.key == "close_account" => {
                fault.when = Some(At::from(status.to_owned()));
                fault.reopen = half.then(|| At::from(later));
            }
            Target::Order if shape.key == "lose_parcel" && half => {
                fault.when = Some(At::from("IN_TRANSIT".to_owned()));
            }
            _ => {}
        }
    }
}

/// A parcel can only be found that is lost: finds are aimed at what was drawn to be lost.
pub(super) fn finds_after_losses(document: &mut Document) {
    let lost: Vec<_> =
        document.faults.iter().filter_map(|fault| fault.value.lose_parcel.clone()).collect();
    let mut next = lost.into_iter();
    document.faults.retain_mut(|fault| match &mut fault.value.find_parcel {
        None => true,
        Some(order) => match next.next() {
            Some(lost) => {
                *order = lost;
                true
            }
            None => false,
        },
    });
}
