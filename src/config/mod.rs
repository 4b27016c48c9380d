//! What an operator may set: the values and their defaults, here; the one table of them in
//! [`registry`]; where they come from (file, environment) in [`reading`].
//!
//! Later wins: default, file, environment. Secrets never reach a log or a listing.

mod file;
pub mod reading;
pub mod registry;
mod secret;
mod slot;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use stormproof_ports::Rng;
use stormproof_system::service::SERVICES;
use stormproof_system::settings::{Carrier, Settings};

pub use file::ConfigFile;
pub use secret::Secret;
pub use slot::length;

/// All settings of a process.
#[derive(Clone, Debug)]
pub struct Config {
    /// The replica's own name; empty: the service's name and six random digits.
    pub node: String,
    /// Where to listen; `None`: on loopback, at the service's own port (see [`port`]).
    pub listen: Option<SocketAddr>,
    pub log: Log,
    pub server: Server,
    pub database: Database,
    pub broker: Broker,
    pub smtp: Smtp,
    /// Base URLs of every service's replicas, such as `http://10.0.0.7:8082`.
    pub peers: BTreeMap<&'static str, Vec<String>>,
    /// How many passwords are hashed at once.
    pub hashes_at_once: usize,
    /// What the services themselves read.
    pub shop: Settings,
}

/// The log, on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: tracing::Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What clients may ask of a listening socket, and how long the end may take.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    pub body_bytes_max: usize,
    /// A connection whose next request's headers are not complete by then is closed.
    pub header_timeout: Duration,
    /// A request whose body is not complete by then is answered 408.
    pub body_timeout: Duration,
    pub connections_max: usize,
    /// How long requests and steps under way may take to finish once the process is to stop.
    pub drain_deadline: Duration,
}

/// Postgres. In `url`, `{service}` stands for the service's name.
#[derive(Clone, Debug)]
pub struct Database {
    pub url: Secret,
    pub connections: u32,
}

/// RabbitMQ. `prefix` stands before the names of all exchanges and queues.
#[derive(Clone, Debug)]
pub struct Broker {
    pub url: Secret,
    pub prefix: String,
}

/// The mail server, and the address that mails come from.
#[derive(Clone, Debug)]
pub struct Smtp {
    pub url: Secret,
    pub from: String,
}

/// What cannot be a configuration, in words: the place, the key, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mistake(pub String);

/// The port of `service` where nothing else is set: 8080 for the Store, and on in the order of an
/// order's journey.
pub fn port(service: &str) -> u16 {
    let known = SERVICES.iter().zip(8080..).find(|(known, _)| known.name == service);
    known.map_or(0, |(_, port)| port)
}

impl Default for Config {
    fn default() -> Config {
        let peer = |name| (name, vec![format!("http://127.0.0.1:{}", port(name))]);
        Config {
            node: String::new(),
            listen: None,
            log: Log { format: LogFormat::Text, level: tracing::Level::INFO },
            server: Server {
                body_bytes_max: 64 * 1024,
                // Longer than the services' own clients keep an idle connection (`src/ports/http.rs`),
                // or they would now and then ask into a connection that is being closed.
                header_timeout: Duration::from_secs(40),
                body_timeout: Duration::from_secs(15),
                connections_max: 1024,
                drain_deadline: Duration::from_secs(20),
            },
            database: Database {
                url: "postgres://postgres@127.0.0.1:5432/stormproof_{service}".into(),
                connections: 8,
            },
            broker: Broker {
                url: "amqp://guest:guest@127.0.0.1:5672/%2f".into(),
                prefix: String::new(),
            },
            smtp: Smtp {
                url: "smtp://127.0.0.1:1025".into(),
                from: "shop@stormproof.example".into(),
            },
            peers: SERVICES.iter().map(|service| peer(service.name)).collect(),
            hashes_at_once: 2,
            shop: Settings::default(),
        }
    }
}

impl Config {
    /// The defaults of `stormproof up`: a parcel arrives within seconds, because somebody watches, and
    /// what a killed process had in hand is soon free, because nobody is far away.
    pub fn of_one_machine() -> Config {
        let mut config = Config::default();
        config.shop.carrier = Carrier {
            pick_up_after: Duration::from_secs(4),
            depart_after: Duration::from_secs(4),
            deliver_after: Duration::from_secs(6),
            ..config.shop.carrier
        };
        config.shop.saga.call_timeout = Duration::from_secs(2);
        config.shop.saga.lease = Duration::from_secs(5);
        config.shop.relay.claim = Duration::from_secs(3);
        config.server.drain_deadline = Duration::from_secs(5);
        config
    }

