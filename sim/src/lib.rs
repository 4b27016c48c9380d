//! The seeded world: the shop on simulated nodes, network, broker and disks, with faults to fail
//! it and invariants to judge it.
//!
//! [`storm`] says what can go wrong, as data; [`world`] is generic and knows nothing of shops;
//! [`shop`] brings scenarios, people, the invariants and the story's last line.
//! [`simulate`](shop::simulate) runs one scenario under one seed. [`explore`] runs many, over any system.
//!
//! Without the feature `world` only what knows no world is there: scenarios, people, the truth and
//! its judges, for those who play scenarios elsewhere.

#[cfg(feature = "world")]
pub mod explore;
pub mod outcome;
pub mod shop;

pub use stormproof_faults as storm;
pub use stormproof_sqlite as value;
#[cfg(feature = "world")]
pub use stormproof_world as world;
