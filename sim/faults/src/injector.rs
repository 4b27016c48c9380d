//! The fault engine: decides, whenever somebody asks, whether a fault strikes here and now, and counts
//! what fired. Which moments were passed, and which faults struck at them, is kept in `coverage.rs`.
//!
//! What a fault then does is the [`Host`]'s. Faults have numbers, from 0, in the order in which they
//! were armed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::coverage::Coverage;
use crate::faults::{Fault, Target, When};
use crate::host::Host;
use crate::link_state::{LinkState, slows};
use crate::moment::{Act, Passage, Side};
use crate::row::TargetForm;
use crate::service_moment::{ServiceMoment, Strike};

/// All faults of a run.
pub struct Injector {
    state: Mutex<InjectorState>,
}

struct InjectorState {
    armed: Vec<Armed>,
    /// The storm is over: nothing fires any more.
    over: bool,
    coverage: Coverage,
}

struct Armed {
    fault: Fault,
    from: Duration,
    until: Duration,
    /// How many more operations it may strike.
    left: u32,
    fired: u64,
    /// How often its moment was passed.
    passes: u32,
    /// A condition that struck and has not been told healed.
    on: bool,
    strikes: Vec<StrikeTime>,
}

/// When a fault struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrikeTime {
    /// The fault's number.
    pub fault: usize,
    /// When it fired, in the time that faults count by.
    pub from: Duration,
    /// Until when it held, if it is a condition; `None`: it still does.
    pub until: Option<Duration>,
}

/// A fault that strikes whoever passes its moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Aimed {
    /// The operation goes wrong; that it does is told and counted.
    Operation(Fault),
    /// The node that passes, or one that it uses, is to end or halt. If it does,
    /// [`Injector::has_struck`] wants to know, with the fault's number.
    Process(usize, Fault),
}

impl Injector {
    /// Arms these faults. Keeps every pass of a moment if asked to.
    pub fn new(faults: impl IntoIterator<Item = Fault>, passages: bool) -> Injector {
        let state = InjectorState {
            armed: faults.into_iter().map(Armed::new).collect(),
            over: false,
            coverage: Coverage::new(passages),
        };
        Injector { state: Mutex::new(state) }
    }

    /// `node` passes a moment: the fault that waits for it there. Of several replicas the one that
    /// passes is struck. `name` is the moment's name in words.
    pub fn pass<H: Host>(
        &self,
        host: &H,
        node: &H::Node,
        side: Side,
        act: Act,
        name: &[&str],
    ) -> Option<Aimed> {
        let (number, fault) = self.note(host, node, side, act, name)?;
        if fault.is_of_process() {
            return Some(Aimed::Process(number, fault));
        }
        self.has_struck(host, number);
        Some(Aimed::Operation(fault))
    }

    /// Counts the pass; says which fault waits here.
    fn note<H: Host>(
        &self,
        host: &H,
        node: &H::Node,
        side: Side,
        act: Act,
        name: &[&str],
    ) -> Option<(usize, Fault)> {
        let now = host.now()?;
        let state = &mut *self.state();
        state.coverage.count(&host.service(node), side, act, name);
        if state.over {
            return None;
        }
        state.coverage.keep(host, now);
        let InjectorState { armed, coverage, .. } = state;
        let moment = coverage.last()?;
        let mut struck = None;
        for (number, armed) in armed.iter_mut().enumerate() {
            let When::Moment { moment: wanted, nth } = &armed.fault.when else { continue };
            if wanted != moment || !concerns(host, &armed.fault, node) {
                continue;
            }
            armed.passes += 1;
            if armed.passes == *nth && struck.is_none() {
                // Of several replicas, the one that passes is struck: the others are to take over.
                if armed.fault.is_of_process()
                    && let Target::Node(aimed) = &mut armed.fault.target
                    && host.is_named(node, aimed)
                {
                    *aimed = host.name(node);
                }
                struck = Some((number, armed.fault.clone()));
            }
        }
        struck
    }

