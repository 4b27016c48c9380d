//! How fast a world is: run with `--release -- --ignored --nocapture`.

use std::time::Instant;

use super::*;

/// As much traffic as a long errand makes: 12 requests, 30 transactions, 12 messages.
async fn errand(ports: &Ports, world: &World, number: usize) {
    for step in 0..6 {
        let path = format!("/add/o{number}");
        for _ in 0..2 {
            ports.http.call(call("add", &path, 5 * SECOND)).await.expect("all is well");
        }
        for half in 0..2 {
            let id = format!("m{number}-{step}-{half}");
            ports.queue.publish(message(&id)).await.expect("all is well");
        }
    }
    for _ in 0..6 {
        add(&world.ports("counter"), "more").await.expect("all is well");
    }
}

#[test]
#[ignore = "a measurement"]
fn errands_per_second() {
    const USERS: usize = 40;
    const EACH: usize = 50;
    let mut times = Vec::new();
    for round in 0..3 {
        let start = Instant::now();
        let events = run(spec(round, vec![]), |world| async move {
            let visits = (0..USERS).map(|user| {
                let ports = world.ports("user");
                let its = world.clone();
                world.spawn("user", async move {
                    for number in 0..EACH {
                        errand(&ports, &its, user * EACH + number).await;
                    }
                })
            });
            futures::future::join_all(visits.collect::<Vec<_>>()).await;
            (world.history().events(), world.elapsed())
        });
        let took = start.elapsed().as_secs_f64();
        times.push(((USERS * EACH) as f64 / took, events));
    }
    panic!("errands per second, (events, virtual time): {times:#?}");
}
