//! The commands of `stormproof`, one a file or a folder: its arguments, and what it does with them.
//!
//! What several share lies beside this folder; which commands there are, and how an answer becomes an
//! exit code, is `cli`'s.

pub mod asyncapi;
pub mod demo;
pub mod dlq;
pub mod load;
pub mod measure;
pub mod migrate;
pub mod openapi;
pub mod reconcile;
pub mod rehearse;
pub mod serve;
pub mod up;
