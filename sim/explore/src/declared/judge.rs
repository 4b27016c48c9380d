//! The judge of a declared run: asks the invariants after each commit and at the end.

use std::collections::{BTreeMap, BTreeSet};

use super::invariant::{Invariant, Seen, When};
use crate::ZERO;
use stormproof_faults::outcome::Broken;
use stormproof_world::{Commit, World};

/// What a run that was not at rest within its bound has broken.
pub const RESTS: &str = "the world comes to rest";

/// More of one invariant's breaches say nothing new.
const BREACHES_MAX: usize = 5;

/// What is known of a run while it goes on.
pub struct Judge {
    invariants: Vec<Invariant>,
    sometimes: BTreeMap<(&'static str, &'static str), u64>,
    pub broken: Vec<Broken>,
    seen: BTreeSet<(&'static str, String)>,
}

impl Judge {
    /// Of what must hold always, at rest, and happen sometimes.
    pub fn new(invariants: Vec<Invariant>, sometimes: Vec<(&'static str, &'static str)>) -> Judge {
        let sometimes = sometimes.into_iter().map(|fact| (fact, 0)).collect();
        Judge { invariants, sometimes, broken: Vec::new(), seen: BTreeSet::new() }
    }

    /// Follows a commit.
    pub fn follow(&mut self, world: &World, commit: &Commit<'_>) {
        for fact in commit.facts {
            if let Some(count) = self.sometimes.get_mut(&(fact.noun, fact.state)) {
                *count += 1;
            }
        }
        if !commit.changes.is_empty() {
            self.ask(world, |when| when == When::Always);
        }
    }

    /// Judges the whole.
    pub fn judge_end(&mut self, world: &World, rests: bool) {
        if !rests {
            self.broke(world, RESTS, "it did not within its bound".to_owned());
        }
        self.ask(world, |_| true);
    }

    /// How often each rare fact came, as `noun STATE`.
    pub fn sometimes(&self) -> BTreeMap<String, u64> {
        let facts = self.sometimes.iter();
        facts.map(|((noun, state), count)| (format!("{noun} {state}"), *count)).collect()
    }

    fn ask(&mut self, world: &World, asked: impl Fn(When) -> bool) {
        let seen = Seen::of(world);
        let asked = self.invariants.iter().filter(|invariant| asked(invariant.when));
        let wrong = asked.filter_map(|it| Some((it.name, (it.check)(&seen).err()?)));
        for (name, what) in wrong.collect::<Vec<_>>() {
            self.broke(world, name, what);
        }
    }

    fn broke(&mut self, world: &World, invariant: &'static str, what: String) {
        let at = world.elapsed().saturating_sub(ZERO).as_secs_f64();
        let before = self.broken.iter().filter(|broken| broken.invariant == invariant).count();
        if before < BREACHES_MAX && self.seen.insert((invariant, what.clone())) {
            let invariant = invariant.to_owned();
            self.broken.push(Broken { invariant, what, subject: None, at });
        }
    }
}
