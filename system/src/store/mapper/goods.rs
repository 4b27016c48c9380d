//! What orders are about: their lines, and which warehouse gives how much of each.

use sqlx::Row;
use sqlx::any::AnyRow;
use stormproof_messaging::Transaction;

use crate::error::Error;
use crate::id::{Sku, UserId, WarehouseId};
use crate::money::{Currency, Money};
use crate::store::allocation::Share;
use crate::store::order::OrderLine;
use crate::store::saga::Case;

/// The first of an order's columns that are about its goods.
const FIRST: usize = 39;

/// Reads the goods of one order: a row for each line and each warehouse that gives some of it.
pub fn read(rows: &[AnyRow], case: &mut Case) -> Result<(), Error> {
    for row in rows {
        let Some(sku) = row.try_get::<Option<String>, _>(FIRST)? else { continue };
        let sku = Sku::parse(sku)?;
        if let Some(warehouse) = row.try_get::<Option<String>, _>(FIRST + 4)? {
            let warehouse = WarehouseId::parse(warehouse)?;
            let quantity = row.try_get(FIRST + 5)?;
            case.allocation.push(Share { sku: sku.clone(), warehouse, quantity });
        }
        case.lines.push(OrderLine {
            sku,
            name: row.try_get(FIRST + 1)?,
            quantity: row.try_get(FIRST + 2)?,
            price: Money::new(row.try_get(FIRST + 3)?, case.order.total.currency),
        });
    }
    case.lines.sort_by(|one, other| one.sku.cmp(&other.sku));
    case.lines.dedup_by(|one, other| one.sku == other.sku);
    case.allocation.sort();
    Ok(())
}

/// Reads the goods of orders of a user that follow each other, in the order of their ids, the last first.
pub async fn of_user(
    transaction: &mut Transaction<'_>,
    user: &UserId,
    cases: &mut [Case],
) -> Result<(), Error> {
    let id = |case: &Case| case.order.id.to_string();
    let (Some(newest), Some(oldest)) = (cases.first().map(id), cases.last().map(id)) else {
        return Ok(());
    };
    let lines = sqlx::query(
        "SELECT l.sku, l.name, l.quantity, l.price, l.order_id FROM orders o \
         JOIN order_lines l ON l.order_id = o.id WHERE o.user_id = $1 AND o.id >= $2 AND o.id <= $3 \
         ORDER BY o.id DESC, l.sku",
    )
    .bind(user.to_string())
    .bind(oldest.clone())
    .bind(newest.clone())
    .fetch_all(transaction.sql())
    .await?;
    let allocations = sqlx::query(
        "SELECT a.sku, a.warehouse, a.quantity, a.order_id FROM orders o \
         JOIN allocations a ON a.order_id = o.id WHERE o.user_id = $1 AND o.id >= $2 AND o.id <= $3 \
         ORDER BY o.id DESC, a.sku, a.warehouse",
    )
    .bind(user.to_string())
    .bind(oldest)
    .bind(newest)
    .fetch_all(transaction.sql())
    .await?;
    // All three are in the order of the orders.
    let (mut lines, mut allocations) = (lines.iter().peekable(), allocations.iter().peekable());
    for case in cases {
        let id = case.order.id.as_str();
        // Those of an order that cannot be read, and is left out.
        while lines.next_if(|row| is_newer(row, 4, id)).is_some() {}
        while allocations.next_if(|row| is_newer(row, 3, id)).is_some() {}
        while let Some(row) = lines.next_if(|row| is_of(row, 4, id)) {
            case.lines.push(read_line(row, case.order.total.currency)?);
        }
        while let Some(row) = allocations.next_if(|row| is_of(row, 3, id)) {
            case.allocation.push(read_share(row)?);
        }
    }
    Ok(())
}

/// Writes the goods of a new order.
pub async fn insert(transaction: &mut Transaction<'_>, case: &Case) -> Result<(), Error> {
    let order = &case.order;
    for line in &case.lines {
        sqlx::query(
            "INSERT INTO order_lines (order_id, sku, name, quantity, price) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(order.id.to_string())
        .bind(line.sku.to_string())
        .bind(line.name.clone())
        .bind(line.quantity)
        .bind(line.price.minor)
        .execute(transaction.sql())
        .await?;
    }
    insert_allocation(transaction, case).await
}

/// Writes a new allocation over the one that there is.
pub async fn allocate(transaction: &mut Transaction<'_>, case: &Case) -> Result<(), Error> {
    sqlx::query("DELETE FROM allocations WHERE order_id = $1")
        .bind(case.order.id.to_string())
        .execute(transaction.sql())
        .await?;
    insert_allocation(transaction, case).await
}

async fn insert_allocation(transaction: &mut Transaction<'_>, case: &Case) -> Result<(), Error> {
    for share in &case.allocation {
        sqlx::query(
            "INSERT INTO allocations (order_id, sku, warehouse, quantity) VALUES ($1, $2, $3, $4)",
        )
        .bind(case.order.id.to_string())
        .bind(share.sku.to_string())
        .bind(share.warehouse.to_string())
        .bind(share.quantity)
        .execute(transaction.sql())
        .await?;
    }
    Ok(())
}

fn read_line(row: &AnyRow, currency: Currency) -> Result<OrderLine, Error> {
    Ok(OrderLine {
        sku: Sku::parse(row.try_get::<String, _>(0)?)?,
        name: row.try_get(1)?,
        quantity: row.try_get(2)?,
        price: Money::new(row.try_get(3)?, currency),
    })
}

fn read_share(row: &AnyRow) -> Result<Share, Error> {
    Ok(Share {
        sku: Sku::parse(row.try_get::<String, _>(0)?)?,
        warehouse: WarehouseId::parse(row.try_get::<String, _>(1)?)?,
        quantity: row.try_get(2)?,
    })
}

fn is_newer(row: &AnyRow, column: usize, order: &str) -> bool {
    row.try_get::<String, _>(column).is_ok_and(|id| *id > *order)
}

fn is_of(row: &AnyRow, column: usize, order: &str) -> bool {
    row.try_get::<String, _>(column).is_ok_and(|id| id == order)
}
