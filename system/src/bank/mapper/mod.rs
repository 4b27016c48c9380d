//! The Bank's SQL: rows in and out, nothing decided.

pub mod accounts;
pub mod payments;
