//! Messages through RabbitMQ: connections that come back by themselves, confirmed publishes in
//! batches, one channel a subscription.
//!
//! Publishing and consuming have a connection each: RabbitMQ blocks connections that publish when it
//! runs out of memory or disk, and acknowledgements must not wait behind that. What is declared is the
//! application's ([`Topology`](stormproof_ports::topology::Topology)); when to try a publish or a
//! subscription again is the caller's.

mod answer;
mod batch;
mod connection;
mod dead_letters;
mod declare;
mod envelope;
mod fields;
mod job;
mod names;
mod operator;
mod publisher;
mod rabbit;
mod readable;
mod subscription;
mod transport;

pub use answer::PUBLISH_TIMEOUT;
pub use declare::DeclareError;
pub use rabbit::{BadAddress, RabbitMq};
