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
