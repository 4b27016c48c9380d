//! Decides, whenever a proxy asks, whether a fault strikes here and now; counts what fired.
//!
//! The twin of the seeded world's injector (`sim/world/src/faults/injector.rs`), for proxies that see
//! bytes of real processes. Faults that are not carried are never armed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stormproof_sim::shop::map;
use stormproof_sim::storm::moment::{Act, Moment, Side};
use stormproof_sim::storm::{FOREVER, Fault, Target, When};
use stormproof_system::service::SERVICES;

use super::story::{FAULT, Story};
use super::way::{Way, is, is_foreign};

/// All faults of a rehearsal.
pub struct Arms {
    story: Arc<Story>,
    /// Services with one replica: their names stand for it.
    alone: BTreeSet<String>,
    state: Mutex<State>,
}

struct State {
    armed: Vec<Armed>,
    /// The storm is over: nothing fires any more.
    over: bool,
}

struct Armed {
    fault: Fault,
    /// Its place in the scenario.
    place: usize,
    /// How many more operations it may strike.
    left: u32,
    fired: u64,
    /// How often its moment was passed.
    passes: u32,
    /// A condition that struck and has not been told healed.
    on: bool,
}

impl Arms {
    /// Arms these faults, each with its place in the scenario. `replicas`: how many there are of a
    /// service, if not one.
    pub fn new(
        story: Arc<Story>,
        replicas: &map::Replicas,
        faults: impl IntoIterator<Item = (usize, Fault)>,
    ) -> Arms {
        let armed = faults.into_iter().map(|(place, fault)| Armed::new(place, fault)).collect();
        let is_alone = |service: &str| replicas.get(service).is_none_or(|count| *count == 1);
        let services = SERVICES.iter().map(|service| service.name.to_owned());
        let alone = services.filter(|service| is_alone(service)).collect();
        Arms { story, alone, state: Mutex::new(State { armed, over: false }) }
    }

    /// Asks for the next operation fault that `fits`, and fires it.
    pub fn strike(&self, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let now = self.story.storm_time()?;
        let kind = {
            let state = &mut *self.state();
            if state.over {
                return None;
            }
            let mut due = state.armed.iter_mut();
            let armed =
                due.find(|armed| armed.is_due(now) && armed.left > 0 && fits(&armed.fault))?;
            armed.fire();
            armed.fault.clone()
        };
        self.tell(&kind, "fires");
        Some(kind)
    }

    /// `node` passes a moment: the fault that waits for it there, told and counted. What it does to a
    /// process is the caller's to carry out; of several replicas the one that passes is struck.
    pub fn pass(&self, node: &str, side: Side, act: Act, name: &str) -> Option<Fault> {
        self.story.storm_time()?;
        let moment = Moment::new(side, act, name);
        let kind = {
            let state = &mut *self.state();
            if state.over {
                return None;
            }
            let mut struck = None;
            for armed in &mut state.armed {
                let When::Moment { moment: wanted, nth } = &armed.fault.when else { continue };
                if *wanted != moment || !concerns(&armed.fault, node) {
                    continue;
                }
                armed.passes += 1;
                if armed.passes == *nth && struck.is_none() {
                    if armed.fault.is_of_process()
                        && let Target::Node(aimed) = &mut armed.fault.target
                        && is(node, aimed)
                        && !self.alone.contains(map::service_of(node))
                    {
                        node.clone_into(aimed);
                    }
                    armed.fire();
                    struck = Some(armed.fault.clone());
                }
            }
            struck?
        };
        self.tell(&kind, "fires");
        Some(kind)
    }

    /// The way from one node to another, now.
    pub fn way(&self, from: &str, to: &str) -> Way {
        let mut way = Way::default();
        let Some(now) = self.story.storm_time() else { return way };
        let state = self.state();
        let due = state.armed.iter().filter(|armed| !state.over && armed.is_due(now));
        for armed in due {
            way.add(&armed.fault, from, to);
        }
        way
    }

