//! One run of a declared system: storm, calm, and the judging.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_ports::Ports;

use super::invariant::{Invariant, Seen};
use super::judge::Judge;
use crate::{Options, ZERO};
use stormproof_faults::outcome::{Figures, Outcome, Story};
use stormproof_world::{Concurrency, Reseed, Spec, World};

/// Everything that decides a run, but for its seed and its options.
pub struct Run {
    /// The name that the outcome bears.
    pub scenario: String,
    /// Nodes, queues, databases, and faults as a scenario tells them: from the storm's beginning.
    pub spec: Spec,
    /// Those faults, each in words.
    pub asked: Vec<String>,
    /// How long faults last; then all is healed.
    pub storm: Duration,
    /// How long after the storm the world may take to come to rest.
    pub calm: Duration,
    /// What clients do.
    pub clients: Clients,
    /// Whether nothing moves any more but what people do: a fact about the world, never a sleep.
    pub at_rest: Box<dyn Fn(&Seen<'_>) -> bool + Send>,
    /// What must hold.
    pub invariants: Vec<Invariant>,
    /// Facts that have to come now and then: noun and state.
    pub sometimes: Vec<(&'static str, &'static str)>,
    /// What is counted at the end.
    pub figures: Box<dyn Fn(&Seen<'_>) -> Figures + Send>,
}

/// What somebody does, given their ports.
type Work = Box<dyn FnOnce(Ports) -> BoxFuture<'static, ()> + Send>;

/// What clients do, each at a node of its own, from the beginning of the storm on.
#[derive(Default)]
pub struct Clients(Vec<(String, Work)>);

impl Clients {
    /// One client, at the node `node`.
    pub fn at<F>(node: impl Into<String>, work: impl FnOnce(Ports) -> F + Send + 'static) -> Clients
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Clients::default().and(node, work)
    }

    /// And another.
    #[must_use]
    pub fn and<F>(
        mut self,
        node: impl Into<String>,
        work: impl FnOnce(Ports) -> F + Send + 'static,
    ) -> Clients
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.push((node.into(), Box::new(move |ports| Box::pin(work(ports)))));
        self
    }

    /// The names of their nodes.
    pub fn nodes(&self) -> Vec<String> {
        self.0.iter().map(|(node, _)| node.clone()).collect()
    }
}

impl Run {
    /// Runs it: same run, same seed, same outcome, byte for byte.
    ///
    /// # Panics
    /// If anything in the world does.
    pub fn play(mut self, seed: u64, options: Options) -> Outcome {
        let judge = Arc::new(Mutex::new(Judge::new(self.invariants, self.sometimes)));
        let observer = judge.clone();
        let spec = &mut self.spec;
        spec.seed = seed;
        spec.trace = options.trace;
        if options.serial {
            spec.concurrency = Concurrency::Serial;
        }
        spec.passages = options.passages;
        spec.reseed = options.reseed.map(|reseed| Reseed { at: reseed.at + ZERO, ..reseed });
        spec.faults = spec.faults.iter().map(|it| it.clone().later(ZERO)).collect();
        spec.limit = ZERO + self.storm + 3 * self.calm;
        spec.observers.push(Box::new(move |world, commit| {
            observer.lock().unwrap_or_else(PoisonError::into_inner).follow(world, commit);
        }));
        let (Clients(clients), at_rest, figures) = (self.clients, self.at_rest, self.figures);
        let (storm, calm, asked) = (self.storm, self.calm, self.asked);
        let scenario = self.scenario;
        spec.clients = clients.iter().map(|(node, _)| node.clone()).collect();
        stormproof_world::run(self.spec, |world| async move {
            world.sleep(ZERO).await;
            let working = clients.into_iter().map(|(node, work)| {
                let ports = world.ports(&node);
                world.spawn(&node, work(ports))
            });
            let mut working: Vec<_> = working.collect();
            let mut moves = || {
                working.retain(|client| !client.is_finished());
                !working.is_empty() || !at_rest(&Seen::of(&world))
            };
            world.rest(storm, &mut moves).await;
            world.heal_all().await;
            let rested = world.rest(calm, &mut moves).await;
            let mut judge = judge.lock().unwrap_or_else(PoisonError::into_inner);
            judge.judge_end(&world, rested.is_some());
            let unfired_places = world.unfired();
            Outcome {
                scenario,
                seed,
                broken: std::mem::take(&mut judge.broken),
                unfired: unfired_places.iter().map(|place| asked[*place].clone()).collect(),
                unfired_places,
                figures: figures(&Seen::of(&world)),
                virtual_seconds: world.elapsed().as_secs_f64(),
                events: world.history().events(),
                faults_fired: fired(&world),
                sometimes: judge.sometimes(),
                moments: world.moments(),
                struck: world.struck(),
                passages: world.passages().into_iter().filter_map(|it| it.since(ZERO)).collect(),
                statements: world.statements(),
                fingerprint: world.fingerprint(),
                story: if options.story { story(&world, rested) } else { Story::default() },
                trace: if options.trace { world.history().trace() } else { Vec::new() },
            }
        })
    }
}

fn fired(world: &World) -> BTreeMap<String, u64> {
    world.fired().into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect()
}

/// The story in the storm's own time, and how it ended.
fn story(world: &World, rested: Option<Duration>) -> Story {
    let mut story = world.history().story().since(ZERO);
    let rested = rested.map(|at| at.saturating_sub(ZERO).as_secs_f64());
    story.ending = Some(match rested {
        Some(at) => format!("at rest at {at:.1}"),
        None => "never at rest".to_owned(),
    });
    story
}
