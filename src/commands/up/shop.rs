//! The five services in one process: what they are bound to, in which order they open and close.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use stormproof_ports::{Compute, Http, Mailer, Ports};
use stormproof_system::context::Context;
use stormproof_system::service::{SERVICES, Service};
use stormproof_system::settings::Settings;
use tokio::net::TcpListener;

use super::{mailbox, page, welcome};
use crate::brokers;
use crate::config::{Config, Server};
use crate::data_folder::DataFolder;
use crate::host::{Health, Host, Metrics, Replica, Siblings};
use stormproof_bindings::compute::ThreadPool;
use stormproof_bindings::database::Sql;
use stormproof_bindings::embedded_queue::EmbeddedBroker;
use stormproof_bindings::http::HttpClient;
use stormproof_bindings::mailer::Maildrop;

/// Of the mails, which stay on this machine.
const SENDER: &str = "Stormproof <shop@stormproof.example>";

/// The open shop.
pub struct Shop {
    address: SocketAddr,
    store: Context,
    /// In the order of an order's journey.
    hosts: Vec<Host>,
    databases: Vec<Arc<Sql>>,
    broker: Arc<EmbeddedBroker>,
}

/// What all five have in common.
struct Common {
    http: Arc<dyn Http>,
    mailer: Arc<dyn Mailer>,
    compute: Arc<dyn Compute>,
    settings: Arc<Settings>,
    broker: Arc<EmbeddedBroker>,
    limits: Server,
}

impl Shop {
    /// Opens the files in `data` and serves: the Store on `listener`, the others where there is
    /// room on loopback.
    ///
    /// # Errors
    /// Which file cannot be used and why, or that nothing can listen.
    pub async fn open(
        config: &Config,
        data: &DataFolder,
        listener: TcpListener,
    ) -> Result<Shop, String> {
        let listeners = listen(listener).await?;
        let address = address_of(&listeners[0])?;
        let common = Common {
            http: Arc::new(client(&listeners)?),
            mailer: Arc::new(Maildrop::open(&data.path("mails"), SENDER).map_err(words)?),
            compute: Arc::new(ThreadPool::new(config.hashes_at_once)),
            settings: Arc::new(config.shop.clone()),
            broker: open_broker(data).await?,
            limits: config.server,
        };
        let mut databases = Vec::new();
        for service in SERVICES {
            databases.push(Arc::new(open_database(data, service).await?));
        }
        let contexts: Vec<Context> = SERVICES
            .iter()
            .zip(&databases)
            .map(|(service, database)| common.context(service.name, database.clone()))
            .collect();
        // One process, one set of counters: each door tells them all.
        let with = |metrics: Metrics, (service, context): (&Service, &Context)| {
            metrics.with(service.name, &context.ports)
        };
        let metrics = SERVICES.iter().zip(&contexts).fold(Metrics::default(), with);
        let mut hosts = Vec::new();
        for ((service, listener), (context, database)) in
            SERVICES.iter().zip(listeners).zip(contexts.iter().zip(&databases))
        {
            let router = match service.name {
                "store" => front(service, context, address),
                _ => (service.router)(context),
            };
            let replica = Replica {
                ports: context.ports.clone(),
                router,
                workers: (service.workers)(context),
                health: health(database.clone()),
                metrics: metrics.clone(),
                siblings: Siblings::default(),
            };
            let host = Host::start(replica, listener, common.limits).map_err(words)?;
            tracing::debug!(service = service.name, address = %host.address(), "serves");
            hosts.push(host);
        }
        let store = contexts.into_iter().next().expect("the Store is the first service");
        Ok(Shop { address, store, hosts, databases, broker: common.broker })
    }

    /// Where the Store and the pages are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the Store works with.
    pub fn store(&self) -> &Context {
        &self.store
    }

    /// Completes if a part of the shop ends by itself, which only a bug can cause.
    pub async fn broken(&mut self) -> String {
        let hosts = self.hosts.iter_mut().map(|host| Box::pin(host.broken()));
        futures::future::select_all(hosts).await.0
    }

    /// Lets what is under way finish, each service within `deadline`, and closes the files. The
    /// Store goes first: it asks the others, and nobody asks it.
    pub async fn close(self, deadline: Duration) {
        for host in self.hosts {
            host.drain(deadline).await;
        }
        drop(self.store);
        self.broker.close().await;
        for database in self.databases {
            database.close().await;
        }
    }
}

impl Common {
    fn context(&self, service: &str, database: Arc<Sql>) -> Context {
        let ports = Ports {
            http: self.http.clone(),
            mailer: self.mailer.clone(),
            compute: self.compute.clone(),
            ..stormproof_bindings::ports(service, database, self.broker.queue(service))
        };
        Context::new(ports, self.settings.clone())
    }
}

/// The Store's routes, and beside them the pages for people and the demo's bank card.
fn front(service: &Service, context: &Context, address: SocketAddr) -> Router {
    let routes = welcome::with_account((service.router)(context), context);
    page::at_home(routes.merge(page::router(address)).merge(mailbox::router(context)))
}

/// The embedded broker is part of the process: where this answers, it is there.
fn health(database: Arc<Sql>) -> Health {
    Health::default().with("database", move || {
        let database = database.clone();
        Box::pin(async move { database.ping().await.map_err(words) })
    })
}

/// `first` for the first service, and one of the system's choice for each of the others.
async fn listen(first: TcpListener) -> Result<Vec<TcpListener>, String> {
    let mut listeners = vec![first];
    while listeners.len() < SERVICES.len() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        listeners.push(listener.map_err(|error| format!("cannot listen on loopback: {error}"))?);
    }
    Ok(listeners)
}

fn client(listeners: &[TcpListener]) -> Result<HttpClient, String> {
    let mut peers = BTreeMap::new();
    for (service, listener) in SERVICES.iter().zip(listeners) {
        let url = format!("http://{}", address_of(listener)?);
        peers.insert(service.name.to_owned(), vec![url]);
    }
    HttpClient::new(peers).map_err(words)
}

async fn open_broker(data: &DataFolder) -> Result<Arc<EmbeddedBroker>, String> {
    let broker = brokers::embedded(&data.path("broker.db")).await;
    broker.map(Arc::new).map_err(|error| unusable(data, &error))
}

async fn open_database(data: &DataFolder, service: Service) -> Result<Sql, String> {
    let path = data.path(&format!("{}.db", service.name));
    let database = Sql::sqlite(&path).await.map_err(|error| unusable(data, &error))?;
    database.migrate(&service.migrator()).await.map_err(|error| unusable(data, &error))?;
    Ok(database)
}

fn unusable(data: &DataFolder, error: &impl std::fmt::Display) -> String {
    format!(
        "{error}; to begin anew, move {} away or choose another with --data",
        data.folder().display()
    )
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, String> {
    listener.local_addr().map_err(words)
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