    /// Whether conditions can ever hold between the two.
    pub fn concern(&self, from: &str, to: &str) -> bool {
        let state = self.state();
        state.armed.iter().any(|armed| {
            let mut way = Way::default();
            way.add(&armed.fault, from, to);
            way.add(&armed.fault, to, from);
            way != Way::default()
        })
    }

    /// The conditions on the way from one node to another matter to somebody now: each fires once.
    pub fn matter(self: &Arc<Self>, from: &str, to: &str) {
        let Some(now) = self.story.storm_time() else { return };
        let mut fires = Vec::new();
        {
            let state = &mut *self.state();
            for armed in state.armed.iter_mut().filter(|armed| armed.is_due(now) && !armed.on) {
                let mut way = Way::default();
                way.add(&armed.fault, from, to);
                if way != Way::default() && !state.over {
                    armed.on = true;
                    armed.fire();
                    fires.push((armed.place, armed.fault.clone(), armed.until()));
                }
            }
        }
        for (place, kind, until) in fires {
            self.tell(&kind, "fires");
            let (arms, left) = (self.clone(), self.story.real(until.saturating_sub(now)));
            tokio::spawn(async move {
                tokio::time::sleep(left).await;
                arms.expire(place);
            });
        }
    }

    /// The faults of processes that have a time, in its order: when, and their place.
    pub fn schedule(&self) -> Vec<(Duration, usize)> {
        let state = self.state();
        let timed = state.armed.iter().filter_map(|armed| match &armed.fault.when {
            When::At(at) if armed.fault.is_of_process() => Some((*at, armed.place)),
            _ => None,
        });
        let mut timed: Vec<_> = timed.collect();
        timed.sort_unstable();
        timed
    }

    /// The process fault at this place, whose time has come.
    pub fn due(&self, place: usize) -> Option<Fault> {
        let state = self.state();
        let armed = state.armed.iter().find(|armed| armed.place == place && !state.over);
        armed.map(|armed| armed.fault.clone())
    }

    /// The fault at this place has struck somebody.
    pub fn struck(&self, place: usize) {
        let kind = {
            let state = &mut *self.state();
            let Some(armed) = state.armed.iter_mut().find(|armed| armed.place == place) else {
                return;
            };
            armed.fire();
            armed.fault.clone()
        };
        self.tell(&kind, "fires");
    }

    /// Nothing fires from now on; conditions are told healed.
    pub fn end(&self) {
        let places: Vec<usize> = {
            let state = &mut *self.state();
            state.over = true;
            state.armed.iter().map(|armed| armed.place).collect()
        };
        for place in places {
            self.expire(place);
        }
    }

    /// Whether the storm is over.
    pub fn are_down(&self) -> bool {
        self.state().over
    }

