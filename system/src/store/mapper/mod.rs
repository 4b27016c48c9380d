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

/// A stored name that this version does not know: nothing may be decided on it.
pub(super) fn known<T>(value: Option<T>, what: &str, stored: &str) -> Result<T, Error> {
    value.ok_or_else(|| {
        Error::Unavailable(format!("the database holds an unknown {what}: {stored}"))
    })
}

/// Zero rows: somebody was faster. Load again and decide again.
fn guarded(rows: u64) -> Result<(), Error> {
    match rows {
        1 => Ok(()),
        _ => Err(Error::Serialization),
    }
}
