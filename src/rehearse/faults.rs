//! What the fault engine may ask of a rehearsal, and whom a fault's name means there.
//!
//! Proxies ask it whenever a fault may strike what passes them. Faults that are not carried are never
//! armed, so that the engine's numbers are not places in the scenario: those are kept here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use stormproof_faults::injector::StrikeTime;
use stormproof_faults::{Fault, FaultKind, Host, Injector, LinkState, Target};
use stormproof_shop::topology;
use stormproof_system::service::SERVICES;

use super::story::{FAULT, Story};

/// All faults of a rehearsal. Clones are the same.
#[derive(Clone)]
pub struct Faults(Arc<FaultState>);

struct FaultState {
    injector: Injector,
    story: Arc<Story>,
    /// Services with one replica: their names stand for it.
    alone: BTreeSet<String>,
    /// The place of each armed fault in the scenario.
    places: Vec<usize>,
}

impl Faults {
    /// Arms these faults, each with its place in the scenario. `replicas`: how many there are of a
    /// service, if not one.
    pub fn new(
        story: Arc<Story>,
        replicas: &topology::Replicas,
        faults: impl IntoIterator<Item = (usize, Fault)>,
    ) -> Faults {
        let (places, faults): (Vec<_>, Vec<_>) = faults.into_iter().unzip();
        let is_alone = |service: &str| replicas.get(service).is_none_or(|count| *count == 1);
        let services = SERVICES.iter().map(|service| service.name.to_owned());
        let alone = services.filter(|service| is_alone(service)).collect();
        Faults(Arc::new(FaultState {
            injector: Injector::new(faults, false),
            story,
            alone,
            places,
        }))
    }

    /// The engine, which wants `self` for its host.
    pub fn injector(&self) -> &Injector {
        &self.0.injector
    }

    /// Asks for the next operation fault that `fits`, and fires it.
    pub fn strike(&self, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
        self.injector().strike(self, fits)
    }

    /// The link from one node to another, now.
    pub fn link(&self, from: &str, to: &str) -> LinkState {
        self.injector().look(self, from, to)
    }

    /// The conditions on the link from one node to another are felt by somebody now: each fires once.
    pub fn matter(&self, from: &str, to: &str) {
        self.injector().matter(self, from, to);
    }

    /// Whether conditions can ever hold between the two.
    pub fn concern(&self, from: &str, to: &str) -> bool {
        self.injector().concerns_link(self, from, to)
    }

    /// Nothing fires from now on; conditions are told healed.
    pub fn end(&self) {
        self.injector().end(self);
    }

    /// How often each kind of fault fired, by its name.
    pub fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.injector().fired()
    }

    /// The armed faults that never fired, by their places in the scenario.
    pub fn unfired(&self) -> Vec<usize> {
        self.injector().unfired().into_iter().map(|number| self.0.places[number]).collect()
    }

    /// When each fault that fired did, by its place in the scenario.
    pub fn strikes(&self) -> Vec<StrikeTime> {
        let placed =
            |strike: StrikeTime| StrikeTime { fault: self.0.places[strike.fault], ..strike };
        self.injector().strikes().into_iter().map(placed).collect()
    }
}

impl Host for Faults {
    type Node = str;

    fn now(&self) -> Option<Duration> {
        self.0.story.storm_time()
    }

    fn tell(&self, words: &str) {
        self.0.story.say(FAULT, "", words);
    }

    fn is_named(&self, node: &str, name: &str) -> bool {
        is(node, name)
    }

    fn has_acts(&self, name: &str) -> bool {
        !is_foreign(name)
    }

    fn name(&self, node: &str) -> String {
        let service = topology::service_of(node);
        if self.0.alone.contains(service) { service.to_owned() } else { node.to_owned() }
    }

    fn service(&self, node: &str) -> Arc<str> {
        topology::service_of(node).into()
    }

    fn events(&self) -> u64 {
        0
    }

    fn expire_after(&self, after: Duration, number: usize) {
        let (faults, left) = (self.clone(), self.0.story.real(after));
        tokio::spawn(async move {
            tokio::time::sleep(left).await;
            faults.injector().expire(&faults, number);
        });
    }
}

/// Whether `node`, which always has its number, is meant by `name`.
pub fn is(node: &str, name: &str) -> bool {
    node == name || topology::service_of(node) == name
}

/// Whether a fault of processes ends, at once, the connection on which its moment was passed. Who stands
/// still goes on later, and who is asked to stop finishes what it is at.
pub fn is_end(fault: &Fault) -> bool {
    match (fault.kind, &fault.target) {
        (FaultKind::Crash, _) => true,
        (FaultKind::Stop, Target::Node(node)) => is_foreign(node),
        _ => false,
    }
}

/// Whether `node` is a server that the shop only uses: a database, the broker, the mail server.
pub fn is_foreign(node: &str) -> bool {
    matches!(node, topology::BROKER | topology::MAIL) || topology::service_of_database(node) != node
}

#[cfg(test)]
mod tests {
    use stormproof_faults::moment::{Act, Moment, Side};
    use stormproof_faults::{Aimed, FOREVER, When};

    use super::super::time_scale::TimeScale;
    use super::*;

    fn armed(faults: Vec<(usize, Fault)>) -> Faults {
        let story = Arc::new(Story::new(TimeScale(1), false, false, None));
        story.begin();
        let replicas = topology::Replicas::from([("store".to_owned(), 2)]);
        Faults::new(story, &replicas, faults)
    }

    #[test]
    fn who_is_alone_is_called_by_its_service() {
        let moment = Moment::new(Side::Before, Act::Ack, "delivery.update");
        let crash = |node: &str| {
            let fault = Fault::new(FaultKind::Crash, Target::node(node));
            fault.when(When::Moment { moment: moment.clone(), nth: 1 })
        };
        let faults = armed(vec![(3, crash("store")), (5, crash("bank"))]);
        let struck = |node: &str| {
            let name = ["delivery.update"];
            match faults.injector().pass(&faults, node, Side::Before, Act::Ack, &name) {
                Some(Aimed::Process(_, fault)) => Some(fault.target),
                _ => None,
            }
        };
        assert_eq!(struck("store-2"), Some(Target::node("store-2")));
        assert_eq!(struck("bank-1"), Some(Target::node("bank")));
        assert_eq!(faults.unfired(), [3, 5]);
    }

    #[tokio::test]
    async fn links_are_of_nodes_that_have_their_numbers() {
        let cut = Fault::new(FaultKind::Cut, Target::link("bank", "store-1"));
        let (from, until) = (Duration::ZERO, FOREVER);
        let faults = armed(vec![(0, cut.when(When::During { from, until, times: u32::MAX }))]);
        assert!(faults.link("bank-1", "store-1").cut && !faults.link("bank-1", "store-2").cut);
        assert!(faults.concern("store-1", "bank-1") && !faults.concern("store-1", "store-db"));
        faults.matter("bank-1", "store-1");
        assert_eq!(faults.fired()["cut"], 1);
        faults.end();
        assert!(faults.link("bank-1", "store-1").is_sound());
    }
}
