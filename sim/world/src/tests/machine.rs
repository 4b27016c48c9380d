//! A machine that all nodes share: what is done takes what the machine says, and waits for its processors.

use std::collections::BTreeMap;

use stormproof_ports::machine::{Demand, Machine, WorkKind};

use super::*;
use crate::{Concurrency, Isolation, TransactionCounts};

/// An order of magnitude for each, so that a sum shows what is in it.
fn machine(processors: usize) -> Machine {
    let demands = [
        (WorkKind::Request, Demand::constant(10_000.0, 20_000.0, 0.0)),
        (WorkKind::Begin, Demand::constant(1_000.0, 1_000.0, 0.0)),
        (WorkKind::Insert, Demand::constant(100.0, 200.0, 0.0)),
        (WorkKind::Commit, Demand::constant(20.0, 20.0, 500_000.0)),
    ];
    Machine { processors, demands: demands.into() }
}

fn spec_on(processors: usize) -> Spec {
    let mut spec = spec(1, Vec::new());
    let isolation = Isolation::ReadCommitted;
    spec.concurrency = Concurrency::Overlapping { isolation, connections: 8 };
    spec.machine = Some(machine(processors));
    spec
}

/// So many ask at once; how long each takes, in hundredths of a millisecond, in ascending order.
fn asked_at_once(processors: usize, count: usize) -> Vec<u128> {
    run(spec_on(processors), move |world| async move {
        world.sleep(SECOND).await;
        let asking = (0..count).map(|number| {
            let (ports, here) = (world.ports("user"), world.clone());
            world.spawn("user", async move {
                let start = here.elapsed();
                let path = format!("/add/{number}");
                let answer = ports.http.call(call("add", &path, 20 * SECOND)).await;
                assert_eq!(answer.expect("there is time").status, StatusCode::OK);
                (here.elapsed() - start).as_micros() / 10
            })
        });
        let took = futures::future::join_all(asking).await.into_iter();
        let mut took: Vec<u128> = took.map(|it| it.expect("nobody kills the user")).collect();
        took.sort_unstable();
        took
    })
}

#[test]
fn a_call_takes_what_its_work_takes_on_the_machine() {
    // 30 ms the request, 2 ms BEGIN, 0.3 ms INSERT, 0.04 ms and half a second COMMIT.
    assert_eq!(asked_at_once(2, 1), [53_234]);
}

#[test]
fn calls_wait_for_a_processor_and_for_the_same_sync() {
    let (one, two) = (asked_at_once(1, 2), asked_at_once(2, 2));
    assert!((53_234..53_300).contains(&two[0]), "{two:?}");
    // Each has a processor of its own; they may meet at the disk, where one sync is under way.
    assert!((53_234..103_300).contains(&two[1]), "{two:?}");
    // The second request is worked at when the first one has been.
    assert!(one[0] >= 56_000, "{one:?}");
}

#[test]
fn what_nodes_had_of_the_processors_is_told() {
    let (spent, transactions) = run(spec_on(2), |world| async move {
        world.sleep(SECOND).await;
        ask(&world, "a").await.expect("it counts");
        (world.processor_time(), world.transactions())
    });
    let micros = |(name, time): (String, Duration)| (name, time.as_micros());
    let spent: BTreeMap<String, u128> = spent.into_iter().map(micros).collect();
    let expected =
        [("counter", 20_000 + 1_000 + 100 + 20), ("counter-db", 1_220), ("user", 10_000)];
    assert_eq!(spent, expected.map(|(name, micros)| (name.to_owned(), micros)).into());
    let counts = TransactionCounts { commits: 1, rollbacks: 0 };
    assert_eq!(transactions, [("counter-db".to_owned(), counts)].into());
}

#[test]
fn the_same_machine_is_the_same_run() {
    let fingerprint = |seed| {
        let mut spec = spec_on(1);
        spec.seed = seed;
        run(spec, |world| async move {
            world.sleep(SECOND).await;
            ask(&world, "a").await.expect("it counts");
            world.fingerprint()
        })
    };
    assert_eq!(fingerprint(3), fingerprint(3));
}

#[test]
#[should_panic(expected = "transactions have to overlap")]
fn serial_transactions_have_no_machine() {
    let mut spec = spec_on(1);
    spec.concurrency = Concurrency::Serial;
    run(spec, |_| async {});
}
