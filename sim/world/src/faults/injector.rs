//! Decides, whenever a binding asks, whether a fault strikes here and now, and counts what fired.
//! Which moments were passed, and which faults struck at them, is kept in `passed.rs`.
//!
//! Families of faults ask through their own files: `process.rs`, `network.rs`, `broker.rs`,
//! `database.rs`. What a fault then does is the binding's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use crate::faults::passed::Passed;
use crate::faults::{Fault, Target, When, process};
use crate::moment::{Act, Passage, Side};
use crate::node::{Life, NodeIndex, Nodes, Role};
use crate::{World, lock};

/// All faults of a run.
pub(crate) struct Injector {
    state: Mutex<State>,
}

struct State {
    armed: Vec<Armed>,
    /// The storm is over: nothing fires any more.
    over: bool,
    passed: Passed,
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
}

/// What happens to the one who passes a moment.
enum Verdict {
    /// Its node dies or stands still.
    Process(Fault),
    /// The operation goes wrong.
    Operation(Fault),
}

impl Injector {
    /// Keeps every pass if asked to.
    pub(crate) fn new(faults: Vec<Fault>, passages: bool) -> Injector {
        let state = State {
            armed: faults.into_iter().map(Armed::new).collect(),
            over: false,
            passed: Passed::new(passages),
        };
        Injector { state: Mutex::new(state) }
    }

    /// Passes a moment of `life`: its node may die here (then this never returns) or stand still.
    /// Returns the fault of the operation itself that was aimed at this moment, if any. `name` is
    /// the moment's name in words.
    pub(crate) async fn pass(
        &self,
        world: &World,
        life: Life,
        side: Side,
        act: Act,
        name: &[&str],
    ) -> Option<Fault> {
        let nodes = &world.0.nodes;
        if !nodes.is_alive(life) {
            std::future::pending::<()>().await;
        }
        match self.note(world, life.node, side, act, name)? {
            (place, Verdict::Operation(fault)) => {
                self.fire(world, place);
                Some(fault)
            }
            (place, Verdict::Process(fault)) => {
                if process::strike(world, &fault) {
                    self.fire(world, place);
                }
                match nodes.is_alive(life) {
                    // A paused node stops as soon as it yields.
                    true => madsim::task::yield_now().await,
                    false => std::future::pending::<()>().await,
                }
                None
            }
        }
    }

    /// Counts the pass; says which fault waits here.
    fn note(
        &self,
        world: &World,
        node: NodeIndex,
        side: Side,
        act: Act,
        name: &[&str],
    ) -> Option<(usize, Verdict)> {
        let nodes = &world.0.nodes;
        let state = &mut *lock(&self.state);
        let service = nodes.group(node);
        state.passed.count(service, side, act, name);
        if state.over {
            return None;
        }
        state.passed.keep(world);
        let State { armed, passed, .. } = state;
        let moment = passed.last()?;
        let mut verdict = None;
        for (place, armed) in armed.iter_mut().enumerate() {
            let When::Moment { moment: wanted, nth } = &armed.fault.when else { continue };
            if wanted != moment || !concerns(nodes, &armed.fault, node) {
                continue;
            }
            armed.passes += 1;
            if armed.passes == *nth && verdict.is_none() {
                // Of several replicas, the one that passes is struck: the others are to take over.
                if armed.fault.is_of_process()
                    && let Target::Node(aimed) = &mut armed.fault.target
                    && nodes.is(node, aimed)
                {
                    *aimed = nodes.name(node).to_string();
                }
                verdict = Some((
                    place,
                    match armed.fault.is_of_process() {
                        true => Verdict::Process(armed.fault.clone()),
                        false => Verdict::Operation(armed.fault.clone()),
                    },
                ));
            }
        }
        verdict
    }

    /// Asks for the next operation fault that `fits`, and fires it. Faults of named moments are
    /// not asked.
    pub(crate) fn strike(&self, world: &World, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let now = world.elapsed();
        let place = {
            let state = &mut *lock(&self.state);
            if state.over {
                return None;
            }
            let mut armed = state.armed.iter();
            armed.position(|armed| armed.is_due(now) && armed.left > 0 && fits(&armed.fault))?
        };
        self.fire(world, place);
        Some(lock(&self.state).armed[place].fault.clone())
    }

    /// Asks which conditions that `fits` hold now; `sum` gets each. A condition fires once, when it
    /// first matters to somebody.
    pub(crate) fn conditions(
        &self,
        world: &World,
        fits: impl Fn(&Fault) -> bool,
        mut sum: impl FnMut(&Fault),
    ) {
        let now = world.elapsed();
        let mut starts = Vec::new();
        {
            let state = &mut *lock(&self.state);
            if state.over {
                return;
            }
            for (place, armed) in state.armed.iter_mut().enumerate() {
                if armed.is_due(now) && fits(&armed.fault) {
                    sum(&armed.fault);
                    if !armed.on {
                        armed.on = true;
                        starts.push((place, armed.until));
                    }
                }
            }
        }
        for (place, until) in starts {
            self.fire(world, place);
            // Only a condition that mattered has an end: one that did not must move nothing.
            process::later(world, until.saturating_sub(now), move |world| {
                world.0.injector.expire(world, place);
            });
        }
    }

