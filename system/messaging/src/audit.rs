//! The audit trail: a row for each move of a machine.

use stormproof_ports::{DatabaseError, id};

use crate::rows::{Insert, ROWS_MAX};
use crate::transaction::Transaction;

static INSERT: Insert = Insert::new(
    "INSERT INTO audit (id, noun, subject, from_state, to_state, at, node) VALUES {}",
    7,
);

/// A row to be.
pub(crate) struct Move {
    id: String,
    noun: &'static str,
    subject: String,
    from: String,
    to: &'static str,
    at: i64,
}

impl Move {
    /// A machine, which is a `noun` and `subject`'s, moves now.
    pub(crate) fn now(
        transaction: &Transaction<'_>,
        noun: &'static str,
        subject: &str,
        from: &str,
        to: &'static str,
    ) -> Move {
        Move {
            id: id::fresh(transaction.ports()),
            noun,
            subject: subject.to_owned(),
            from: from.to_owned(),
            to,
            at: transaction.now().0,
        }
    }
}

/// Writes the rows.
pub(crate) async fn write(
    transaction: &mut Transaction<'_>,
    moves: Vec<Move>,
) -> Result<(), DatabaseError> {
    let node = &transaction.ports().node;
    for moves in moves.chunks(ROWS_MAX) {
        let mut query = sqlx::query(INSERT.text(moves.len()));
        for it in moves {
            query = query
                .bind(it.id.clone())
                .bind(it.noun)
                .bind(it.subject.clone())
                .bind(it.from.clone())
                .bind(it.to)
                .bind(it.at)
                .bind(node.to_string());
        }
        query.execute(transaction.sql()).await?;
    }
    Ok(())
}