    /// Where a replica of `service` listens.
    pub fn listen_for(&self, service: &str) -> SocketAddr {
        self.listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, port(service)).into())
    }

    /// The name of a replica of `service`. Drawn, because two replicas of one name would share
    /// leases.
    pub fn node_of(&self, service: &str, rng: &dyn Rng) -> Arc<str> {
        match self.node.as_str() {
            "" => format!("{service}-{:06x}", rng.below("node", 1 << 24)).into(),
            node => node.into(),
        }
    }

    /// The base URLs of all services' replicas, as the HTTP port takes them.
    pub fn peers(&self) -> BTreeMap<String, Vec<String>> {
        self.peers.iter().map(|(name, urls)| ((*name).to_owned(), urls.clone())).collect()
    }

    /// The database of `service`.
    pub fn database_url(&self, service: &str) -> String {
        self.database.url.reveal().replace("{service}", service)
    }

    /// Checks what no single setting can know. `service` is about to be served for real, so that
    /// its secrets have to be secret.
    ///
    /// # Errors
    /// The first setting that does not go with the others, and what was expected.
    pub fn check(&self, service: &str) -> Result<(), Mistake> {
        let auth = &self.shop.auth;
        secret::check("auth.service_secret", &auth.service_secret)?;
        // Only the Store reads customers' tokens: what others do not have they cannot leak.
        if service == "store" {
            secret::check("auth.customer_secret", &auth.customer_secret)?;
            if auth.customer_secret == auth.service_secret {
                return Err(Mistake(
                    "auth.customer_secret: expected another secret than auth.service_secret, for \
                     customers' tokens must not open services' doors"
                        .into(),
                ));
            }
        }
        self.check_times()
    }

    /// Checks what goes together in every mode.
    ///
    /// # Errors
    /// As [`Config::check`].
    pub fn check_times(&self) -> Result<(), Mistake> {
        let Settings { auth, saga, .. } = &self.shop;
        if auth.hash_memory_kib < 8 * auth.hash_lanes {
            return Err(Mistake(format!(
                "auth.hash_memory_kib: expected at least 8 for each of {} lanes (RFC 9106 §3.1)",
                auth.hash_lanes
            )));
        }
        if saga.lease <= saga.call_timeout {
            return Err(Mistake(
                "saga.lease: expected more than saga.call_timeout, or an order is taken over while \
                 its owner still waits for an answer"
                    .into(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRONG: [&[u8]; 2] =
        [b"e4b1f7a06d3c92585e1fa7c0b9d6423817aa", b"7c0b9d6423817aae4b1f7a06d3c92585e1fa"];

    fn mistake(service: &str, change: impl Fn(&mut Settings)) -> String {
        let mut config = Config::default();
        config.shop.auth.customer_secret = STRONG[0].to_vec();
        config.shop.auth.service_secret = STRONG[1].to_vec();
        change(&mut config.shop);
        config.check(service).err().map_or(String::new(), |mistake| mistake.0)
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        assert_eq!(mistake("store", |_| ()), "");
        // The customers' secret is the Store's alone.
        let none = |shop: &mut Settings| shop.auth.customer_secret.clear();
        assert_eq!(mistake("bank", none), "");
        assert!(mistake("store", none).starts_with("auth.customer_secret: is not set"));
        let same = |shop: &mut Settings| shop.auth.customer_secret = STRONG[1].to_vec();
        assert!(mistake("store", same).starts_with("auth.customer_secret: expected another"));
        let short = |shop: &mut Settings| shop.saga.lease = shop.saga.call_timeout;
        assert!(mistake("bank", short).starts_with("saga.lease: expected more than"));
        let tiny = |shop: &mut Settings| {
            (shop.auth.hash_memory_kib, shop.auth.hash_lanes) = (15, 2);
        };
        assert!(mistake("bank", tiny).starts_with("auth.hash_memory_kib: expected at least 8"));
    }

    #[test]
    fn every_service_has_a_port_of_its_own() {
        let ports = SERVICES.map(|service| port(service.name));
        assert_eq!(ports, [8080, 8081, 8082, 8083, 8084]);
        let config = Config::default();
        assert_eq!(config.peers()["bank"], ["http://127.0.0.1:8082"]);
        assert!(config.database_url("bank").ends_with("/stormproof_bank"));
    }
}
