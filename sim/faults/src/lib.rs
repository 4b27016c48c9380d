//! What goes wrong, as data, and the engine that decides when it does.
//!
//! `kinds.rs` is the one table of kinds, `row.rs` what such a table says, `faults.rs` one fault that
//! somebody asked for, `moment.rs` where in a node's work it can be aimed. `injector.rs` is the engine;
//! `link_state.rs` what it makes of the way between two nodes, `coverage.rs` which moments it saw.
//!
//! What a fault does is another matter: it is the [`Host`]'s, be that a seeded world or a rehearsal
//! with real processes. Here are also the words of everybody who tells of faults: a system's
//! `topology`, the `[[fault]]` tables of scenario files (`table/`), their small values, places and
//! mistakes (`units`, `files`, `mistake`),
//! a run's `story` and the moments that it passed (`service_moment`).

#![deny(missing_docs)]
#![warn(clippy::missing_errors_doc)]

mod coverage;
pub mod document;
pub mod faults;
pub mod files;
mod host;
pub mod injector;
pub mod kinds;
mod link_state;
pub mod mistake;
pub mod moment;
pub mod outcome;
pub mod row;
pub mod service_moment;
pub mod size;
pub mod story;
pub mod table;
#[cfg(test)]
mod tests;
pub mod topology;
pub mod units;

pub use faults::{FOREVER, Fault, Target, When};
pub use host::Host;
pub use injector::{Aimed, Injector};
pub use kinds::FaultKind;
pub use link_state::LinkState;
pub use row::{Drawn, FaultRow, Nature, TargetForm, Timing};
pub use table::{FaultTable, NoOwnKinds, OwnKinds};
