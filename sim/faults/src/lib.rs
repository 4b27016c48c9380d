//! What goes wrong, as data: the kinds of fault, their times, and the moments that they can aim at.
//!
//! Who makes it happen is another matter: the seeded world, or a rehearsal with real processes. Here are
//! also the words that everybody shares who tells of it: a system's `topology`, the small values,
//! places and mistakes of scenario files (`units`, `files`, `mistake`), a run's `story` and the
//! moments that it passed (`service_moment`).

pub mod faults;
pub mod files;
pub mod mistake;
pub mod moment;
pub mod service_moment;
pub mod story;
pub mod topology;
pub mod units;
