//! A clinic: a [`calendar`] that gives slots to [`patient`]s, and [`reminders`] of what is booked.
//!
//! Services are functions of their ports. [`system`] is all that the seeded world is told of them;
//! `src/bin/serve.rs` binds the same functions to Postgres and RabbitMQ.

#![deny(missing_docs)]

pub mod appointment;
pub mod calendar;
pub mod patient;
pub mod reminders;
pub mod system;

/// What the environment says, where the services are served; `usual` if it says nothing.
#[allow(clippy::disallowed_methods, reason = "this is no world")]
pub fn setting(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or(usual.to_owned())
}
