//! The engine over a host that only writes down what it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::host::Host;
use crate::injector::{Aimed, Injector};
use crate::link_state::LinkState;
use crate::moment::{Act, Moment, Passage, Side};
use crate::story::{Story, StoryLine};
use crate::{FOREVER, Fault, FaultKind, Target, When};

/// Nodes are named `service-number`; what ends with `-db` passes no moments.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Host for Notes {
    type Node = str;

    fn now(&self) -> Option<Duration> {
        Some(Duration::from_secs(5))
    }

    fn tell(&self, words: &str) {
        self.0.lock().expect("one thread").push(words.to_owned());
    }

    fn is_named(&self, node: &str, name: &str) -> bool {
        node == name || *self.service(node) == *name
    }

    fn has_acts(&self, name: &str) -> bool {
        !name.ends_with("-db")
    }

    fn name(&self, node: &str) -> String {
        node.to_owned()
    }

    fn service(&self, node: &str) -> Arc<str> {
        node.split_once('-').map_or(node, |(service, _)| service).into()
    }

    fn events(&self) -> u64 {
        0
    }

    fn expire_after(&self, after: Duration, number: usize) {
        self.tell(&format!("{number} ends in {}", after.as_secs()));
    }
}

impl Notes {
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("one thread"))
    }
}

/// A storm that begins four seconds after its world: what is to come is later there, what was seen
/// earlier in the storm's own time, and what came before the storm is not in it.
#[test]
fn a_storm_has_its_own_time() {
    let seconds = Duration::from_secs;
    assert_eq!(When::At(seconds(3)).later(seconds(4)), When::At(seconds(7)));
    let during =
        |from, until| When::During { from: seconds(from), until: seconds(until), times: 2 };
    assert_eq!(during(1, 2).later(seconds(4)), during(5, 6));
    let moment = Moment::new(Side::After, Act::Commit, "job BEGUN");
    let at_moment = When::Moment { moment: moment.clone(), nth: 1 };
    assert_eq!(at_moment.clone().later(seconds(4)), at_moment);
    let passage = |at| Passage {
        service: "a".into(),
        moment: moment.clone(),
        nth: 1,
        nth_of_all: 1,
        at: seconds(at),
        instant: 0,
    };
    assert_eq!(passage(7).since(seconds(4)), Some(passage(3)));
    assert_eq!(passage(3).since(seconds(4)), None);
    let told = |at_ms| StoryLine { at_ms, words: "works".into(), ..StoryLine::default() };
    let story = |lines| Story { lines, ..Story::default() };
    let seen = story(vec![told(3_999), told(4_000), told(7_001)]);
    assert_eq!(seen.since(seconds(4)), story(vec![told(0), told(3_001)]));
}

fn during(until: Duration, times: u32) -> When {
    When::During { from: Duration::ZERO, until, times }
}

fn lost() -> Fault {
    Fault::new(FaultKind::ReplyLost, Target::call("a", "b"))
}

#[test]
fn operations_are_struck_as_often_as_asked_and_not_after_the_storm() {
    let (host, faults) = (Notes::default(), vec![lost().when(during(FOREVER, 2))]);
    let injector = Injector::new(faults.clone(), false);
    let strike = |kind| injector.strike(&host, |fault| fault.kind == kind).is_some();
    assert!(!strike(FaultKind::RequestLate));
    assert_eq!(injector.unfired(), [0]);
    assert_eq!([(); 3].map(|()| strike(FaultKind::ReplyLost)), [true, true, false]);
    assert_eq!(injector.fired()["reply lost"], 2);
    assert_eq!(injector.unfired(), [0; 0]);
    assert_eq!(host.told(), ["reply lost a -> b: any fires"; 2]);
    let injector = Injector::new(faults, false);
    injector.end(&host);
    assert!(injector.strike(&host, |_| true).is_none() && injector.is_over());
}

#[test]
fn a_time_that_has_not_come_or_is_past_strikes_nobody() {
    let host = Notes::default();
    let past = lost().when(during(Duration::from_secs(5), 1));
    let from = Duration::from_secs(6);
    let to_come = lost().when(When::During { from, until: FOREVER, times: 1 });
    let injector = Injector::new([past, to_come], false);
    assert!(injector.strike(&host, |_| true).is_none());
}

