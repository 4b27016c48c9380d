//! turmoil: a runtime of tokio's per host, and all hosts take their turn in each tick of virtual time.

use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use tokio::time::sleep;
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

use super::{NODES, PERIOD, Timers};
use crate::traffic::{ask, serve};

/// How long messages take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Up to 100 ms, as turmoil has it from home.
    Default,
    /// 1 to 5 ms, as in the seeded world.
    Short,
}

/// A world without hosts.
fn world(tick: Duration, latency: Latency) -> Sim<'static> {
    let mut builder = Builder::new();
    builder.tick_duration(tick).simulation_duration(Duration::MAX).rng_seed(1);
    if latency == Latency::Short {
        builder
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(5));
    }
    builder.build()
}

/// A host that serves the router, with a timer or without one.
fn add_host(sim: &mut Sim<'_>, name: String, timers: Timers) {
    sim.host(name, move || async move {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        if timers == Timers::Periodic {
            tokio::task::spawn_local(async {
                loop {
                    sleep(PERIOD).await;
                }
            });
        }
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::task::spawn_local(serve(TokioIo::new(stream)));
        }
    });
}

/// So many requests over one connection.
pub fn requests(requests: u64, tick: Duration, latency: Latency) -> Duration {
    let begun = Instant::now();
    let mut sim = world(tick, latency);
    add_host(&mut sim, "shelf".into(), Timers::None);
    sim.client("reader", async move {
        ask(TokioIo::new(TcpStream::connect("shelf:80").await?), requests).await;
        Ok(())
    });
    sim.run().expect("nothing goes wrong");
    drop(sim);
    begun.elapsed()
}

/// Hosts that listen, and a client that waits.
pub fn idle(time: Duration, timers: Timers, tick: Duration) -> Duration {
    let begun = Instant::now();
    let mut sim = world(tick, Latency::Default);
    for number in 1..=NODES {
        add_host(&mut sim, format!("shelf-{number}"), timers);
    }
    sim.client("reader", async move {
        sleep(time).await;
        Ok(())
    });
    sim.run().expect("nothing goes wrong");
    assert!(sim.elapsed() >= time);
    drop(sim);
    begun.elapsed()
}
