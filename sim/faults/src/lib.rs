//! What goes wrong, as data: the kinds of fault, their times, and the moments that they can aim at.
//!
//! `kinds.rs` is the one table of kinds, `row.rs` what such a table says, `faults.rs` one fault that
//! somebody asked for, `moment.rs` where in a node's work it can be aimed.
//!
//! Who makes it happen is another matter: the seeded world, or a rehearsal with real processes.

pub mod faults;
pub mod kinds;
pub mod moment;
pub mod row;

pub use faults::{FOREVER, Fault, Target, When};
pub use kinds::FaultKind;
pub use row::{Drawn, FaultRow, Nature, TargetForm, Timing};
