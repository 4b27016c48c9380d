//! The real binary, from outside: a newcomer's first minutes, fifty deaths in a row, bad starts, and
//! the same shop distributed over processes, Postgres and RabbitMQ, in good times and in a storm.

mod alterations;
mod bad_starts;
mod books;
mod broken_rows;
pub mod customer;
mod cuts;
mod distributed;
mod draws;
mod endurance;
mod handover;
mod journey;
mod kills;
mod poison;
pub mod process;
mod rehearsals;
pub mod replicas;
mod served;

use stormproof::rehearse::smtp_sink::SmtpSink;

/// A mail server that takes everything, for as long as the test runs; and its URL.
async fn sink() -> (SmtpSink, String) {
    let (sink, address) = SmtpSink::open().await.expect("loopback has room");
    (sink, format!("smtp://{address}"))
}