    /// Counts and tells that a fault strikes.
    fn fire(&self, world: &World, place: usize) {
        let words = {
            let State { armed, passed, .. } = &mut *lock(&self.state);
            let armed = &mut armed[place];
            armed.fired += 1;
            armed.left = armed.left.saturating_sub(1);
            passed.strike(armed.fault.kind.name());
            format!("{} fires", armed.fault)
        };
        tell(world, &words);
    }

    /// Strikes the process fault at `place` of the list, whose time has come.
    pub(super) fn strike_on_time(&self, world: &World, place: usize) {
        let fault = {
            let state = lock(&self.state);
            if state.over {
                return;
            }
            state.armed[place].fault.clone()
        };
        if process::strike(world, &fault) {
            self.fire(world, place);
        }
    }

    /// Tells that a condition's time is over, if it ever mattered.
    fn expire(&self, world: &World, place: usize) {
        let words = {
            let armed = &mut lock(&self.state).armed[place];
            std::mem::take(&mut armed.on).then(|| format!("{} heals", armed.fault))
        };
        if let Some(words) = words {
            tell(world, &words);
        }
    }

    /// The process faults that have a time, in its order: when, and their place in the list.
    pub(super) fn schedule(&self) -> Vec<(Duration, usize)> {
        let state = lock(&self.state);
        let timed = state.armed.iter().enumerate();
        let timed = timed.filter(|(_, armed)| {
            armed.fault.is_of_process() && !matches!(armed.fault.when, When::Moment { .. })
        });
        let mut timed: Vec<_> = timed.map(|(place, armed)| (armed.from, place)).collect();
        timed.sort_unstable();
        timed
    }

    /// Nothing fires from now on; conditions are told healed.
    pub(crate) fn end(&self, world: &World) {
        let count = {
            let mut state = lock(&self.state);
            state.over = true;
            state.armed.len()
        };
        for place in 0..count {
            self.expire(world, place);
        }
    }

    /// The queues that faults are aimed at; none after the storm.
    pub(crate) fn queues(&self) -> BTreeSet<String> {
        let state = lock(&self.state);
        let armed = state.armed.iter().filter(|armed| !state.over && armed.left > 0);
        armed.filter_map(|armed| armed.fault.target.queue().map(str::to_owned)).collect()
    }

    pub(crate) fn fired(&self) -> BTreeMap<&'static str, u64> {
        let mut fired = BTreeMap::new();
        for armed in lock(&self.state).armed.iter().filter(|armed| armed.fired > 0) {
            *fired.entry(armed.fault.kind.name()).or_default() += armed.fired;
        }
        fired
    }

    pub(crate) fn unfired(&self) -> Vec<usize> {
        let state = lock(&self.state);
        let armed = state.armed.iter().enumerate();
        armed.filter(|(_, armed)| armed.fired == 0).map(|(place, _)| place).collect()
    }

    /// Every pass during the storm; none unless they were kept.
    pub(crate) fn passages(&self) -> Vec<Passage> {
        lock(&self.state).passed.passages()
    }

    /// Every moment that was passed, and how often.
    pub(crate) fn moments(&self) -> BTreeMap<String, u64> {
        lock(&self.state).passed.moments()
    }

    /// Every moment with each kind of fault that struck at it, and how often.
    pub(crate) fn struck(&self) -> BTreeMap<String, u64> {
        lock(&self.state).passed.struck()
    }
}

impl Armed {
    fn new(fault: Fault) -> Armed {
        let (from, until, left) = match fault.when {
            When::At(at) => (at, Duration::MAX, 1),
            When::During { from, until, times } => (from, until, times),
            When::Moment { .. } => (Duration::MAX, Duration::MAX, 1),
        };
        Armed { fault, from, until, left, fired: 0, passes: 0, on: false }
    }

    fn is_due(&self, now: Duration) -> bool {
        self.from <= now && now < self.until
    }
}

/// Tells the story of a fault.
pub(crate) fn tell(world: &World, words: &str) {
    world.0.history.say(world.elapsed(), NodeIndex::FAULT, "", words);
}

/// Whether a moment passed by `node` is one that a fault of this kind can be aimed at. What is no
/// author of acts (a database, the broker, the mail server) is hit by anyone's.
fn concerns(nodes: &Nodes, fault: &Fault, node: NodeIndex) -> bool {
    match &fault.target {
        Target::Node(name) => {
            let has_acts = |it| matches!(nodes.role(it), Role::Replica(_) | Role::Client);
            !nodes.named(name).any(has_acts) || nodes.is(node, name)
        }
        Target::Link { from, .. } | Target::Call { from, .. } => nodes.is(node, from),
        Target::Queue(_) | Target::Database(_) => true,
    }
}
