//! Databases that die, are cut off, and lose connections.

use stormproof_ports::metrics::TransactionOutcome;

use super::*;

fn database() -> String {
    "counter-db".into()
}

fn answers(faults: Vec<Fault>) -> (u16, i64, f64) {
    run(spec(1, faults), |world| async move {
        world.sleep(SECOND).await;
        let ports = world.ports("user");
        let call = call("add", "/add/a", 20 * SECOND);
        let visit = world.spawn("user", async move { ports.http.call(call).await });
        let answer = visit.await.expect("nobody kills the user").expect("there is time");
        assert_eq!(world.unfired(), Vec::<usize>::new());
        (answer.status.as_u16(), count(&world, "a"), seconds(&world))
    })
}

#[test]
fn connections_are_lost_before_or_after_the_commit() {
    let before = Fault::new(FaultKind::ConnectionLostBeforeCommit, Target::Database(database()));
    let after = Fault::new(FaultKind::ConnectionLostAfterCommit, Target::Database(database()));
    let moment = |side: &str| format!("{side} commit of counter ADDED");
    for fault in [during(0.0, 9.0, before.clone()), when(&moment("before"), before)] {
        let (status, n, _) = answers(vec![fault]);
        assert_eq!((status, n), (503, 0));
    }
    for fault in [during(0.0, 9.0, after.clone()), when(&moment("after"), after)] {
        let (status, n, _) = answers(vec![fault]);
        assert_eq!((status, n), (500, 1));
    }
}

#[test]
fn what_was_undone_runs_again() {
    let fault = Fault::new(FaultKind::SerializationFailure, Target::Database(database()));
    let (status, n, _) = answers(vec![during(0.0, 9.0, fault)]);
    assert_eq!((status, n), (200, 1));
}

#[test]
fn what_became_of_a_transaction_is_counted() {
    let counted = |kind| {
        let fault = Fault::new(kind, Target::Database(database()));
        run(spec(1, vec![during(0.0, 9.0, fault)]), |world| async move {
            world.sleep(SECOND).await;
            ask(&world, "a").await.expect("it answers");
            let counts = world.transactions_by_name()["counter"]["add"];
            TransactionOutcome::ALL.map(|outcome| counts.of(outcome))
        })
    };
    assert_eq!(counted(FaultKind::SerializationFailure), [1, 0, 1, 0, 0, 0]);
    assert_eq!(counted(FaultKind::ConnectionLostAfterCommit), [0, 0, 0, 0, 1, 0]);
    assert_eq!(counted(FaultKind::ConnectionLostBeforeCommit), [0, 0, 0, 0, 0, 1]);
}

#[test]
fn who_loses_every_race_is_given_up_and_counted() {
    let lost = |nth| {
        let moment = "before commit of counter ADDED".parse().expect("a moment");
        Fault::new(FaultKind::SerializationFailure, Target::Database(database()))
            .when(When::Moment { moment, nth })
    };
    run(spec(1, (1..=10).map(lost).collect()), |world| async move {
        let answer = ask(&world, "a").await.expect("the service lives");
        assert_eq!((answer.status.as_u16(), count(&world, "a")), (503, 0));
        let counts = world.transactions_by_name()["counter"]["add"];
        let of = |outcome| counts.of(outcome);
        assert_eq!((of(TransactionOutcome::Conflict), of(TransactionOutcome::GivenUp)), (9, 1));
    });
}

#[test]
fn a_database_cut_off_or_down_is_unavailable() {
    let cut = Fault::new(FaultKind::Cut, Target::Link { from: node(), to: database(), both: true });
    let (status, n, took) = answers(vec![during(0.0, 30.0, cut)]);
    assert!((status, n) == (503, 0) && took >= 6.0, "{status} {n} {took}");
    let stop = Fault::new(FaultKind::Stop, Target::node(database())).by(30 * SECOND);
    let (status, n, took) = answers(vec![at(0.5, stop)]);
    assert!((status, n) == (503, 0) && took < 2.0, "{status} {n} {took}");
    let crash = Fault::new(FaultKind::Crash, Target::node(database())).by(30 * SECOND);
    let (status, n, took) = answers(vec![at(0.5, crash)]);
    assert!((status, n) == (503, 0) && took >= 6.0, "{status} {n} {took}");
}

fn node() -> String {
    "counter".into()
}

#[test]
fn commits_survive_a_crash_and_open_transactions_do_not() {
    let crash = Fault::new(FaultKind::Crash, Target::node(database())).by(SECOND);
    let fault = crash.when(When::Moment {
        moment: "before commit of counter ADDED".parse().expect("a moment"),
        nth: 6,
    });
    run(spec(1, vec![fault]), |world| async move {
        for _ in 0..5 {
            ask(&world, "a").await.expect("all is well");
        }
        let answer = ask(&world, "a").await.expect("the service lives");
        assert_eq!((answer.status.as_u16(), count(&world, "a")), (503, 5));
        world.sleep(2 * SECOND).await;
        let answer = ask(&world, "a").await.expect("the service lives");
        assert_eq!((answer.status.as_u16(), count(&world, "a")), (200, 6));
    });
}

#[test]
fn a_session_that_sleeps_is_thrown_out() {
    let pause = Fault::new(FaultKind::Pause, Target::node(node())).by(40 * SECOND);
    let fault = when("before commit of counter ADDED", pause);
    run(spec(1, vec![fault]), |world| async move {
        let result = ask(&world, "a").await;
        assert!(is_unknown(&result), "{result:?}");
        world.sleep(60 * SECOND).await;
        assert_eq!(count(&world, "a"), 0);
        ask(&world, "a").await.expect("it goes on");
        assert_eq!(count(&world, "a"), 1);
    });
}
