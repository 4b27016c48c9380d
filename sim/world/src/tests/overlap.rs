//! Transactions beside each other: what the isolation level lets pass, what it makes wait, and what becomes
//! of them when somebody dies.

use stormproof_ports::metrics::TransactionOutcome;

use super::*;
use crate::{Concurrency, Isolation};

/// How many ask at once.
const AT_ONCE: usize = 12;

fn overlapping(isolation: Isolation, connections: usize) -> Concurrency {
    Concurrency::Overlapping { isolation, connections }
}

/// Reads, then writes one more than it has read.
async fn add_carelessly(ports: &Ports, id: &str) -> Result<i64, DatabaseError> {
    transact(ports, "add_carelessly", |transaction| {
        async move {
            let read = sqlx::query_scalar("SELECT n FROM counters WHERE id = $1");
            let n: i64 = read.bind(id.to_owned()).fetch_one(transaction.sql()).await?;
            let write = sqlx::query("UPDATE counters SET n = $2 WHERE id = $1");
            write.bind(id.to_owned()).bind(n + 1).execute(transaction.sql()).await?;
            Ok(n + 1)
        }
        .scope_boxed()
    })
    .await
}

fn careless(ports: &Ports) -> Router {
    let careless = ports.clone();
    let add_one = async move |Path(id): Path<String>| match add_carelessly(&careless, &id).await {
        Ok(n) => n.to_string().into_response(),
        Err(error) => refused(&error).into_response(),
    };
    router(ports).route("/careless/{id}", post(add_one))
}

/// All ask at once; how many were answered 200, and what is counted then.
fn all_at_once(concurrency: Concurrency, path: &'static str, seed: u64) -> (usize, i64) {
    let mut spec = spec(seed, Vec::new());
    spec.concurrency = concurrency;
    let service = spec.services.remove(0);
    spec.services = vec![service.serving(careless, workers)];
    run(spec, move |world| async move {
        ask(&world, "a").await.expect("it counts");
        let asking = (0..AT_ONCE).map(|_| {
            let ports = world.ports("user");
            world
                .spawn("user", async move { ports.http.call(call("add", path, 20 * SECOND)).await })
        });
        let mut counted = 0;
        for answer in futures::future::join_all(asking).await {
            let answer = answer.expect("nobody kills the user").expect("there is time");
            counted += usize::from(answer.status == StatusCode::OK);
        }
        (counted, count(&world, "a") - 1)
    })
}

#[test]
fn what_is_read_and_written_is_lost_only_where_it_would_be() {
    let (read, repeatable) = (Isolation::ReadCommitted, Isolation::RepeatableRead);
    let (counted, n) = all_at_once(Concurrency::Serial, "/careless/a", 1);
    assert_eq!((counted, n), (AT_ONCE, AT_ONCE as i64));
    let (counted, n) = all_at_once(overlapping(read, 8), "/careless/a", 1);
    assert!(counted == AT_ONCE && n < AT_ONCE as i64, "{counted} answers, {n} counted");
    // Whoever would lose one is undone, and runs again as often as it may.
    let (counted, n) = all_at_once(overlapping(repeatable, 8), "/careless/a", 1);
    assert!(counted > 2 && n == counted as i64, "{counted} answers, {n} counted");
    // One connection: one after the other.
    let (counted, n) = all_at_once(overlapping(read, 1), "/careless/a", 1);
    assert_eq!((counted, n), (AT_ONCE, AT_ONCE as i64));
}

