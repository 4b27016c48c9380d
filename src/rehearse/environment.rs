//! The real cluster as an environment: what the phases, people and judges of a scenario ask of it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_bindings::http::HttpClient;
use stormproof_faults::Fault;
use stormproof_ports::Ports;
use stormproof_shop::environment::{
    Controlled, Environment, FaultReport, Gathered, Observed, Outside,
};
use stormproof_shop::truth::Truth;
use stormproof_system::context::Context;
use tokio::time::sleep;

use super::real_cluster::RealCluster;
use super::time_scale::{ScaledClock, ScaledHttp};
use super::{final_state, layout, quiescence};
use crate::admin_ports;

impl RealCluster {
    /// What somebody has who works for the shop.
    pub fn context(&self, name: &str) -> Context {
        Context::new(self.ports(name), Arc::new(self.0.people.shop.clone()))
    }
}

impl Observed for RealCluster {
    fn elapsed(&self) -> Duration {
        self.0.story.elapsed()
    }

    fn alias(&self, order: &str) -> String {
        self.0.story.alias(order)
    }

    fn ready<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, usize> {
        Box::pin(async move {
            match self.0.depth(queue).await {
                Ok(depth) => depth,
                Err(error) => {
                    self.0.cluster.note(format!("{queue} cannot be counted: {error}"));
                    0
                }
            }
        })
    }

    fn refreshed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.state_poller.refreshed())
    }
}

impl Environment for RealCluster {
    fn ports(&self, name: &str) -> Ports {
        let mut config = self.0.people.clone();
        config.peers = layout::peers(name, &self.0.proxy_ports);
        let ports = admin_ports::ports(&config, name).expect("proxies have addresses");
        let http = HttpClient::new(config.peers()).expect("proxies have addresses");
        Ports {
            clock: Arc::new(ScaledClock(self.0.scale)),
            http: Arc::new(ScaledHttp { scale: self.0.scale, http: Arc::new(http) }),
            queue: self.0.sandbox.broker.clone(),
            ..ports
        }
    }

    fn say(&self, name: &str, order: &str, words: &str) {
        self.0.story.say(name, order, words);
    }

    fn spawn(&self, name: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let (task, name) = (tokio::spawn(work), name.to_owned());
        Box::pin(async move {
            if let Err(error) = task.await {
                // A panic is a question that was answered as it cannot be: it goes on as ours.
                match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => panic!("{name} was stopped: {error}"),
                }
            }
        })
    }

    fn strike(&self, fault: &Fault) {
        let (cluster, fault) = (self.0.cluster.clone(), fault.clone());
        tokio::spawn(async move { cluster.strike(&fault).await });
    }
}

impl Controlled for RealCluster {
    fn storm(&self) -> BoxFuture<'_, Duration> {
        Box::pin(async {
            self.refreshed().await;
            let zero = self.0.story.begin();
            for (at, number) in self.0.faults.injector().schedule() {
                let parts = self.0.clone();
                tokio::spawn(async move {
                    sleep(parts.scale.real(at)).await;
                    let injector = parts.faults.injector();
                    if let Some(fault) = injector.due(number)
                        && parts.cluster.strike(&fault).await
                    {
                        injector.has_struck(&parts.faults, number);
                    }
                });
            }
            zero
        })
    }

    fn rest<'a>(
        &'a self,
        outside: Outside<'a>,
        bound: Duration,
    ) -> BoxFuture<'a, Option<Duration>> {
        Box::pin(quiescence::rest(self, outside, self.0.scale.real(bound)))
    }

    fn heal(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.0.faults.end();
            if let Err(why) = self.0.cluster.up().await {
                self.0.cluster.note(why);
            }
        })
    }

    fn faults(&self) -> FaultReport {
        let faults = &self.0.faults;
        FaultReport { fired: faults.fired(), unfired: faults.unfired(), strikes: faults.strikes() }
    }

    /// Nobody saw the commits one by one.
    fn gather<'a>(&'a self, _: Truth, outside: Outside<'a>) -> BoxFuture<'a, Gathered> {
        Box::pin(final_state::gather(self, outside))
    }
}
