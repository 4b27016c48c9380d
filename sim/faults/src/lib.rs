//! What goes wrong, as data: the kinds of fault, their times, and the moments that they can aim at.
//!
//! Who makes it happen is another matter: the seeded world, or a rehearsal with real processes.

pub mod faults;
pub mod moment;
