//! moonpool-sim: one executor and one queue of events, driven by its runner or by whoever likes to.
//!
//! Its runner installs a layer of `tracing`, which collects what processes say at `INFO` and pays for the
//! spans of every read, write and step. The bare engine has none.

use std::future::{Future, pending};
use std::pin::pin;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::future::select;
use hyper_util::rt::TokioIo;
use moonpool_sim::executor::{Executor, spawn, until_stalled};
use moonpool_sim::{
    ChaosConfiguration, NetworkConfiguration, NetworkProvider, Process, Providers, SimContext,
    SimProviders, SimWorld, SimulationBuilder, SimulationResult, TcpListenerTrait, TimeProvider,
    Workload, buggify_reset,
};
use tokio_util::compat::FuturesAsyncReadCompatExt as _;

use super::{NODES, PERIOD, Timers};
use crate::traffic::{ask, serve};

/// Who drives the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// `SimulationBuilder`, as tests use it.
    Runner,
    /// A loop of ours around `SimWorld` and `Executor`, with nobody listening to `tracing`.
    Bare,
}

/// What the one client does.
#[derive(Clone, Copy)]
enum Errand {
    Ask(u64),
    Wait(Duration),
}

/// So many requests over one connection.
pub fn requests(requests: u64, driver: Driver) -> Duration {
    measure(driver, 1, Timers::None, Errand::Ask(requests))
}

/// Processes that listen, and a client that waits.
pub fn idle(time: Duration, timers: Timers, driver: Driver) -> Duration {
    measure(driver, NODES, timers, Errand::Wait(time))
}

fn measure(driver: Driver, nodes: usize, timers: Timers, errand: Errand) -> Duration {
    let begun = Instant::now();
    match driver {
        Driver::Runner => with_the_runner(nodes, timers, errand),
        Driver::Bare => without_it(nodes, timers, errand),
    }
    begun.elapsed()
}

/// Listens at `address`, and serves one connection after the other.
async fn listen(providers: &SimProviders, address: &str) -> SimulationResult<()> {
    let listener = providers.network().bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        serve(TokioIo::new(stream.compat())).await;
    }
}

/// Is a node's timer, or none.
async fn fire(providers: &SimProviders, timers: Timers) {
    match timers {
        Timers::None => pending().await,
        Timers::Periodic => while providers.time().sleep(PERIOD).await.is_ok() {},
    }
}

async fn run(errand: Errand, providers: &SimProviders, server: &str) -> SimulationResult<()> {
    match errand {
        Errand::Ask(requests) => {
            let stream = providers.network().connect(server).await?;
            ask(TokioIo::new(stream.compat()), requests).await;
        }
        Errand::Wait(time) => providers.time().sleep(time).await.expect("the world goes on"),
    }
    Ok(())
}

/// Runs both, and ends with whichever ends first.
async fn either(one: impl Future, other: impl Future) {
    select(pin!(one), pin!(other)).await;
}

struct Shelf(Timers);

struct Caller(Errand);

#[async_trait]
impl Process for Shelf {
    fn name(&self) -> &'static str {
        "shelf"
    }

    async fn run(&mut self, context: &SimContext) -> SimulationResult<()> {
        let (providers, address) = (context.providers(), context.my_ip());
        let working = either(listen(providers, address), fire(providers, self.0));
        either(working, context.shutdown().cancelled()).await;
        Ok(())
    }
}

#[async_trait]
impl Workload for Caller {
    fn name(&self) -> &'static str {
        "reader"
    }

    async fn setup(&mut self, _: &SimContext) -> SimulationResult<()> {
        // Or connections would be refused and bytes flipped: the runner begins with some chance of it.
        buggify_reset();
        Ok(())
    }

    async fn run(&mut self, context: &SimContext) -> SimulationResult<()> {
        let server = &context.topology().all_process_ips()[0];
        run(self.0, context.providers(), server).await
    }
}

fn with_the_runner(nodes: usize, timers: Timers, errand: Errand) {
    let builder = SimulationBuilder::new()
        .processes(nodes, move || Box::new(Shelf(timers)))
        .workload(Caller(errand))
        .run_time_budget(Duration::from_secs(1_000 * 24 * 3600))
        .set_debug_seeds(vec![1])
        .set_iterations(1);
    let report = builder.run();
    assert!(report.successful_runs == 1, "{report}");
}

fn without_it(nodes: usize, timers: Timers, errand: Errand) {
    let network =
        NetworkConfiguration { chaos: ChaosConfiguration::disabled(), ..Default::default() };
    let mut sim = SimWorld::new_with_network_config_and_seed(network, 1);
    let providers = |last: usize| {
        let address = format!("10.0.1.{last}");
        let ip = address.parse().expect("an address");
        (SimProviders::new(sim.downgrade(), 1, ip), address)
    };
    let servers: Vec<_> = (1..=nodes).map(providers).collect();
    let (reader, server) = (providers(99).0, servers[0].1.clone());
    Executor::new(1).block_on(async {
        for (providers, address) in servers {
            spawn(&address.clone(), async move {
                either(listen(&providers, &address), fire(&providers, timers)).await;
            });
        }
        let errand = spawn("reader", async move { run(errand, &reader, &server).await });
        until_stalled().await;
        while !errand.is_finished() {
            sim.step();
            until_stalled().await;
        }
        errand.await.expect("it has not panicked").expect("nothing goes wrong");
    });
}
