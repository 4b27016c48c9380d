//! What a disk asks of the connection that was last opened on it, whatever that is.

use sqlx_core::Error;

use crate::Value;

/// Reads past sqlx.
pub(super) trait Reader: Send {
    /// Reads with a statement that is kept prepared, apart from sqlx's.
    fn peek(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, Error>;

    /// The texts of the statements that it keeps prepared.
    fn prepared(&self) -> Vec<String>;
}