#[test]
fn of_several_replicas_the_one_that_passes_is_struck() {
    let moment = Moment::new(Side::After, Act::Call, "charge");
    let crash = Fault::new(FaultKind::Crash, Target::node("a"));
    let crash = crash.when(When::Moment { moment, nth: 2 });
    let (host, injector) = (Notes::default(), Injector::new([crash], false));
    let pass = |node| injector.pass(&host, node, Side::After, Act::Call, &["charge"]);
    assert_eq!((pass("b-1"), pass("a-1")), (None, None));
    let Some(Aimed::Process(number, struck)) = pass("a-2") else { panic!("the second pass") };
    assert_eq!((number, struck.target), (0, Target::node("a-2")));
    assert_eq!(pass("a-2"), None);
    // Whether it does strike is the host's to say.
    assert_eq!(injector.unfired(), [0]);
    injector.has_struck(&host, number);
    assert_eq!(host.told(), ["crash a-2 fires"]);
    assert_eq!(injector.struck()[&"a: after call charge: crash".parse().expect("well formed")], 1);
}

#[test]
fn what_passes_no_moments_is_hit_at_those_of_others() {
    let moment = Moment::new(Side::Before, Act::Commit, "count ADDED");
    let stop = |node: &str| {
        let fault = Fault::new(FaultKind::Stop, Target::node(node));
        fault.when(When::Moment { moment: moment.clone(), nth: 1 })
    };
    let (host, injector) = (Notes::default(), Injector::new([stop("b"), stop("b-db")], false));
    let aimed = injector.pass(&host, "a-1", Side::Before, Act::Commit, &["count", "ADDED"]);
    assert!(matches!(aimed, Some(Aimed::Process(1, _))), "{aimed:?}");
}

#[test]
fn conditions_hold_on_their_way_only_and_fire_once() {
    let second = Duration::from_secs(1);
    let cut = Fault::new(FaultKind::Cut, Target::link("b", "a-1"));
    let slow = Fault::new(FaultKind::Slow, Target::node("b")).by(second);
    let faults = [cut, slow].map(|fault| fault.when(during(FOREVER, u32::MAX)));
    let (host, injector) = (Notes::default(), Injector::new(faults, false));
    assert!(injector.look(&host, "b-1", "a-1").cut && !injector.look(&host, "a-1", "b-1").cut);
    assert!(!injector.look(&host, "b-1", "a-2").cut);
    assert_eq!(injector.look(&host, "a-2", "b-1").delay, second);
    assert!(injector.concerns_link(&host, "a-1", "b-1"));
    assert!(!injector.concerns_link(&host, "a-1", "c-1"));
    assert_eq!(host.told(), [""; 0]);
    injector.matter(&host, "b-1", "a-1");
    injector.matter(&host, "b-1", "a-1");
    assert_eq!((injector.fired()["cut"], injector.fired()["slow"]), (1, 1));
    host.told();
    injector.end(&host);
    assert_eq!(host.told(), ["cut b -> a-1 heals", "slow b heals"]);
    assert_eq!(injector.look(&host, "b-1", "a-1"), LinkState::default());
}

/// The seeded world asks for the way and for slow nodes apart, and does not look twice.
#[test]
fn the_way_itself_is_asked_for_without_its_ends() {
    let second = Duration::from_secs(1);
    let faults = [
        Fault::new(FaultKind::Slow, Target::node("b")).by(second),
        Fault::new(FaultKind::SlowLink, Target::link("a", "b")).by(2 * second),
        Fault::new(FaultKind::ConnectHangs, Target::link("a", "b")),
    ];
    let faults = faults.map(|fault| fault.when(during(9 * second, u32::MAX)));
    let (host, injector) = (Notes::default(), Injector::new(faults, false));
    let slow = LinkState { delay: 2 * second, ..LinkState::default() };
    assert_eq!(injector.link(&host, "b-1", "a-1"), slow);
    assert_eq!(host.told(), ["slow link a -> b fires", "1 ends in 4"]);
    assert_eq!(injector.slowness(&host, "a-1"), Duration::ZERO);
    assert_eq!(injector.slowness(&host, "b-1"), second);
    assert!(!injector.fired().contains_key("connect hangs"));
}

/// Process faults that have a time strike at its beginning, however it was written.
#[test]
fn every_process_fault_with_a_time_is_scheduled() {
    let crash = Fault::new(FaultKind::Crash, Target::node("a"));
    let moment = Moment::new(Side::After, Act::Call, "charge");
    let faults = [
        crash.clone().when(When::Moment { moment, nth: 1 }),
        crash.clone().when(When::At(Duration::from_secs(3))),
        lost().when(during(FOREVER, 1)),
        crash.when(during(FOREVER, 1)),
    ];
    let injector = Injector::new(faults, false);
    assert_eq!(injector.schedule(), [(Duration::ZERO, 3), (Duration::from_secs(3), 1)]);
    assert!(injector.due(3).is_some());
}