    /// Asks for the next operation fault that `fits`, and fires it. Faults of named moments are
    /// not asked.
    pub fn strike<H: Host>(&self, host: &H, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let now = host.now()?;
        let (number, fault) = {
            let state = self.state();
            if state.over {
                return None;
            }
            let mut armed = state.armed.iter();
            let number = armed
                .position(|armed| armed.is_due(now) && armed.left > 0 && fits(&armed.fault))?;
            (number, state.armed[number].fault.clone())
        };
        self.has_struck(host, number);
        Some(fault)
    }

    /// The way from one node to another, now. Each condition on it fires, once: it matters to
    /// somebody.
    pub fn link<H: Host>(&self, host: &H, from: &H::Node, to: &H::Node) -> LinkState {
        let mut link = LinkState::default();
        self.conditions(host, |fault| {
            // Who hangs is asked for each attempt.
            fault.kind.row().target != TargetForm::Connection && link.add(host, fault, (from, to))
        });
        link
    }

    /// How much longer everything takes on a node, now; each condition that says so fires, once.
    pub fn slowness<H: Host>(&self, host: &H, node: &H::Node) -> Duration {
        let mut total = Duration::ZERO;
        self.conditions(host, |fault| {
            let is_slow = slows(host, fault, node);
            if is_slow {
                total += fault.amount;
            }
            is_slow
        });
        total
    }

    /// The way from one node to another, now, with all that its ends do to it. Nothing fires: this is
    /// for who looks again and again. [`Injector::matter`] tells that it mattered.
    pub fn look<H: Host>(&self, host: &H, from: &H::Node, to: &H::Node) -> LinkState {
        let mut link = LinkState::default();
        let Some(now) = host.now() else { return link };
        let state = self.state();
        for armed in state.armed.iter().filter(|armed| !state.over && armed.is_due(now)) {
            link.add_with_ends(host, &armed.fault, (from, to));
        }
        link
    }

    /// What [`Injector::look`] sees matters to somebody: each of it fires, once.
    pub fn matter<H: Host>(&self, host: &H, from: &H::Node, to: &H::Node) {
        let mut link = LinkState::default();
        self.conditions(host, |fault| link.add_with_ends(host, fault, (from, to)));
    }

    /// Whether there are conditions that can ever hold between the two, in either direction.
    pub fn concerns_link<H: Host>(&self, host: &H, from: &H::Node, to: &H::Node) -> bool {
        let mut link = LinkState::default();
        self.state().armed.iter().any(|armed| {
            link.add_with_ends(host, &armed.fault, (from, to))
                || link.add_with_ends(host, &armed.fault, (to, from))
        })
    }

    /// Asks which conditions hold now; `is_felt` gets each. A condition fires once, when it first
    /// matters to somebody.
    fn conditions<H: Host>(&self, host: &H, mut is_felt: impl FnMut(&Fault) -> bool) {
        let Some(now) = host.now() else { return };
        let mut starts = Vec::new();
        {
            let state = &mut *self.state();
            if state.over {
                return;
            }
            for (number, armed) in state.armed.iter_mut().enumerate() {
                if armed.is_due(now) && is_felt(&armed.fault) && !armed.on {
                    armed.on = true;
                    starts.push((number, armed.until));
                }
            }
        }
        for (number, until) in starts {
            self.has_struck(host, number);
            // Only a condition that mattered has an end: one that did not must move nothing.
            host.expire_after(until.saturating_sub(now), number);
        }
    }

    /// Counts and tells that a fault strikes.
    pub fn has_struck<H: Host>(&self, host: &H, number: usize) {
        let words = {
            let InjectorState { armed, coverage, .. } = &mut *self.state();
            let armed = &mut armed[number];
            armed.fired += 1;
            armed.left = armed.left.saturating_sub(1);
            let from = host.now().unwrap_or_default();
            let until = (!armed.on).then_some(from);
            armed.strikes.push(StrikeTime { fault: number, from, until });
            coverage.strike(armed.fault.kind.name());
            format!("{} fires", armed.fault)
        };
        host.tell(&words);
    }

