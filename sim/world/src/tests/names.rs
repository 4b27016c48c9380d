//! Names of nodes that are not there, and tasks whose nodes are killed.

use super::*;
use crate::Killed;

fn refusal(change: impl FnOnce(&mut Spec) + std::panic::UnwindSafe) -> String {
    let refused = std::panic::catch_unwind(|| {
        let mut spec = spec(1, Vec::new());
        spec.services = vec![spec.services[0].clone().replicas(2)];
        change(&mut spec);
        run(spec, |_| async {});
    });
    *refused.expect_err("the name is refused").downcast().expect("words")
}

#[test]
fn a_name_that_nobody_bears_is_refused_with_those_that_there_are() {
    let known = "expected broker, mail, counter, counter-1, counter-2, counter-db or user";
    let crash = Fault::new(FaultKind::Crash, Target::node("conter"));
    let words = refusal(|spec| spec.faults = vec![crash]);
    let expected = format!("fault `crash conter`: no node is named \"conter\"; {known}");
    assert_eq!(words, format!("in the world of seed 1: {expected}"));

    let cut = Fault::new(FaultKind::Cut, Target::link("user", "counter-3"));
    assert!(refusal(|spec| spec.faults = vec![cut]).contains("\"counter-3\"; expected broker"));
    let lost = Fault::new(FaultKind::ReplyLost, Target::call("user-2", "counter"));
    assert!(refusal(|spec| spec.faults = vec![lost]).contains("no node is named \"user-2\""));
    let lost = Fault::new(FaultKind::SerializationFailure, Target::Database("counter".to_owned()));
    let words = refusal(|spec| spec.faults = vec![lost]);
    assert!(words.contains("no database is named \"counter\"; expected counter-db"), "{words}");
    let words = refusal(|spec| spec.clock_offsets = vec![("counter-0".into(), 5)]);
    assert!(words.contains("a clock is off: no node is named \"counter-0\""), "{words}");
    let words = refusal(|spec| spec.clients = vec!["counter-db".into()]);
    assert!(words.contains("two nodes are named \"counter-db\""), "{words}");
}

#[test]
#[should_panic(
    expected = "no node is named \"usr\"; expected broker, mail, counter, counter-db or"
)]
fn who_acts_as_nobody_is_told_the_names() {
    run(spec(1, Vec::new()), |world| async move { drop(world.ports("usr")) });
}

#[test]
#[should_panic(expected = "fault `stop conter`: no node is named")]
fn what_strikes_nobody_is_refused() {
    run(spec(1, Vec::new()), |world| async move {
        world.strike(&Fault::new(FaultKind::Stop, Target::node("conter")));
    });
}

#[test]
fn a_task_ends_with_its_node() {
    let stop = Fault::new(FaultKind::Stop, Target::node("user")).by(SECOND);
    run(spec(1, vec![at(1.0, stop)]), |world| async move {
        let (short, long) = (world.sleep(SECOND / 2), world.sleep(5 * SECOND));
        let short = world.spawn("user", async move {
            short.await;
            7
        });
        let long = world.spawn("user", long);
        assert_eq!(short.await, Ok(7));
        assert!(!long.is_finished());
        assert_eq!(long.await, Err(Killed { node: "user".into() }));
        assert!((1.0..1.1).contains(&seconds(&world)), "{}", seconds(&world));
    });
}
