//! The same spec gives the same run, and what is told of it.

use super::*;
use crate::World;

/// A storm of everything, with traffic.
pub(super) fn storm(seed: u64) -> (String, Vec<String>, u64) {
    let node = || "counter".to_owned();
    let user = || "user".to_owned();
    let queue = || QUEUE.to_owned();
    let faults = vec![
        at(2.0, Fault::new(FaultKind::Crash, Target::node(node())).by(SECOND)),
        at(5.0, Fault::new(FaultKind::Crash, Target::node("counter-db")).by(SECOND)),
        at(8.0, Fault::new(FaultKind::Crash, Target::node("broker")).by(SECOND)),
        during(
            10.0,
            12.0,
            Fault::new(FaultKind::Cut, Target::Link { from: node(), to: user(), both: true }),
        ),
        during(0.0, 20.0, Fault::new(FaultKind::MessageTwice, Target::Queue(queue()))),
        during(
            0.0,
            20.0,
            Fault::new(FaultKind::MessageLate, Target::Queue(queue())).by(3 * SECOND),
        ),
        during(0.0, 20.0, Fault::new(FaultKind::ReplyLost, Target::call(user(), node()))),
    ];
    let mut spec = spec(seed, faults);
    spec.trace = true;
    run(spec, |world| async move {
        traffic(&world, 20).await;
        world.heal_all().await;
        assert!(world.until(60 * SECOND, || world.messages_in_flight() == 0).await.is_some());
        (world.fingerprint(), world.history().trace(), world.history().events())
    })
}

async fn traffic(world: &World, count: usize) {
    for number in 0..count {
        let ports = world.ports("user");
        let publish = world.spawn("user", async move {
            ports.queue.publish(message(&format!("m{number}"))).await.is_ok()
        });
        ask(world, &format!("c{}", number % 3)).await.ok();
        publish.await.expect("nobody kills the user");
    }
}

#[test]
fn a_world_runs_twice_alike() {
    let (fingerprint, trace, events) = storm(7);
    assert_eq!(trace.len() as u64, events);
    storm(8);
    let (again, trace_again, _) = storm(7);
    let differs = trace.iter().zip(&trace_again).find(|(one, other)| one != other);
    assert_eq!(differs, None);
    assert_eq!(fingerprint, again);
    assert_ne!(storm(8).0, fingerprint);
}

#[test]
fn the_story_is_told_by_its_nodes() {
    run(spec(1, vec![]), |world| async move {
        ask(&world, "tea").await.expect("nothing goes wrong");
        world.say("user", "tea", "is content");
        let story = world.history().story();
        let words: Vec<_> = story.told().iter().map(|line| line[10..].to_owned()).collect();
        assert_eq!(words, ["counter     counts to 1", "user        is content"]);
        assert_eq!(world.history().alias("tea"), "count-1");
        let moments = world.moments();
        let passed = |text: &str| moments[&text.parse().expect("a moment of a service")];
        assert_eq!(passed("user: before call add"), 1);
        assert_eq!(passed("counter: after commit of counter ADDED"), 1);
    });
}

#[test]
fn observers_see_every_commit_with_its_rows() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut spec = spec(1, vec![]);
    spec.observers.push(Box::new(move |world: &World, commit| {
        let change = &commit.changes[0];
        let seen = count(world, &commit.facts[0].subject);
        let words =
            (commit.node.to_owned(), commit.database.to_owned(), change.table.to_string(), seen);
        sender.send(words).expect("the test waits");
    }));
    run(spec, |world| async move {
        ask(&world, "tea").await.expect("nothing goes wrong");
        ask(&world, "tea").await.expect("nothing goes wrong");
    });
    let row = |n| ("counter".to_owned(), "counter-db".to_owned(), "counters".to_owned(), n);
    assert_eq!(receiver.iter().collect::<Vec<_>>(), [row(1), row(2)]);
}

#[test]
#[should_panic(expected = "in the world of seed 77: too bad")]
fn a_panic_names_the_seed() {
    run(spec(77, vec![]), |_| async { panic!("too bad") });
}

/// Prints for comparison between processes: `cargo test … -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn fingerprints_and_memory() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("it is there");
        line.to_owned()
    };
    let first: Vec<_> = (0..5).map(|seed| storm(seed).0).collect();
    let before = resident();
    for seed in 0..300 {
        storm(seed);
    }
    panic!("{first:#?} {before} then {}", resident());
}
