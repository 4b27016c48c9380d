//! One connection to RabbitMQ that comes back by itself.
//!
//! Channels do not come back: who had one hears of its end and opens another.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::select;
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties, Event};
use stormproof_ports::QueueLost;
use stormproof_ports::retry::Backoff;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::transport::runtime;
use crate::rng::SystemRng;

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Seconds without a sign of life after which the other side is given up, unless the address says
/// otherwise (`?heartbeat=30`).
const HEARTBEAT_S: u16 = 10;

/// The pauses between attempts: clients that lost their broker together do not come back together.
const PAUSES: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };

/// A connection, when there is one. Dropping the last handle of it closes it.
pub(super) struct KeptConnection {
    state: watch::Receiver<ConnectionState>,
}

/// How a connection is.
#[derive(Clone)]
enum ConnectionState {
    /// There is none, and why.
    Down(String),
    Up(Arc<Connection>),
    /// The broker has asked not to be sent anything, for it is short of memory or disk.
    Blocked(Arc<Connection>, String),
}

impl KeptConnection {
    /// Starts the task that keeps the connection; it ends when this is dropped.
    pub(super) fn start(mut uri: AMQPUri, name: String) -> KeptConnection {
        uri.query.heartbeat.get_or_insert(HEARTBEAT_S);
        let (sender, state) = watch::channel(ConnectionState::Down("not connected yet".to_owned()));
        tokio::spawn(keep(uri, name, sender));
        KeptConnection { state }
    }

    /// Waits for the connection; bound it by a timeout. Errors: only if the task is gone, with the
    /// runtime.
    pub(super) async fn up(&self) -> Result<Arc<Connection>, QueueLost> {
        self.wait(|state| match state {
            ConnectionState::Up(connection) | ConnectionState::Blocked(connection, _) => {
                Some(connection)
            }
            ConnectionState::Down(_) => None,
        })
        .await
    }

    /// Waits for the connection, and until the broker lets it send.
    pub(super) async fn unblocked(&self) -> Result<Arc<Connection>, QueueLost> {
        self.wait(|state| match state {
            ConnectionState::Up(connection) => Some(connection),
            ConnectionState::Blocked(..) | ConnectionState::Down(_) => None,
        })
        .await
    }

    /// Why nothing can be sent now.
    pub(super) fn trouble(&self) -> Option<String> {
        match &*self.state.borrow() {
            ConnectionState::Up(_) => None,
            ConnectionState::Down(why) => Some(why.clone()),
            ConnectionState::Blocked(_, why) => Some(format!("blocked: {why}")),
        }
    }

    /// Waits for a state that has a connection to give. One that has died, and the task has not
    /// heard of it yet, is none.
    async fn wait(
        &self,
        look: impl Fn(&ConnectionState) -> Option<&Arc<Connection>>,
    ) -> Result<Arc<Connection>, QueueLost> {
        let alive = |connection: &&Arc<Connection>| connection.status().connected();
        let mut state = self.state.clone();
        let mut found = None;
        let waited = state.wait_for(|state| {
            found = look(state).filter(alive).cloned();
            found.is_some()
        });
        let gone = |_| QueueLost("the connection is not kept any more".to_owned());
        waited.await.map_err(gone)?;
        Ok(found.expect("it was waited for"))
    }
}

async fn keep(uri: AMQPUri, name: String, sender: watch::Sender<ConnectionState>) {
    let kept = async {
        let mut failures = 0;
        loop {
            let why = match connect(&uri, &name).await {
                Ok(connection) => {
                    failures = 0;
                    attend(Arc::new(connection), &sender).await
                }
                Err(why) => why,
            };
            tracing::warn!(connection = name.as_str(), %why, "no connection to the broker");
            sender.send_replace(ConnectionState::Down(why));
            failures += 1;
            sleep(PAUSES.delay(failures, &SystemRng)).await;
        }
    };
    // Whoever held the connection is gone: so are the reasons to stay.
    select(pin!(kept), pin!(sender.closed())).await;
}

async fn connect(uri: &AMQPUri, name: &str) -> Result<Connection, String> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    match timeout(
        CONNECT_TIMEOUT,
        Connection::connect_uri_with_runtime(uri.clone(), properties, runtime()),
    )
    .await
    {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs())),
    }
}

/// Tells how the connection is until it ends. Returns why it ended.
async fn attend(connection: Arc<Connection>, sender: &watch::Sender<ConnectionState>) -> String {
    let mut events = pin!(connection.events_listener());
    sender.send_replace(ConnectionState::Up(connection.clone()));
    while connection.status().connected() {
        match events.next().await {
            Some(Event::ConnectionBlocked(why)) => {
                sender.send_replace(ConnectionState::Blocked(connection.clone(), why));
            }
            Some(Event::ConnectionUnblocked) => {
                sender.send_replace(ConnectionState::Up(connection.clone()));
            }
            // A channel's error is an event too; the status tells whether the connection lives.
            Some(Event::Error(error)) if !connection.status().connected() => {
                return error.to_string();
            }
            Some(_) => {}
            None => break,
        }
    }
    "the connection was closed".to_owned()
}
