//! The seeded world: every event goes into its history, and so into the run's fingerprint.

use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use sqlx::migrate::Migrator;
use stormproof_ports::Call;
use stormproof_world::{ServiceSpec, Spec, World, migrated, run};
use tower::Service as _;

use super::{NODES, PERIOD, Timers};
use crate::traffic::{BODY, ask, is_answer, path, router};

/// The service that is asked.
const SHELF: &str = "shelf";

/// The node that asks.
const READER: &str = "reader";

/// So many replicas of one service, with a database, and one client.
fn spec(replicas: usize) -> Spec {
    let image = migrated(SHELF, || Migrator::with_migrations(Vec::new()));
    let shelf = ServiceSpec::new(SHELF, image).serving(|_| router(), |_| Vec::new());
    Spec {
        services: vec![shelf.replicas(replicas)],
        clients: vec![READER.into()],
        limit: Duration::MAX,
        events_max: u64::MAX,
        ..Spec::new(1)
    }
}

/// Through the port by which services call each other: every call and every answer is recorded, every
/// fault could strike it, and it has a deadline.
pub fn requests_through_the_port(requests: u64) -> Duration {
    let begun = Instant::now();
    let events = run(spec(1), |world| async move {
        let ports = world.ports(READER);
        let asking = world.spawn(READER, async move {
            for number in 0..requests {
                let call = Call {
                    to: SHELF.into(),
                    operation: "book".into(),
                    method: Method::POST,
                    path: path(number),
                    headers: HeaderMap::new(),
                    body: BODY,
                    timeout: Duration::from_secs(5),
                };
                let answer = ports.http.call(call).await.expect("an answer");
                assert!(is_answer(number, answer.status, &answer.body), "{answer:?}");
            }
        });
        asking.await.expect("nobody kills the reader");
        world.history().events()
    });
    assert!(events >= 2 * requests, "calls and answers are recorded");
    begun.elapsed()
}

/// Through a connection that the client holds itself.
pub fn requests_on_a_connection(requests: u64) -> Duration {
    let begun = Instant::now();
    run(spec(1), |world| async move {
        let mut connector = world.connector(READER);
        let asking = world.spawn(READER, async move {
            let uri = format!("http://{SHELF}/").parse().expect("a well-formed URI");
            ask(connector.call(uri).await.expect("a connection"), requests).await;
        });
        asking.await.expect("nobody kills the reader");
    });
    begun.elapsed()
}

/// Replicas that listen, and a timer on each.
pub fn idle(time: Duration, timers: Timers) -> Duration {
    let begun = Instant::now();
    run(spec(NODES), |world| async move {
        if timers == Timers::Periodic {
            start_timers(&world);
        }
        world.sleep(time).await;
        assert!(world.elapsed() >= time);
    });
    begun.elapsed()
}

fn start_timers(world: &World) {
    for number in 1..=NODES {
        let node = format!("{SHELF}-{number}");
        let clock = world.ports(&node).clock;
        world.spawn(&node, async move {
            loop {
                clock.sleep(PERIOD).await;
            }
        });
    }
}