    /// Tells that a condition's time is over, if it ever mattered.
    pub fn expire<H: Host>(&self, host: &H, number: usize) {
        let words = {
            let armed = &mut self.state().armed[number];
            if armed.on
                && let Some(strike) = armed.strikes.last_mut()
            {
                strike.until = host.now();
            }
            std::mem::take(&mut armed.on).then(|| format!("{} heals", armed.fault))
        };
        if let Some(words) = words {
            host.tell(&words);
        }
    }

    /// The process faults that have a time, in its order: when, and their numbers.
    pub fn schedule(&self) -> Vec<(Duration, usize)> {
        let state = self.state();
        let timed = state.armed.iter().enumerate();
        let timed = timed.filter(|(_, armed)| {
            armed.fault.is_of_process() && !matches!(armed.fault.when, When::Moment { .. })
        });
        let mut timed: Vec<_> = timed.map(|(number, armed)| (armed.from, number)).collect();
        timed.sort_unstable();
        timed
    }

    /// The process fault of this number, whose time has come; none after the storm.
    pub fn due(&self, number: usize) -> Option<Fault> {
        let state = self.state();
        (!state.over).then(|| state.armed[number].fault.clone())
    }

    /// Nothing fires from now on; conditions are told healed.
    pub fn end<H: Host>(&self, host: &H) {
        let count = {
            let mut state = self.state();
            state.over = true;
            state.armed.len()
        };
        for number in 0..count {
            self.expire(host, number);
        }
    }

    /// Whether the storm is over.
    pub fn is_over(&self) -> bool {
        self.state().over
    }

    /// The queues that faults are aimed at; none after the storm.
    pub fn queues(&self) -> BTreeSet<String> {
        let state = self.state();
        let armed = state.armed.iter().filter(|armed| !state.over && armed.left > 0);
        armed.filter_map(|armed| armed.fault.target.queue().map(str::to_owned)).collect()
    }

    /// How often each kind of fault fired, by its name.
    pub fn fired(&self) -> BTreeMap<&'static str, u64> {
        let mut fired = BTreeMap::new();
        for armed in self.state().armed.iter().filter(|armed| armed.fired > 0) {
            *fired.entry(armed.fault.kind.name()).or_default() += armed.fired;
        }
        fired
    }

    /// The numbers of the faults that never fired.
    pub fn unfired(&self) -> Vec<usize> {
        let state = self.state();
        let armed = state.armed.iter().enumerate();
        armed.filter(|(_, armed)| armed.fired == 0).map(|(number, _)| number).collect()
    }

    /// When each fault that fired did, fault by fault.
    pub fn strikes(&self) -> Vec<StrikeTime> {
        self.state().armed.iter().flat_map(|armed| armed.strikes.clone()).collect()
    }

    /// Every pass during the storm; none unless they were kept.
    pub fn passages(&self) -> Vec<Passage> {
        self.state().coverage.passages()
    }

    /// Every moment that was passed, and how often.
    pub fn moments(&self) -> BTreeMap<ServiceMoment, u64> {
        self.state().coverage.moments()
    }

    /// Every moment with each kind of fault that struck at it, and how often.
    pub fn struck(&self) -> BTreeMap<Strike, u64> {
        self.state().coverage.struck()
    }

    fn state(&self) -> MutexGuard<'_, InjectorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Armed {
    fn new(fault: Fault) -> Armed {
        let (from, until, left) = match fault.when {
            When::At(at) => (at, Duration::MAX, 1),
            When::During { from, until, times } => (from, until, times),
            When::Moment { .. } => (Duration::MAX, Duration::MAX, 1),
        };
        Armed { fault, from, until, left, fired: 0, passes: 0, on: false, strikes: Vec::new() }
    }

    fn is_due(&self, now: Duration) -> bool {
        self.from <= now && now < self.until
    }
}

/// Whether a moment passed by `node` is one that this fault can be aimed at.
fn concerns<H: Host>(host: &H, fault: &Fault, node: &H::Node) -> bool {
    match &fault.target {
        Target::Node(name) => !host.has_acts(name) || host.is_named(node, name),
        Target::Link { from, .. } | Target::Call { from, .. } => host.is_named(node, from),
        Target::Queue(_) | Target::Database(_) => true,
    }
}
