//! Two nodes that talk: what they speak, what lies between them, and what all proxies share.

use std::sync::Arc;
use std::time::Duration;

use stormproof_faults::moment::{Act, Side};
use stormproof_faults::{Aimed, Fault};
use tokio::time::sleep;

use super::cluster::Cluster;
use super::faults::Faults;
use super::story::Story;

/// What all proxies share.
pub struct ProxyContext {
    pub faults: Faults,
    pub cluster: Arc<Cluster>,
    pub story: Arc<Story>,
    /// How long the services wait for each other, in the scenario's time: what is late is later.
    pub call_timeout: Duration,
}

impl ProxyContext {
    /// `node` passes a moment: the fault that was aimed at it. One of processes has struck when this
    /// returns, and strikes to its end even if nobody waits for that: whoever passed was perhaps on a
    /// connection of the process that just died.
    pub async fn pass(&self, node: &str, side: Side, act: Act, name: &str) -> Option<Fault> {
        let injector = self.faults.injector();
        match injector.pass(&self.faults, node, side, act, &[name])? {
            Aimed::Operation(fault) => Some(fault),
            Aimed::Process(number, fault) => {
                let (faults, cluster, aimed) =
                    (self.faults.clone(), self.cluster.clone(), fault.clone());
                let struck = tokio::spawn(async move {
                    if cluster.strike(&aimed).await {
                        faults.injector().has_struck(&faults, number);
                    }
                });
                // An error says that the rehearsal is over.
                struck.await.ok();
                Some(fault)
            }
        }
    }
}

/// Two nodes, the first of which connects to the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub from: String,
    pub to: String,
}

/// What the two speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Http,
    Tcp(Protocol),
}

/// How often a condition is looked at.
pub const TICK: Duration = Duration::from_millis(10);

/// What is spoken, where it is not HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Postgres,
    Amqp,
    Smtp,
}

/// What lies between two nodes: waits out its delay, and until it is not cut any more.
pub async fn travel(context: &ProxyContext, from: &str, to: &str) {
    let state = context.faults.link(from, to);
    if !state.cut && state.delay.is_zero() {
        return;
    }
    context.faults.matter(from, to);
    sleep(context.story.real(state.delay)).await;
    while context.faults.link(from, to).cut {
        sleep(TICK).await;
    }
}
