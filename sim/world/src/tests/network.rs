//! Between caller and server.

use super::*;

const USER: &str = "user";

fn link(fault: impl FnOnce(String, String) -> Fault) -> Fault {
    fault(USER.into(), "counter".into())
}

/// Asks twice on the same ports, the second time while the faults are on; returns what the second
/// time brought, how long it took, and the counter at the end.
fn second_call(faults: Vec<Fault>) -> (Result<Answer, CallError>, f64, i64, World) {
    run(spec(1, faults), |world| async move {
        let ports = world.ports(USER);
        let time = world.clone();
        let visit = world.spawn(USER, async move {
            ports.http.call(call("add", "/add/a", 5 * SECOND)).await.expect("all is well");
            time.sleep(SECOND).await;
            let start = seconds(&time);
            let result = ports.http.call(call("add", "/add/a", 5 * SECOND)).await;
            (result, seconds(&time) - start)
        });
        let (result, took) = visit.await.expect("nobody kills the user");
        world.sleep(30 * SECOND).await;
        let n = count(&world, "a");
        assert_eq!(world.unfired(), Vec::<usize>::new());
        (result, took, n, world)
    })
}

fn first_call(faults: Vec<Fault>) -> (Result<Answer, CallError>, f64, i64) {
    run(spec(1, faults), |world| async move {
        world.sleep(SECOND).await;
        let start = seconds(&world);
        let result = ask(&world, "a").await;
        let took = seconds(&world) - start;
        assert_eq!(world.unfired(), Vec::<usize>::new());
        (result, took, count(&world, "a"))
    })
}

#[test]
fn a_cut_swallows_requests_or_answers() {
    let there =
        during(1.0, 9.0, link(|from, to| Fault::new(FaultKind::Cut, Target::link(from, to))));
    let (result, took, n, world) = second_call(vec![there.clone()]);
    assert!(is_unknown(&result) && took >= 5.0 && n == 1, "{result:?} {took} {n}");
    assert!(has_line(&world, "cut user -> counter fires"));
    assert!(has_line(&world, "cut user -> counter heals"));
    // Without a connection, no byte can have left.
    let (result, took, n) = first_call(vec![there]);
    assert!(is_unavailable(&result) && took >= 5.0 && n == 0, "{result:?} {took} {n}");

    let back =
        during(1.0, 9.0, link(|to, from| Fault::new(FaultKind::Cut, Target::link(from, to))));
    let (result, took, n, _) = second_call(vec![back]);
    assert!(is_unknown(&result) && took >= 5.0 && n == 2, "{result:?} {took} {n}");
}

#[test]
fn a_slow_link_is_slow_and_no_more() {
    let by = Duration::from_millis(700);
    let slow = during(
        0.5,
        9.0,
        link(|from, to| Fault::new(FaultKind::SlowLink, Target::link(from, to)).by(by)),
    );
    let (result, took, n, _) = second_call(vec![slow]);
    assert!(result.is_ok() && (1.4..2.0).contains(&took) && n == 2, "{result:?} {took} {n}");
}

#[test]
fn a_slow_node_is_slow() {
    let by = Duration::from_millis(500);
    let slow = during(0.5, 9.0, Fault::new(FaultKind::Slow, Target::node("counter")).by(by));
    let (result, took, n, _) = second_call(vec![slow]);
    assert!(result.is_ok() && (1.0..2.0).contains(&took) && n == 2, "{result:?} {took} {n}");
}

#[test]
fn a_connection_attempt_hangs() {
    let fault = during(
        0.0,
        9.0,
        link(|from, to| Fault::new(FaultKind::ConnectHangs, Target::link(from, to))),
    );
    let (result, took, n) = first_call(vec![fault]);
    assert!(is_unavailable(&result) && took >= 5.0 && n == 0, "{result:?} {took} {n}");
}

#[test]
fn a_reply_is_lost_after_the_effect() {
    let lost = || {
        link(|from, to| {
            Fault::new(
                FaultKind::ReplyLost,
                Target::Call { from, to, operation: Some("add".into()) },
            )
        })
    };
    for fault in [during(1.0, 9.0, lost()), when("after call add", lost())] {
        let (result, took, n) = first_call(vec![fault]);
        assert!(is_unknown(&result) && took >= 5.0 && n == 1, "{result:?} {took} {n}");
    }
}

#[test]
fn a_request_is_late_or_comes_twice() {
    let by = 2 * SECOND;
    let late = link(|from, to| Fault::new(FaultKind::RequestLate, Target::call(from, to)).by(by));
    let (result, took, n, _) = second_call(vec![during(1.0, 9.0, late)]);
    assert!(is_unknown(&result) && took >= 5.0 && n == 2, "{result:?} {took} {n}");

    let twice = link(|from, to| Fault::new(FaultKind::RequestTwice, Target::call(from, to)).by(by));
    let (result, took, n, _) = second_call(vec![during(1.0, 9.0, twice)]);
    assert!(result.is_ok() && took < 1.0 && n == 3, "{result:?} {took} {n}");
}

#[test]
fn a_fault_that_never_fired_is_told() {
    let lost = link(|from, to| {
        Fault::new(FaultKind::ReplyLost, Target::Call { from, to, operation: Some("steal".into()) })
    });
    run(spec(1, vec![during(0.0, 9.0, lost)]), |world| async move {
        ask(&world, "a").await.expect("the fault is for another operation");
        assert_eq!(world.unfired(), [0]);
        assert!(world.fired().is_empty());
    });
}
