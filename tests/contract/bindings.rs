//! The ports bound to this machine, with a peer to talk to.

use std::collections::BTreeMap;
use std::sync::Arc;

use stormproof_bindings::clock::SystemClock;
use stormproof_bindings::compute::ThreadPool;
use stormproof_bindings::database::Sql;
use stormproof_bindings::http::HttpClient;
use stormproof_bindings::mailer::Maildrop;
use stormproof_bindings::rng::SystemRng;
use stormproof_ports::Ports;
use stormproof_ports::absent::Absent;
use stormproof_ports::contract;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::scratch::Scratch;
use super::smtp::SENDER;
use crate::servers::postgres::Postgres;

/// Bindings, and the peer that serves them.
pub struct Machine {
    pub ports: Ports,
    pub sql: Arc<Sql>,
    peer: JoinHandle<()>,
}

impl Machine {
    /// As `stormproof up` has them.
    pub async fn embedded(scratch: &Scratch) -> Machine {
        let sql = Sql::sqlite(&scratch.path().join("contract.db")).await.expect("a new file");
        Machine::with(sql, scratch).await
    }

    /// As `stormproof serve` has them.
    pub async fn real(postgres: &Postgres, scratch: &Scratch) -> Machine {
        let sql = Sql::postgres(&postgres.url, 6).await.expect("the server answered just now");
        Machine::with(sql, scratch).await
    }

    async fn with(sql: Sql, scratch: &Scratch) -> Machine {
        sql.migrate(&contract::database::migrator()).await.expect("the tables are new");
        let sql = Arc::new(sql);
        let (peer, address) = serve(contract::http::peer()).await;
        let peers = BTreeMap::from([
            (contract::http::PEER.to_owned(), vec![address]),
            (contract::http::ABSENT.to_owned(), vec![nobody().await]),
        ]);
        let ports = Ports {
            node: "contract".into(),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            http: Arc::new(HttpClient::new(peers).expect("the URLs are well formed")),
            queue: Arc::new(Absent("queues have a contract of their own")),
            database: sql.clone(),
            mailer: Arc::new(Maildrop::open(scratch.path(), SENDER).expect("the folder is ours")),
            compute: Arc::new(ThreadPool::new(2)),
            outgoing: Default::default(),
            transactions: Default::default(),
        };
        Machine { ports, sql, peer }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.peer.abort();
    }
}

/// Serves a router on loopback; returns its base URL.
pub async fn serve(router: axum::Router) -> (JoinHandle<()>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    let server = tokio::spawn(async move {
        axum::serve(listener, router).await.expect("the listener lives");
    });
    (server, format!("http://{address}"))
}

/// The base URL of a port at which nobody listens.
pub async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    format!("http://{}", listener.local_addr().expect("it is bound"))
}
