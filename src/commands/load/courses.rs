//! The Store's own record of how orders went, read in its database.

use sqlx_postgres::PgConnection;
use stormproof_shop::load::courses::{self, Course};

use super::servers::Server;

const MOVED: &str = "SELECT subject, noun, to_state, at FROM audit \
                     WHERE subject = ANY($1) AND noun IN ('order', 'payment') ORDER BY at, id";

/// The courses of these orders, in their order, as the Store's database recorded them.
///
/// # Errors
/// In words: the database cannot be asked.
pub async fn recorded(store: &Server, ids: &[String]) -> Result<Vec<Course>, String> {
    let moved = async |connection: &mut PgConnection| {
        sqlx::query_as(MOVED).bind(ids).fetch_all(connection).await
    };
    store.ask(None, moved).await.map(|moved| courses::recorded(ids, moved))
}
