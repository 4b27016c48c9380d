//! Drawing faults: how many, where and when are told apart for each kind.

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::{Storm, ms};
use crate::Profile;
use stormproof_faults::moment::{Act, Moment};
use stormproof_faults::topology::{InjectionPoint, numbered, service_of};
use stormproof_faults::units::{At, Length};
use stormproof_faults::{FaultRow, FaultTable, OwnKinds, TargetForm, Timing};
use stormproof_world::seed::Stream;

/// Draws one fault of a kind.
pub(super) struct Draw<'a, K> {
    pub(super) stream: &'a mut Stream,
    pub(super) storm: &'a Storm<'a, K>,
    pub(super) profile: Profile,
}

impl<K: OwnKinds> Draw<'_, K> {
    /// `None`: this world has nothing that such a fault could be aimed at.
    pub(super) fn fault(&mut self, row: &'static FaultRow) -> Option<FaultTable<K>> {
        let by_moment = self.profile == Profile::Swarm
            && row.timing == Timing::Once
            && self.stream.random_bool(0.5);
        let (target, moment) = match by_moment {
            true => self.moment(row)?,
            false => (self.target(row)?, None),
        };
        Some(self.finish(row, target, moment))
    }

    /// Draws the rest of a fault of which is known where, and perhaps at which moment.
    pub(super) fn finish(
        &mut self,
        row: &'static FaultRow,
        target: String,
        moment: Option<Moment>,
    ) -> FaultTable<K> {
        let mut fault = FaultTable::aimed(row, target);
        let start = self.stream.random_range(0..self.storm.begin_within_ms);
        let length = self.length(row);
        // What few pieces of work pass is passed for the eighth time in no storm.
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
                fault.until = Some(At::from(ms(self.storm.length_ms)));
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
        let half = self.stream.random_bool(0.5);
        self.storm.own.details(self.stream, row, half, &mut fault);
        if row.target == TargetForm::Call && half && fault.when.is_none() {
            fault.of = self.operation(row, &fault).map(At::from);
        }
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
        let topology = self.storm.topology;
        match row.target {
            TargetForm::Node => self.node(),
            TargetForm::Way | TargetForm::Pair => {
                let pairs = topology.pairs();
                self.pair(row, pairs)
            }
            TargetForm::Connection => {
                let pairs = topology.connections();
                self.pair(row, pairs)
            }
            TargetForm::Call => {
                let pair = topology.busy_calls().choose(self.stream)?.clone();
                Some(self.with_number(pair))
            }
            TargetForm::Queue => {
                let busy = topology.focus.queue.as_ref();
                if let Some(queue) = busy.filter(|_| self.stream.random_bool(0.34)) {
                    return Some(queue.clone());
                }
                topology.queue_names().choose(self.stream).map(|name| (*name).to_owned())
            }
            TargetForm::Database => topology.databases().choose(self.stream).cloned(),
            TargetForm::Own(_) => self.storm.own.target(self.stream, row),
        }
    }

    /// One of the pairs that talk often; a way may go back, or both ways.
    fn pair(&mut self, row: &FaultRow, pairs: Vec<String>) -> Option<String> {
        let seldom = &self.storm.topology.focus.seldom;
        let is_seldom = |pair: &str| seldom.iter().any(|(a, b)| pair == format!("{a} -> {b}"));
        let busy: Vec<_> = pairs.into_iter().filter(|pair| !is_seldom(pair)).collect();
        let pair = busy.choose(self.stream)?.clone();
        let pair = self.with_number(pair);
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

    /// One of a kind of clients for all of them.
    fn with_number(&mut self, pair: String) -> String {
        let clients = &self.storm.topology.clients;
        let counts = clients.iter().filter_map(|client| client.count);
        let most = counts.max().unwrap_or(1).max(1);
        let number = self.stream.random_range(1..=most);
        let Some((from, to)) = pair.split_once(" -> ") else { return pair };
        let client = clients.iter().find(|client| client.name == from);
        match client.and_then(|client| client.count) {
            Some(count) if count > 0 => {
                format!("{} -> {to}", numbered(from, (number - 1) % count + 1))
            }
            _ => pair,
        }
    }

    /// A third of them of the service that has most to lose.
    fn node(&mut self) -> Option<String> {
        let topology = self.storm.topology;
        let mut nodes = topology.nodes();
        let busy = topology.focus.service.as_deref();
        if let Some(service) = busy.filter(|_| self.stream.random_bool(0.34)) {
            nodes.retain(|node| service_of(node) == service);
        }
        nodes.choose(self.stream).cloned()
    }

    /// A moment, and the service that passes it.
    fn moment(&mut self, row: &FaultRow) -> Option<(String, Option<Moment>)> {
        let points: Vec<&InjectionPoint> = self.storm.topology.often().collect();
        let point = points.choose(self.stream)?;
        let name = point.names.choose(self.stream)?;
        let moment = self.side_of(row, point.act, name)?;
        Some((point.service.clone(), Some(moment)))
    }

    /// A side of such an act that the kind can be aimed at.
    pub(super) fn side_of(&mut self, row: &FaultRow, act: Act, name: &str) -> Option<Moment> {
        let sides: Vec<_> = row.aims.iter().filter(|(_, aimed)| *aimed == act).collect();
        let (side, act) = **sides.choose(self.stream)?;
        Some(Moment::new(side, act, name))
    }

    /// An operation that is asked often enough to be hit.
    fn operation(&mut self, row: &FaultRow, fault: &FaultTable<K>) -> Option<String> {
        let topology = self.storm.topology;
        let (from, to) = fault.target_of(row)?.value.split_once(" -> ")?;
        let mut operations = topology.operations(from, to);
        operations.retain(|operation| !topology.is_seldom(from, Act::Call, operation));
        operations.choose(self.stream).map(|operation| (*operation).to_owned())
    }
}