/// Under its name, of which the others know nothing; and the story is not told of it.
#[test]
fn who_conflicts_is_counted_by_name_over_all_lives() {
    let crash = Fault::new(FaultKind::Crash, Target::node("counter")).by(SECOND);
    let mut spec = spec(1, vec![at(10.0, crash)]);
    spec.concurrency = overlapping(Isolation::RepeatableRead, 8);
    let service = spec.services.remove(0);
    spec.services = vec![service.serving(careless, workers)];
    run(spec, |world| async move {
        let conflicts = |name| {
            let counts = world.transactions_by_name().remove("counter").expect("a replica");
            let counts = counts.get(name).copied().unwrap_or_default();
            TransactionOutcome::ALL.map(|outcome| counts.of(outcome))
        };
        ask(&world, "a").await.expect("it counts");
        let mut before = [0; 6];
        for life in 1..=2_u64 {
            let asking = (0..AT_ONCE).map(|_| {
                let ports = world.ports("user");
                let call = call("add", "/careless/a", 20 * SECOND);
                world.spawn("user", async move { ports.http.call(call).await })
            });
            let answers = futures::future::join_all(asking).await;
            let is_ok = |answer: &Result<Result<Answer, _>, _>| matches!(answer, Ok(Ok(answer)) if answer.status == StatusCode::OK);
            let ok = answers.iter().filter(|answer| is_ok(answer)).count();
            let counts @ [committed, rolled_back, undone, given_up, in_doubt, unavailable] =
                conflicts("add_carelessly");
            assert_eq!(committed - before[0], ok as u64, "life {life}: {counts:?}");
            assert_eq!(given_up - before[3], (AT_ONCE - ok) as u64, "life {life}: {counts:?}");
            assert!(undone > before[2], "life {life}: {counts:?}");
            assert_eq!([rolled_back, in_doubt, unavailable], [0; 3], "life {life}: {counts:?}");
            before = counts;
            world.sleep(20 * SECOND).await;
        }
        assert_eq!(world.unfired(), Vec::<usize>::new());
        assert_eq!(conflicts("add"), [1, 0, 0, 0, 0, 0]);
        assert!(!has_line(&world, "runs again") && !has_line(&world, "given up"));
    });
}

#[test]
fn a_statement_that_reads_and_writes_loses_nothing() {
    for seed in 0..10 {
        let (counted, n) = all_at_once(overlapping(Isolation::ReadCommitted, 8), "/add/a", seed);
        assert_eq!((counted, n), (AT_ONCE, AT_ONCE as i64), "seed {seed}");
    }
}

#[test]
fn a_session_that_sleeps_is_thrown_out_and_others_go_on() {
    let pause = Fault::new(FaultKind::Pause, Target::node("counter-1")).by(40 * SECOND);
    let mut spec = spec(1, vec![when("before commit of counter ADDED", pause)]);
    spec.services[0] = spec.services[0].clone().replicas(2);
    spec.concurrency = overlapping(Isolation::ReadCommitted, 8);
    run(spec, |world| async move {
        // The first waits with its row locked; the second, at the other replica, for its end.
        let results = [ask(&world, "a").await, ask(&world, "a").await, ask(&world, "a").await];
        assert!(results.iter().any(is_unknown), "{results:?}");
        world.sleep(60 * SECOND).await;
        let before = count(&world, "a");
        let answer = ask(&world, "a").await.expect("it goes on");
        assert_eq!((answer.status, count(&world, "a")), (StatusCode::OK, before + 1));
    });
}

#[test]
fn a_crash_of_the_database_undoes_what_is_open() {
    let crash = Fault::new(FaultKind::Crash, Target::node("counter-db")).by(SECOND);
    let mut spec = spec(
        1,
        vec![crash.when(When::Moment {
            moment: "before commit of counter ADDED".parse().expect("a moment"),
            nth: 4,
        })],
    );
    spec.concurrency = overlapping(Isolation::ReadCommitted, 8);
    run(spec, |world| async move {
        let asking = (0..6).map(|_| {
            let ports = world.ports("user");
            world.spawn(
                "user",
                async move { ports.http.call(call("add", "/add/a", 20 * SECOND)).await },
            )
        });
        let answers = futures::future::join_all(asking).await;
        let ok = |answer: &Result<Answer, CallError>| {
            answer.as_ref().is_ok_and(|answer| answer.status == StatusCode::OK)
        };
        let counted = answers.iter().filter(|answer| answer.as_ref().is_ok_and(ok)).count();
        assert_eq!(world.unfired(), Vec::<usize>::new());
        world.sleep(3 * SECOND).await;
        // Who was told is counted; the third may have committed too late to be told.
        assert_eq!(count(&world, "a"), 3);
        assert!((2..=3).contains(&counted), "{counted} were told");
        ask(&world, "a").await.expect("it goes on");
        assert_eq!(count(&world, "a"), 4);
    });
}

#[test]
fn the_same_seed_is_the_same_run() {
    let fingerprint = |seed| {
        let mut spec = spec(seed, Vec::new());
        spec.concurrency = overlapping(Isolation::ReadCommitted, 4);
        run(spec, |world| async move {
            let asking = (0..AT_ONCE).map(|_| {
                let ports = world.ports("user");
                world.spawn("user", async move {
                    ports.http.call(call("add", "/add/a", 20 * SECOND)).await
                })
            });
            futures::future::join_all(asking).await;
            world.fingerprint()
        })
    };
    assert_eq!(fingerprint(7), fingerprint(7));
    assert_ne!(fingerprint(7), fingerprint(8));
}
