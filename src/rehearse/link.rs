//! Two nodes that talk: what they speak, what lies between them, and what all proxies share.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::arms::Arms;
use super::cluster::Cluster;
use super::story::Story;

/// What all proxies share.
pub struct ProxyContext {
    pub arms: Arc<Arms>,
    pub cluster: Arc<Cluster>,
    pub story: Arc<Story>,
    /// How long the services wait for each other, in the scenario's time: what is late is later.
    pub call_timeout: Duration,
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
    let way = context.arms.way(from, to);
    if !way.cut && way.delay.is_zero() {
        return;
    }
    context.arms.matter(from, to);
    sleep(context.story.real(way.delay)).await;
    while context.arms.way(from, to).cut {
        sleep(TICK).await;
    }
}