    pub fn fired(&self) -> BTreeMap<&'static str, u64> {
        let mut fired = BTreeMap::new();
        for armed in self.state().armed.iter().filter(|armed| armed.fired > 0) {
            *fired.entry(armed.fault.kind.name()).or_default() += armed.fired;
        }
        fired
    }

    /// The armed faults that never fired, by their places.
    pub fn unfired(&self) -> Vec<usize> {
        let state = self.state();
        let never = state.armed.iter().filter(|armed| armed.fired == 0);
        never.map(|armed| armed.place).collect()
    }

    /// Tells that a condition's time is over, if it ever mattered.
    fn expire(&self, place: usize) {
        let healed = {
            let state = &mut *self.state();
            let mut on = state.armed.iter_mut().filter(|armed| armed.place == place && armed.on);
            on.next().map(|armed| {
                armed.on = false;
                armed.fault.clone()
            })
        };
        if let Some(kind) = healed {
            self.tell(&kind, "heals");
        }
    }

    fn tell(&self, kind: &Fault, what: &str) {
        self.story.say(FAULT, "", &format!("{kind} {what}"));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Armed {
    fn new(place: usize, fault: Fault) -> Armed {
        let left = match fault.when {
            When::During { times, .. } => times,
            _ => 1,
        };
        Armed { fault, place, left, fired: 0, passes: 0, on: false }
    }

    fn is_due(&self, now: Duration) -> bool {
        matches!(&self.fault.when, When::During { from, until, .. } if *from <= now && now < *until)
    }

    fn until(&self) -> Duration {
        match &self.fault.when {
            When::During { until, .. } => *until,
            _ => FOREVER,
        }
    }

    fn fire(&mut self) {
        self.fired += 1;
        self.left = self.left.saturating_sub(1);
    }
}

/// Whether a moment passed by `node` is one that a fault of this kind can be aimed at. What is no
/// author of acts (a database, the broker, the mail server) is hit by anyone's.
fn concerns(fault: &Fault, node: &str) -> bool {
    match &fault.target {
        Target::Node(name) => is(node, name) || is_foreign(name),
        Target::Call { from, .. } => is(node, from),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use stormproof_sim::storm::FaultKind;

    use super::super::time_scale::TimeScale;
    use super::*;

    fn armed(faults: Vec<Fault>) -> Arc<Arms> {
        let story = Arc::new(Story::new(TimeScale(1), false, false, None));
        story.begin();
        let replicas = map::Replicas::from([("store".to_owned(), 2)]);
        Arc::new(Arms::new(story, &replicas, faults.into_iter().enumerate()))
    }

    fn during(until: Duration, times: u32) -> When {
        When::During { from: Duration::ZERO, until, times }
    }

    #[test]
    fn operations_are_struck_as_often_as_asked_and_not_after_the_storm() {
        let lost = Fault::new(FaultKind::ReplyLost, Target::call("store", "bank"));
        let arms = armed(vec![lost.when(during(FOREVER, 2))]);
        let strike = || arms.strike(|fault| fault.kind == FaultKind::ReplyLost).is_some();
        assert!(arms.strike(|fault| fault.kind == FaultKind::RequestLate).is_none());
        assert_eq!(arms.unfired(), [0]);
        assert_eq!([strike(), strike(), strike()], [true, true, false]);
        assert_eq!(arms.fired()["reply lost"], 2);
        assert_eq!(arms.unfired(), [0; 0]);
        let lost = Fault::new(FaultKind::ReplyLost, Target::call("store", "bank"));
        let arms = armed(vec![lost.when(during(FOREVER, 2))]);
        arms.end();
        assert!(arms.strike(|_| true).is_none());
    }

    #[test]
    fn of_several_replicas_the_one_that_passes_is_struck() {
        let crash = Fault::new(FaultKind::Crash, Target::node("store"));
        let moment = Moment::new(Side::After, Act::Call, "debit");
        let arms = armed(vec![crash.when(When::Moment { moment, nth: 2 })]);
        let pass = |node| arms.pass(node, Side::After, Act::Call, "debit");
        assert!(pass("bank-1").is_none() && pass("store-1").is_none());
        let struck = pass("store-2").expect("the second pass");
        assert_eq!(struck.target, Target::node("store-2"));
        assert!(pass("store-2").is_none());
    }

    #[tokio::test]
    async fn conditions_hold_on_their_way_only_and_fire_once() {
        let cut = Fault::new(FaultKind::Cut, Target::link("bank", "store-1"));
        let slow = Fault::new(FaultKind::Slow, Target::node("bank")).by(Duration::from_secs(1));
        let arms =
            armed(vec![cut.when(during(FOREVER, u32::MAX)), slow.when(during(FOREVER, u32::MAX))]);
        assert!(arms.way("bank-1", "store-1").cut && !arms.way("store-1", "bank-1").cut);
        assert!(!arms.way("bank-1", "store-2").cut);
        assert_eq!(arms.way("store-2", "bank-1").delay, Duration::from_secs(1));
        assert!(arms.concern("store-1", "bank-1") && !arms.concern("store-1", "store-db"));
        arms.matter("bank-1", "store-1");
        arms.matter("bank-1", "store-1");
        assert_eq!((arms.fired()["cut"], arms.fired()["slow"]), (1, 1));
        arms.end();
        assert_eq!(arms.way("bank-1", "store-1"), Way::default());
    }
}
