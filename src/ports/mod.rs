//! The ports bound to real machines: the same names as in the system's `ports`.
//!
//! A binding owes its callers what `system/ports/src/contract/mod.rs` checks, whichever machine is at
//! the other end. Which bindings make up a replica is the host's affair.

pub mod clock;
pub mod compute;
pub mod database;
pub mod dead_letters;
pub mod embedded_queue;
pub mod http;
pub mod mailer;
pub mod queue;
pub mod rng;
