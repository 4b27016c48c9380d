//! Whatever is declared is a system.

use super::scenario::{self, Document, Scenario};
use super::{Declared, Judged, RESTS, Run, smaller, storm};
use crate::registries::Entry;
use crate::shrink::Pass;
use crate::{About, FairWeather, Options, Profile, System};
use stormproof_faults::FaultKind;
use stormproof_faults::document::Scenario as _;
use stormproof_faults::mistake::{Mistake, Source};
use stormproof_faults::outcome::Outcome;
use stormproof_faults::topology::Topology;
use stormproof_world::Spec;

impl<D: Declared> System for D {
    type Scenario = Scenario<D::Workload>;

    fn about(&self) -> About {
        Declared::about(self)
    }

    fn topology(&self) -> &Topology {
        Declared::topology(self)
    }

    fn faults(&self) -> Vec<Entry> {
        FaultKind::ALL.iter().map(|kind| Entry::new(kind.name(), kind.says())).collect()
    }

    fn invariants(&self) -> Vec<Entry> {
        let entry = |name: &str, when: Judged| Entry {
            when: Some(when.word().to_owned()),
            ..Entry::new(name, when.says())
        };
        let rests = Entry {
            when: Some("at rest".to_owned()),
            ..Entry::new(RESTS, "once storm and faults are over, within its bound")
        };
        let declared = Declared::invariants(self).into_iter();
        declared.map(|it| entry(it.name, it.when)).chain([rests]).collect()
    }

    fn sometimes(&self) -> Vec<Entry> {
        let facts = Declared::sometimes(self).into_iter();
        facts
            .map(|(noun, state)| Entry::new(format!("{noun} {state}"), "a fact that is committed"))
            .collect()
    }

    fn parse(&self, file: &str, text: &str) -> Result<Self::Scenario, Mistake> {
        scenario::parse(self, file, text)
    }

    fn check(
        &self,
        name: &str,
        document: Document<D::Workload>,
    ) -> Result<Self::Scenario, Mistake> {
        scenario::check(self, Source { file: name, text: "" }, name, document)
    }

    fn draw(&self, seed: u64, profile: Profile) -> Document<D::Workload> {
        storm::draw(self, seed, profile)
    }

    fn simulate(&self, scenario: &Self::Scenario, seed: u64, options: Options) -> Outcome {
        let workload = &scenario.document.workload.value;
        let (at_rest, figures) = (self.clone(), self.clone());
        let places = 0..scenario.faults.len();
        let run = Run {
            scenario: scenario.name.clone(),
            spec: spec(self, scenario),
            asked: places.map(|place| scenario.asked_at(place)).collect(),
            storm: scenario.storm,
            calm: self.calm(),
            clients: self.clients(workload),
            at_rest: Box::new(move |seen| at_rest.at_rest(seen)),
            invariants: Declared::invariants(self),
            sometimes: Declared::sometimes(self),
            figures: Box::new(move |seen| figures.figures(seen)),
        };
        run.play(seed, options)
    }

    fn passes(&self) -> Vec<Pass<'_, Document<D::Workload>, Outcome>> {
        smaller::passes(self)
    }

    /// What the storm of the first seed does, without a fault.
    fn fair_weather(&self, _pieces: u64) -> Option<FairWeather<Self::Scenario>> {
        let document = Document {
            about: "Nothing goes wrong.".to_owned(),
            faults: Vec::new(),
            ..storm::draw(self, 1, Profile::Swarm)
        };
        let scenario = System::check(self, "fair_weather", document).ok()?;
        Some(FairWeather { scenario, check: holds })
    }
}

fn holds(outcome: &Outcome) -> Result<(), String> {
    let mut broken = outcome.broken.iter();
    broken.next().map_or(Ok(()), |it| Err(format!("{}: {}", it.invariant, it.what)))
}

/// Nodes, queues, databases and faults of a scenario.
pub(super) fn spec<D: Declared>(system: &D, scenario: &Scenario<D::Workload>) -> Spec {
    let mut spec = Spec::new(0);
    let replicas = |name: &str| scenario.replicas.get(name).copied().unwrap_or(1);
    let services = system.services().into_iter().map(|service| {
        let count = usize::try_from(replicas(service.name())).expect("a handful");
        service.replicas(count)
    });
    spec.services = services.collect();
    let declared = spec.broker.declare(&system.queues());
    declared.unwrap_or_else(|error| panic!("the queues that are declared: {error}"));
    spec.faults = scenario.faults.clone();
    spec.clock_offsets = scenario.clocks.clone().into_iter().collect();
    spec.template = system.template();
    spec.alias = system.alias();
    spec
}
