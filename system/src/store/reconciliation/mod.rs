//! Reconciliation: whether all services tell the same story of the orders.
//!
//! A [`pass`] goes through the orders [`page`] by page, every hour; of a page's orders that rest, the
//! [`differences`] are found by a pure function.

pub mod differences;
pub mod page;
pub mod pass;
#[cfg(test)]
mod tests;

pub use pass::worker;
