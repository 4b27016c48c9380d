//! Death and return.

use super::*;
use stormproof_ports::PublishError;

fn node() -> String {
    "counter".into()
}

/// Asks something that takes a second; in the middle of it `fault` strikes.
fn struck_in_flight(fault: Fault) -> (Result<Answer, CallError>, f64, i64) {
    run(spec(3, vec![at(1.5, fault)]), |world| async move {
        world.sleep(SECOND).await;
        let start = seconds(&world);
        let result = ask_path(&world, "/wait").await;
        let took = seconds(&world) - start;
        world.sleep(10 * SECOND).await;
        assert_eq!(world.unfired(), Vec::<usize>::new());
        (result, took, count(&world, "waited"))
    })
}

#[test]
fn a_crash_is_silence_and_a_stop_is_not() {
    let (result, took, n) =
        struck_in_flight(Fault::new(FaultKind::Crash, Target::node(node())).by(SECOND));
    assert!(is_unknown(&result) && took >= 5.0 && n == 0, "{result:?} {took} {n}");
    let (result, took, n) =
        struck_in_flight(Fault::new(FaultKind::Stop, Target::node(node())).by(SECOND));
    assert!(is_unknown(&result) && took < 1.0 && n == 0, "{result:?} {took} {n}");
    let (result, took, n) =
        struck_in_flight(Fault::new(FaultKind::Pause, Target::node(node())).by(2 * SECOND));
    assert!(result.is_ok() && (2.0..3.0).contains(&took) && n == 1, "{result:?} {took} {n}");
}

#[test]
fn nobody_connects_to_the_dead() {
    for (fault, hangs) in [
        (Fault::new(FaultKind::Crash, Target::node(node())).by(60 * SECOND), true),
        (Fault::new(FaultKind::Stop, Target::node(node())).by(60 * SECOND), false),
    ] {
        run(spec(3, vec![]), |world| async move {
            world.sleep(SECOND).await;
            world.strike(&fault);
            let start = seconds(&world);
            let result = ask(&world, "a").await;
            let took = seconds(&world) - start;
            assert!(is_unavailable(&result) && (took >= 5.0) == hangs, "{result:?} {took}");
            world.heal_all().await;
            world.sleep(SECOND).await;
            ask(&world, "a").await.expect("it is up again");
        });
    }
}

#[test]
fn killed_and_restarted_a_hundred_times() {
    run(spec(4, vec![]), |world| async move {
        let ports = world.ports("user");
        for round in 0..100 {
            let restart = Duration::from_millis(round % 7);
            let node = node();
            world.strike(&match round % 3 {
                0 => Fault::new(FaultKind::Crash, Target::node(node)).by(restart),
                1 => Fault::new(FaultKind::Stop, Target::node(node)).by(restart),
                _ => {
                    world.strike(
                        &Fault::new(FaultKind::Pause, Target::node(node.clone())).by(SECOND),
                    );
                    Fault::new(FaultKind::Crash, Target::node(node)).by(restart)
                }
            });
            world.sleep(Duration::from_millis(50)).await;
            let ports = ports.clone();
            let visit = world.spawn("user", async move {
                // The connection to the last life may turn out to be dead: once.
                for _ in 0..2 {
                    if ports.http.call(call("add", "/add/a", SECOND)).await.is_ok() {
                        return true;
                    }
                }
                false
            });
            assert!(visit.await.expect("nobody kills the user"), "round {round}");
        }
        assert_eq!(count(&world, "a"), 100);
    });
}

#[test]
fn a_crash_at_a_moment_keeps_what_was_before_it() {
    for (moment, n) in [("before commit of counter ADDED", 0), ("after commit of counter ADDED", 1)]
    {
        let crash = when(moment, Fault::new(FaultKind::Crash, Target::node(node())).by(SECOND));
        run(spec(5, vec![crash]), |world| async move {
            let result = ask(&world, "a").await;
            assert!(is_unknown(&result) && count(&world, "a") == n, "{moment}: {result:?}");
            world.sleep(SECOND).await;
            // The open transaction of the dead is undone, so that the next one gets its turn.
            ask(&world, "a").await.expect("it is up again");
            assert_eq!(count(&world, "a"), n + 1);
            assert_eq!(world.fired()["crash"], 1);
        });
    }
}

#[test]
fn a_server_finishes_what_a_crashed_client_asked() {
    for (fault, n) in [
        (Fault::new(FaultKind::Crash, Target::node("user")).by(SECOND), 1),
        (Fault::new(FaultKind::Stop, Target::node("user")).by(SECOND), 0),
    ] {
        run(spec(3, vec![at(1.5, fault)]), |world| async move {
            world.sleep(SECOND).await;
            let ports = world.ports("user");
            world.spawn("user", async move {
                ports.http.call(call("wait", "/wait", 5 * SECOND)).await.ok();
            });
            world.sleep(5 * SECOND).await;
            assert_eq!(count(&world, "waited"), n);
        });
    }
}

#[test]
fn a_pause_at_a_moment_holds_the_node_there() {
    let pause = Fault::new(FaultKind::Pause, Target::node("user")).by(3 * SECOND);
    run(spec(6, vec![when("before publish of count", pause)]), |world| async move {
        let ports = world.ports("user");
        let publish = async move { ports.queue.publish(message("m")).await };
        let result: Result<(), PublishError> =
            world.spawn("user", publish).await.expect("nobody kills the user");
        assert!(result.is_ok() && seconds(&world) >= 3.0, "{result:?}");
    });
}
