//! Values that every database keeps: sqlx's `Any` knows BIGINT and TEXT alike on all engines, and
//! not UUID, JSON, TIMESTAMP and BOOLEAN. These say how such values are kept in the two.
//!
//! | value | column | kept as |
//! |---|---|---|
//! | [`UuidText`] | TEXT | 36 characters, hyphenated, lower case: sorted as the UUIDs are |
//! | [`JsonText<T>`] | TEXT | what `serde_json` writes |
//! | [`Time`](crate::time::Time) | BIGINT | microseconds since the Unix epoch |
//! | [`Flag`] | BIGINT | 0 or 1 |
//!
//! Each can be bound, be a column of `query_as` and of `#[derive(FromRow)]`, and be optional where
//! the column may be NULL. A column of another type, or a value that is none, is an error of that
//! column which says what was expected.
//!
//! ```no_run
//! use sqlx::{AnyConnection, query_as};
//! use stormproof_ports::sql::{Flag, JsonText, UuidText};
//! use stormproof_ports::time::Time;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Address { street: String }
//!
//! #[derive(sqlx::FromRow)]
//! struct Guest {
//!     id: UuidText,
//!     address: JsonText<Address>,
//!     arrived_at: Option<Time>,
//!     is_known: Flag,
//! }
//!
//! async fn guest(sql: &mut AnyConnection, id: uuid::Uuid) -> sqlx::Result<Guest> {
//!     let sought = "SELECT id, address, arrived_at, is_known FROM guests WHERE id = $1";
//!     query_as(sought).bind(UuidText(id)).fetch_one(sql).await
//! }
//! ```

mod flag;
mod json;
mod time;
mod uuid;
mod value;

pub use self::flag::Flag;
pub use self::json::JsonText;
pub use self::uuid::UuidText;
pub use self::value::Value;

/// Says that a value is bound and read as another type's column.
macro_rules! kept_as {
    ($value:ty as $column:ty) => {
        impl sqlx::Type<sqlx::Any> for $value {
            fn type_info() -> sqlx::any::AnyTypeInfo {
                <$column as sqlx::Type<sqlx::Any>>::type_info()
            }

            fn compatible(column: &sqlx::any::AnyTypeInfo) -> bool {
                <$column as sqlx::Type<sqlx::Any>>::compatible(column)
            }
        }
    };
}
use kept_as;
