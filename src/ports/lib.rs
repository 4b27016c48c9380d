//! The seven ports of Stormproof on real machines. Each module binds one of them, knows nothing of
//! the application that uses it, and has one way in:
//!
//! | port | here | opened by |
//! |---|---|---|
//! | `Clock` | [`clock`] | [`SystemClock`](clock::SystemClock), a value |
//! | `Rng` | [`rng`] | [`SystemRng`](rng::SystemRng), a value |
//! | `Compute` | [`compute`] | [`ThreadPool::new`](compute::ThreadPool::new) |
//! | `Database` | [`database`] | [`Sql::postgres`](database::Sql::postgres), [`Sql::sqlite`](database::Sql::sqlite) |
//! | `Http` | [`http`] | [`HttpClient::new`](http::HttpClient::new) |
//! | `Mailer` | [`mailer`] | [`Smtp::open`](mailer::Smtp::open), [`Maildrop::open`](mailer::Maildrop::open) |
//! | `Queue` | [`queue`], [`embedded_queue`] | [`RabbitMq::open`](queue::RabbitMq::open), [`EmbeddedBroker::open`](embedded_queue::EmbeddedBroker::open) |
//!
//! What exchanges and queues there are, what the tables are, who the peers are and who sends mails
//! comes in as values; when to try again is the caller's decision. What each binding owes is
//! executable: the contract of the ports. How the seeded world binds them is the simulator's.
//! [`ports`] puts them together for a replica, [`work`] keeps its workers at work.
//!
//! # Example
//!
//! A replica of a service of your own, on Postgres and RabbitMQ:
//!
//! ```no_run
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//! # use stormproof_ports::Ports;
//! # use stormproof_ports::worker::Worker;
//! # fn workers(_: &Ports) -> Vec<Worker> { Vec::new() }
//!
//! use stormproof_bindings::database::Sql;
//! use stormproof_bindings::http::HttpClient;
//! use stormproof_bindings::queue::RabbitMq;
//! use stormproof_broker::QueueSpec;
//! use stormproof_ports::{Database as _, Message, Queue as _};
//! use stormproof_ports::topology::Topology;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let database = Arc::new(Sql::postgres("postgres://me@127.0.0.1:5432/invoices", 8).await?);
//! let replicas = vec!["http://10.0.0.7:8080".to_owned(), "http://10.0.0.8:8080".to_owned()];
//! let http = HttpClient::new(BTreeMap::from([("printer".to_owned(), replicas)]))?;
//!
//! let broker = RabbitMq::open("amqp://guest:guest@127.0.0.1:5672/%2f", "invoices")?;
//! let queues = vec![QueueSpec::named("invoice.print")];
//! broker.declare(&Topology { queues, ..Topology::default() }).await?;
//!
//! let mut session = database.begin().await.map_err(|error| error.to_string())?;
//! sqlx::query("UPDATE invoices SET status = 'PRINTING' WHERE id = 'i1'")
//!     .execute(session.connection())
//!     .await?;
//! session.commit(&[]).await.map_err(|error| error.to_string())?;
//! broker
//!     .publish(Message {
//!         exchange: String::new(),
//!         routing_key: "invoice.print".to_owned(),
//!         message_id: "i1-print".to_owned(),
//!         correlation_id: "i1".to_owned(),
//!         schema: "invoice.print".to_owned(),
//!         version: 1,
//!         traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
//!         timestamp: 1_700_000_000_000_000,
//!         attempt: 0,
//!         body: "{}".into(),
//!     })
//!     .await
//!     .map_err(|error| error.to_string())?;
//!
//! let ports = stormproof_bindings::ports("invoices-1", database, Arc::new(broker));
//! let ports = Ports { http: Arc::new(http), ..ports };
//! stormproof_bindings::work(&ports, workers(&ports)).await;
//! # Ok(())
//! # }
//! ```

#![deny(missing_docs)]
#![warn(clippy::missing_errors_doc)]

pub mod clock;
pub mod compute;
pub mod database;
pub mod dead_letters;
pub mod embedded_queue;
pub mod http;
pub mod mailer;
pub mod queue;
mod replica;
pub mod rng;

pub use replica::{ports, work};
