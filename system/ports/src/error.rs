//! What may go wrong between a service and its database, said as what the caller may do about it.

/// Why a transaction, or a statement in one, came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The database undid the transaction in favour of another: run it again.
    #[error("serialization failure")]
    Serialization,
    /// Nothing happened: try again.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It may have happened: look, or ask again with the same key.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

/// PostgreSQL's feature_not_supported: of a statement that has run before on the same connection, that its
/// table has changed since.
const STALE: &str = "0A000";

/// A statement failed inside a transaction that has not been committed, so nothing happened. One that was
/// compiled for a table that has changed since is as good as one that lost against the change.
impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> DatabaseError {
        let code = error.as_database_error().and_then(|error| error.code());
        match code.as_deref() {
            // PostgreSQL: serialization_failure, deadlock_detected. SQLite: BUSY and its kin.
            Some("40001" | "40P01" | STALE | "5" | "261" | "517") => DatabaseError::Serialization,
            _ => DatabaseError::Unavailable(error.to_string()),
        }
    }
}

/// Whether a statement was compiled for a table that has changed since: its connection has to
/// [forget](crate::Session::forget_statements) what it has compiled.
pub fn is_stale(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some(STALE)
}
