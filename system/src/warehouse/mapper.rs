//! The Warehouse's SQL: rows in and out, nothing decided.
//!
//! Lists are sorted here and not by `ORDER BY`, whose order of texts differs from database to
//! database.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use stormproof_messaging::Transaction;

use super::dto::{Availability, ReservationView, Restock, Stock};
use super::reservation::{Line, Reservation, Shift, State};
use crate::error::Error;
use crate::id::{OrderId, Sku, WarehouseId};
use crate::unreadable::{Readings, Unreadable, known};
use crate::views::ViewsRequest;

/// What could be reserved of `skus`, of which there is at least one.
pub async fn availability(
    transaction: &mut Transaction<'_>,
    skus: &[Sku],
) -> Result<Vec<Availability>, Error> {
    // Only the number of placeholders varies, which no caller's text can reach.
    let places: Vec<_> = (1..=skus.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT sku, warehouse, on_hand - reserved FROM stock WHERE sku IN ({})",
        places.join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for sku in skus {
        query = query.bind(sku.to_string());
    }
    let rows = query.fetch_all(transaction.sql()).await?;
    let read = |row: &AnyRow| {
        Ok(Availability {
            sku: sku(row, 0)?,
            warehouse: warehouse(row, 1)?,
            available: row.try_get(2)?,
        })
    };
    let rows: Result<Vec<_>, Error> = rows.iter().map(read).collect();
    rows.map(sorted)
}

/// All the books.
pub async fn stock(transaction: &mut Transaction<'_>) -> Result<Vec<Stock>, Error> {
    let rows =
        sqlx::query("SELECT sku, warehouse, received, on_hand, reserved, committed FROM stock")
            .fetch_all(transaction.sql())
            .await?;
    let read = |row: &AnyRow| {
        Ok(Stock {
            sku: sku(row, 0)?,
            warehouse: warehouse(row, 1)?,
            received: row.try_get(2)?,
            on_hand: row.try_get(3)?,
            reserved: row.try_get(4)?,
            committed: row.try_get(5)?,
        })
    };
    let rows: Result<Vec<_>, Error> = rows.iter().map(read).collect();
    rows.map(sorted)
}

/// Reserves `line` if that much is free; `false` if not, or if there is no such row.
pub async fn hold(transaction: &mut Transaction<'_>, line: &Line) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE stock SET reserved = reserved + $1 \
         WHERE sku = $2 AND warehouse = $3 AND on_hand - reserved >= $1",
    )
    .bind(line.quantity)
    .bind(line.sku.to_string())
    .bind(line.warehouse.to_string())
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Shifts the stock of `line` between the columns of its own row.
pub async fn shift(
    transaction: &mut Transaction<'_>,
    line: &Line,
    shift: Shift,
) -> Result<(), Error> {
    let done = sqlx::query(
        "UPDATE stock SET on_hand = on_hand + $1, reserved = reserved + $2, \
         committed = committed + $3 WHERE sku = $4 AND warehouse = $5",
    )
    .bind(shift.on_hand * line.quantity)
    .bind(shift.reserved * line.quantity)
    .bind(shift.committed * line.quantity)
    .bind(line.sku.to_string())
    .bind(line.warehouse.to_string())
    .execute(transaction.sql())
    .await?;
    assert_eq!(done.rows_affected(), 1, "a held line's stock row exists: rows are never deleted");
    Ok(())
}

/// The reservation of `order`; ABSENT if there is none.
pub async fn reservation(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
) -> Result<Reservation, Error> {
    let rows = sqlx::query(
        "SELECT r.state, r.version, l.sku, l.warehouse, l.quantity FROM reservations r \
         LEFT JOIN reservation_lines l ON l.order_id = r.order_id \
         WHERE r.order_id = $1",
    )
    .bind(order.to_string())
    .fetch_all(transaction.sql())
    .await?;
    let Some(first) = rows.first() else { return Ok(Reservation::absent()) };
    let state: String = first.try_get(0)?;
    let state = known(State::parse(&state), "reservation state", &state)?;
    let mut reservation = Reservation { state, version: first.try_get(1)?, lines: Vec::new() };
    for row in &rows {
        // A tombstone joins with no line.
        if row.try_get::<Option<String>, _>(2)?.is_some() {
            let (sku, warehouse) = (sku(row, 2)?, warehouse(row, 3)?);
            reservation.lines.push(Line { sku, warehouse, quantity: row.try_get(4)? });
        }
    }
    reservation.lines.sort();
    Ok(reservation)
}

/// The reservations of a page of orders, in order.
pub async fn views(
    transaction: &mut Transaction<'_>,
    page: &ViewsRequest,
) -> Result<Readings<ReservationView>, Error> {
    let query = sqlx::query(
        "SELECT r.order_id, r.state, l.sku, l.warehouse, l.quantity FROM reservations r \
         LEFT JOIN reservation_lines l ON l.order_id = r.order_id WHERE r.order_id IN \
         (SELECT order_id FROM reservations WHERE order_id > $1 ORDER BY order_id LIMIT $2)",
    )
    .bind(page.after.clone())
    .bind(page.limit);
    let mut orders: BTreeMap<String, Vec<AnyRow>> = BTreeMap::new();
    for row in query.fetch_all(transaction.sql()).await? {
        orders.entry(row.try_get(0)?).or_default().push(row);
    }
    let mut views = Readings {
        read: Vec::new(),
        unreadable: Vec::new(),
        last: orders.keys().next_back().cloned(),
    };
    for (key, rows) in orders {
        match view(&key, &rows) {
            Ok(view) => views.read.push(view),
            Err(Error::Unreadable(why)) => views.unreadable.push(Unreadable { key, why }),
            Err(error) => return Err(error),
        }
    }
    Ok(views)
}

/// A reservation from its rows: one for each line.
fn view(key: &str, rows: &[AnyRow]) -> Result<ReservationView, Error> {
    let state: String = rows[0].try_get(1)?;
    let mut view = ReservationView {
        order_id: OrderId::parse(key).map_err(Error::of_row)?,
        state: known(State::parse(&state), "reservation state", &state)?,
        lines: Vec::new(),
    };
    for row in rows {
        // A tombstone joins with no line.
        if row.try_get::<Option<String>, _>(2)?.is_some() {
            let (sku, warehouse) = (sku(row, 2)?, warehouse(row, 3)?);
            view.lines.push(Line { sku, warehouse, quantity: row.try_get(4)? });
        }
    }
    view.lines.sort();
    Ok(view)
}

/// Writes a new reservation; `false` if the order has one already.
pub async fn insert(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    state: State,
) -> Result<bool, Error> {
    let now = transaction.now();
    let done = sqlx::query(
        "INSERT INTO reservations (order_id, state, version, created_at, changed_at) \
         VALUES ($1, $2, 1, $3, $3) ON CONFLICT (order_id) DO NOTHING",
    )
    .bind(order.to_string())
    .bind(state.as_str())
    .bind(now.0)
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes a line of a new reservation.
pub async fn insert_line(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    line: &Line,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO reservation_lines (order_id, sku, warehouse, quantity) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(order.to_string())
    .bind(line.sku.to_string())
    .bind(line.warehouse.to_string())
    .bind(line.quantity)
    .execute(transaction.sql())
    .await?;
    Ok(())
}

/// Moves the reservation to `state` if it still has `version`.
pub async fn advance(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    version: i64,
    state: State,
) -> Result<bool, Error> {
    let now = transaction.now();
    let done = sqlx::query(
        "UPDATE reservations SET state = $1, version = version + 1, changed_at = $2 \
         WHERE order_id = $3 AND version = $4",
    )
    .bind(state.as_str())
    .bind(now.0)
    .bind(order.to_string())
    .bind(version)
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Claims the key of `restock`; `false` if it is taken.
pub async fn claim_restock(
    transaction: &mut Transaction<'_>,
    restock: &Restock,
) -> Result<bool, Error> {
    let now = transaction.now();
    let done = sqlx::query(
        "INSERT INTO restocks (key, sku, warehouse, quantity, at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(restock.key.clone())
    .bind(restock.sku.to_string())
    .bind(restock.warehouse.to_string())
    .bind(restock.quantity)
    .bind(now.0)
    .execute(transaction.sql())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The restock that claimed `key`.
pub async fn restock(transaction: &mut Transaction<'_>, key: &str) -> Result<Restock, Error> {
    let row = sqlx::query("SELECT key, sku, warehouse, quantity FROM restocks WHERE key = $1")
        .bind(key.to_owned())
        .fetch_one(transaction.sql())
        .await?;
    Ok(Restock {
        key: row.try_get(0)?,
        sku: sku(&row, 1)?,
        warehouse: warehouse(&row, 2)?,
        quantity: row.try_get(3)?,
    })
}

/// Puts what arrived on the shelf, a new one if need be.
pub async fn receive(transaction: &mut Transaction<'_>, restock: &Restock) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO stock (sku, warehouse, received, on_hand, reserved, committed) \
         VALUES ($1, $2, $3, $3, 0, 0) ON CONFLICT (sku, warehouse) DO UPDATE \
         SET received = stock.received + excluded.received, \
         on_hand = stock.on_hand + excluded.on_hand",
    )
    .bind(restock.sku.to_string())
    .bind(restock.warehouse.to_string())
    .bind(restock.quantity)
    .execute(transaction.sql())
    .await?;
    Ok(())
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}

fn sku(row: &AnyRow, column: usize) -> Result<Sku, Error> {
    Sku::parse(row.try_get::<String, _>(column)?).map_err(Error::of_row)
}

fn warehouse(row: &AnyRow, column: usize) -> Result<WarehouseId, Error> {
    WarehouseId::parse(row.try_get::<String, _>(column)?).map_err(Error::of_row)
}
