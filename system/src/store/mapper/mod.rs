//! The Store's SQL: rows to entities and back.

pub mod accounts;
pub mod catalogue;
mod goods;
pub mod idempotency;
pub mod orders;
pub mod reconciliations;
pub mod sagas;
pub mod support;

use crate::error::Error;

/// Zero rows: somebody was faster. Load again and decide again.
fn guarded(rows: u64) -> Result<(), Error> {
    match rows {
        1 => Ok(()),
        _ => Err(Error::Serialization),
    }
}
