//! The shop on real machines: its processes, the proxies between them, the servers, and what is seen of
//! all of it. As a scene it answers in `environment.rs`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stormproof_ports::QueueLost;
use stormproof_shop::judge::Judge;
use stormproof_shop::service_settings::settings;
use stormproof_shop::topology::{self, BROKER, MAIL};
use tokio::task::JoinSet;

use super::cluster::Cluster;
use super::faults::Faults;
use super::link::ProxyContext;
use super::plan::Plan;
use super::processes::Replica;
use super::queue_proxy::QueueProxies;
use super::sandbox::Sandbox;
use super::smtp_sink::SmtpSink;
use super::state_poller::StatePoller;
use super::story::Story;
use super::time_scale::TimeScale;
use super::{fault_support, layout, proxies};
use crate::config::Config;

/// How often the broker is asked how long a queue is; each time is waited for.
const DEPTH_TRIES: u32 = 3;

/// Everything that runs. Clones are the same cluster.
#[derive(Clone)]
pub struct RealCluster(pub Arc<Parts>);

pub struct Parts {
    pub sandbox: Arc<Sandbox>,
    pub story: Arc<Story>,
    pub faults: Faults,
    pub cluster: Arc<Cluster>,
    pub queue_proxies: QueueProxies,
    pub smtp_sink: SmtpSink,
    pub state_poller: Arc<StatePoller>,
    pub patience: Duration,
    pub scale: TimeScale,
    /// What people are told of the shop: its secrets, and each person's own proxies to it.
    pub people: Config,
    /// By caller and callee.
    pub proxy_ports: layout::ProxyPorts,
    _proxies: JoinSet<()>,
}

impl RealCluster {
    /// Opens the proxies and starts every process.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn start(
        plan: &Plan<'_>,
        sandbox: &Arc<Sandbox>,
        story: &Arc<Story>,
        judge: &Judge,
    ) -> Result<RealCluster, String> {
        let supported = plan.sorted.supported.iter().cloned();
        let faults = Faults::new(story.clone(), &plan.scenario.world.replicas, supported);
        let (smtp_sink, mail) = SmtpSink::open().await?;
        let config = layout::config_of(plan, sandbox);
        let names = layout::replicas(plan.scenario);

        let mut foreign = BTreeMap::from([(BROKER.to_owned(), sandbox.rabbit)]);
        foreign.insert(MAIL.to_owned(), mail);
        foreign.extend(topology::databases().into_iter().map(|name| (name, sandbox.postgres)));
        let accidents = Arc::new(Mutex::default());
        // Proxies want to know whom they lead to, and processes want to know their proxies: so each
        // process is told at its start, from a list that is filled in below.
        let mut proxy_ports = BTreeMap::new();
        let told: Vec<_> = names.iter().map(|_| Arc::new(Mutex::new(Vec::new()))).collect();
        let replicas = names.iter().zip(&told).map(|(name, told)| {
            let layout::Name { node, shown, service } = name.clone();
            Replica::new(node, shown, service, told.clone(), story.clone(), Arc::clone(&accidents))
        });
        let cluster = Cluster::new(replicas.collect(), foreign, story.clone(), accidents);
        let cluster = Arc::new(cluster);
        let context = Arc::new(ProxyContext {
            faults: faults.clone(),
            cluster: cluster.clone(),
            story: story.clone(),
            call_timeout: settings(plan.scenario).saga.call_timeout,
        });
        let mut running = JoinSet::new();
        for (link, transport) in layout::links(&names, plan.scenario.customers.len()) {
            let port = proxies::open(&mut running, &context, link.clone(), transport)?;
            proxy_ports.insert((link.from, link.to), port);
        }
        for (name, told) in names.iter().zip(&told) {
            let own = layout::behind_proxies(&config, sandbox, name, &proxy_ports);
            let mut told = told.lock().expect("nobody panics with it");
            *told = layout::environment(&own);
        }
        let proxied = fault_support::queues_proxied(&plan.sorted.supported);
        let queue_proxies = QueueProxies::open(&sandbox.broker, &faults, story, &proxied).await?;
        let state_poller = StatePoller::start(&sandbox.config, judge)?;
        cluster.up().await?;
        Ok(RealCluster(Arc::new(Parts {
            sandbox: sandbox.clone(),
            story: story.clone(),
            faults,
            cluster,
            queue_proxies,
            smtp_sink,
            state_poller,
            patience: plan.patience,
            scale: plan.scale,
            people: config,
            proxy_ports,
            _proxies: running,
        })))
    }

    /// Ends every process.
    pub async fn stop(&self) {
        self.0.faults.end();
        self.0.cluster.kill_all().await;
        self.0.queue_proxies.end().await;
    }
}

impl Parts {
    /// How many messages are ready in `queue`, past all faults.
    ///
    /// # Errors
    /// If the broker does not answer, asked several times.
    pub async fn depth(&self, queue: &str) -> Result<usize, QueueLost> {
        let mut tries = 1;
        loop {
            match self.sandbox.broker.depths(&[queue]).await {
                Ok(depths) => return Ok(depths.iter().sum()),
                Err(_) if tries < DEPTH_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }
}
