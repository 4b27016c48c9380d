//! Drawing faults: how many, where and when are told apart for each kind.

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use stormproof_system::messages::DELIVERY_UPDATES;

use super::{Profile, SHOPPING_MS, STATUSES, STORM_MS, ms};
use stormproof_faults::moment::Moment;
use stormproof_faults::{FaultRow, TargetForm, Timing};
use stormproof_shop::moments::MOMENTS;
use stormproof_shop::scenario::people::{BANK, PeopleKind, REOPEN};
use stormproof_shop::scenario::tables::{Document, FaultTable};
use stormproof_shop::scenario::units::{At, Length};
use stormproof_shop::topology;
use stormproof_world::seed::Stream;

/// Draws one fault of a kind.
pub(super) struct Draw<'a> {
    pub(super) stream: &'a mut Stream,
    pub(super) document: &'a Document,
    pub(super) profile: Profile,
}

impl Draw<'_> {
    /// `None`: this world has nothing that such a fault could be aimed at.
    pub(super) fn fault(&mut self, row: &'static FaultRow) -> Option<FaultTable> {
        let by_moment = self.profile == Profile::Swarm
            && row.timing == Timing::Once
            && self.stream.random_bool(0.5);
        let (target, moment) = if by_moment { self.moment(row) } else { (self.target(row)?, None) };
        Some(self.finish(row, target, moment))
    }

    /// Draws the rest of a fault of which is known where, and perhaps at which moment.
    pub(super) fn finish(
        &mut self,
        row: &'static FaultRow,
        target: String,
        moment: Option<Moment>,
    ) -> FaultTable {
        let mut fault = FaultTable::aimed(row, target);
        let start = self.stream.random_range(0..SHOPPING_MS + 5_000);
        let length = self.length(row);
        // What few orders pass is passed for the eighth time in no storm.
        let nth_max = if self.profile == Profile::Priority { 3 } else { 8 };
        let nth = self.stream.random_range(1..=nth_max);
        let times = self.stream.random_range(1..=3);
        match (row.timing, moment) {
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
        for key in row.needs {
            match *key {
                "restart" => fault.restart = Some(length.clone()),
                "for" => fault.lasting = Some(length.clone()),
                "by" => fault.by = Some(At::from(self.delay(row))),
                _ => {}
            }
        }
        self.details(row, &mut fault);
        fault
    }

    /// How long it lasts, in milliseconds.
    fn length(&mut self, row: &FaultRow) -> u64 {
        let (from, to) = match row.drawn.long_ms {
            Some((chance, long)) if self.stream.random_bool(chance) => long,
            _ => row.drawn.lasting_ms,
        };
        self.stream.random_range(from..to)
    }

    fn delay(&mut self, row: &FaultRow) -> Length {
        let (from, to) = row.drawn.by_ms;
        ms(self.stream.random_range(from..to))
    }

    fn target(&mut self, row: &FaultRow) -> Option<String> {
        let text =
            |list: &[&str], stream: &mut Stream| list.choose(stream).map(|it| (*it).to_owned());
        match row.target {
            TargetForm::Node => self.node(),
            TargetForm::Way | TargetForm::Pair | TargetForm::Connection => {
                let pairs = match row.target {
                    TargetForm::Connection => topology::connections(),
                    _ => topology::pairs(),
                };
                let busy =
                    |pair: &String| !pair.contains(topology::STAFF) && pair != "store -> delivery";
                let pair = pairs.into_iter().filter(busy);
                let pair = pair.collect::<Vec<_>>().choose(self.stream)?.clone();
                let pair = self.with_customer(pair);
                let has_way = row.target == TargetForm::Way;
                let both = has_way && self.stream.random_bool(0.5);
                let backward = has_way && self.stream.random_bool(0.5);
                let (from, to) = pair.split_once(" -> ")?;
                Some(match (both, backward) {
                    (true, _) => format!("{from} <-> {to}"),
                    (false, true) => format!("{to} -> {from}"),
                    (false, false) => pair.clone(),
                })
            }
            TargetForm::Call => {
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
            TargetForm::Queue if self.stream.random_bool(0.34) => Some(DELIVERY_UPDATES.to_owned()),
            TargetForm::Queue => text(&topology::queues(), self.stream),
            TargetForm::Database => topology::databases().choose(self.stream).cloned(),
            TargetForm::Own(BANK) => Some(BANK.to_owned()),
            TargetForm::Own(_) => {
                let customer = self.stream.random_range(0..self.document.customers.len());
                let script = &self.document.customers[customer].script;
                let orders = script.iter().filter(|step| step.value.order.is_some()).count();
                let order = self.stream.random_range(0..orders);
                Some(format!("{}/{}", topology::customer(customer + 1), order + 1))
            }
        }
    }

    /// One customer for all of them.
    fn with_customer(&mut self, pair: String) -> String {
        let number = self.stream.random_range(1..=self.document.customers.len());
        match pair.strip_prefix(topology::CUSTOMERS) {
            Some(rest) => format!("{}{rest}", topology::customer(number)),
            None => pair,
        }
    }

    fn node(&mut self) -> Option<String> {
        let replicas = &self.document.world.replicas;
        let replicas = replicas.iter().map(|(name, count)| (name.clone(), count.value)).collect();
        // The Store has most to lose; a third of the faults are its own.
        let nodes: Vec<_> = match self.stream.random_bool(0.34) {
            true => {
                let nodes = topology::nodes(&replicas).into_iter();
                nodes.filter(|node| topology::service_of(node) == "store").collect()
            }
            false => topology::nodes(&replicas),
        };
        nodes.choose(self.stream).cloned()
    }

    /// A moment, and the service that passes it.
    fn moment(&mut self, row: &FaultRow) -> (String, Option<Moment>) {
        let place = MOMENTS.choose(self.stream).expect("there are moments");
        let name = place.names.choose(self.stream).expect("a row has names");
        let sides: Vec<_> = row.aims.iter().filter(|(_, act)| *act == place.act).collect();
        let (side, act) = **sides.choose(self.stream).expect("processes end at any moment");
        (place.service.to_owned(), Some(Moment::new(side, act, *name)))
    }

    /// What only some kinds are told.
    fn details(&mut self, row: &FaultRow, fault: &mut FaultTable) {
        let half = self.stream.random_bool(0.5);
        let later = ms(self.stream.random_range(1_000..60_000));
        let status = *STATUSES[1..].choose(self.stream).expect("there are statuses");
        if row.target == TargetForm::Call && half && fault.when.is_none() {
            let ends = fault.target_of(row).and_then(|target| target.value.split_once(" -> "));
            let operations = ends.map(|(from, to)| topology::operations(from, to));
            let mut operations = operations.unwrap_or_default();
            operations.retain(|operation| *operation != topology::VIEWS);
            let operation = operations.choose(self.stream).copied();
            fault.of = operation.map(|operation| At::from(operation.to_owned()));
        }
        match PeopleKind::of_key(row.key) {
            Some(PeopleKind::CloseAccount) => {
                fault.when = Some(At::from(status.to_owned()));
                *fault.own_mut(REOPEN) = half.then(|| At::from(later));
            }
            Some(PeopleKind::LoseParcel) if half => {
                fault.when = Some(At::from("IN_TRANSIT".to_owned()));
            }
            _ => {}
        }
    }
}

/// A parcel can only be found that is lost: finds are aimed at what was drawn to be lost.
pub(super) fn finds_after_losses(document: &mut Document) {
    let (loss, find) = (PeopleKind::LoseParcel.row(), PeopleKind::FindParcel.row());
    let faults = document.faults.iter();
    let lost: Vec<_> = faults.filter_map(|fault| fault.value.target_of(loss).cloned()).collect();
    let mut next = lost.into_iter();
    document.faults.retain_mut(|fault| {
        if fault.value.target_of(find).is_none() {
            return true;
        }
        let (Some(order), Some(lost)) = (fault.value.target_mut(), next.next()) else {
            return false;
        };
        *order = lost;
        true
    });
}
