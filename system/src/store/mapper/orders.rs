//! Orders with their payments and sagas: one aggregate, loaded whole, saved where it changed.

use sqlx::Row;
use sqlx::any::AnyRow;
use stormproof_messaging::Transaction;

use super::{goods, guarded, known, sagas};
use crate::error::Error;
use crate::id::{OrderId, UserId};
use crate::money::{Currency, Money};
use crate::store::order::{Order, OrderStatus};
use crate::store::payment::{Payment, PaymentStatus};
use crate::store::saga::{Case, DeliveryState, Goal, Saga, Step, Stock};

macro_rules! select_case {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT o.id, o.user_id, o.email, o.status, o.total, o.currency, o.reason, \
             o.carrier_sequence, o.version, o.pending_payment_at, o.paid_at, o.received_at, \
             o.picked_up_at, o.in_transit_at, o.delivered_at, o.lost_at, o.failed_at, \
             o.cancel_pending_at, o.cancelled_at, p.status, p.transaction_id, p.refund_id, \
             p.parked_reason, p.version, s.goal, s.stock, s.delivery, s.step, s.attempts, \
             s.replans, s.debit_queued, s.next_attempt_at, s.lease_owner, s.lease_until, s.epoch, \
             s.version",
            $columns,
            " FROM orders o JOIN payments p ON p.order_id = o.id JOIN sagas s ON s.order_id = o.id ",
            $rest
        )
    };
}

/// The case of `id`, or `None`.
pub async fn load(transaction: &mut Transaction<'_>, id: &OrderId) -> Result<Option<Case>, Error> {
    let rows = sqlx::query(select_case!(
        ", l.sku, l.name, l.quantity, l.price, a.warehouse, a.quantity",
        "LEFT JOIN order_lines l ON l.order_id = o.id \
         LEFT JOIN allocations a ON a.order_id = l.order_id AND a.sku = l.sku WHERE o.id = $1"
    ))
    .bind(id.to_string())
    .fetch_all(transaction.sql())
    .await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let mut case = read(row)?;
    goods::read(&rows, &mut case)?;
    Ok(Some(case))
}

/// A user's orders, newest first, at most 100.
pub async fn of_user(transaction: &mut Transaction<'_>, user: &UserId) -> Result<Vec<Case>, Error> {
    let rows = sqlx::query(select_case!("", "WHERE o.user_id = $1 ORDER BY o.id DESC LIMIT 100"))
        .bind(user.to_string())
        .fetch_all(transaction.sql())
        .await?;
    let mut cases = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    goods::of_user(transaction, user, &mut cases).await?;
    Ok(cases)
}

fn read(row: &AnyRow) -> Result<Case, Error> {
    let text = |index: usize| row.try_get::<String, _>(index);
    let number = |index: usize| row.try_get::<i64, _>(index);
    let mut arrivals = [None; 10];
    for (index, arrival) in arrivals.iter_mut().enumerate() {
        *arrival = row.try_get(9 + index)?;
    }
    let status = text(3)?;
    let payment = text(19)?;
    let (goal, stock, delivery, step) = (text(24)?, text(25)?, text(26)?, text(27)?);
    Ok(Case {
        order: Order {
            id: OrderId::parse(text(0)?)?,
            user: UserId::parse(text(1)?)?,
            email: text(2)?,
            status: known(OrderStatus::parse(&status), "order status", &status)?,
            total: Money::new(number(4)?, Currency::parse(&text(5)?)?),
            reason: text(6)?,
            carrier_sequence: number(7)?,
            version: number(8)?,
            arrivals,
        },
        payment: Payment {
            status: known(PaymentStatus::parse(&payment), "payment status", &payment)?,
            transaction_id: text(20)?,
            refund_id: text(21)?,
            parked_reason: text(22)?,
            version: number(23)?,
        },
        saga: Saga {
            goal: known(Goal::parse(&goal), "goal", &goal)?,
            stock: known(Stock::parse(&stock), "stock state", &stock)?,
            delivery: known(DeliveryState::parse(&delivery), "delivery state", &delivery)?,
            step: known(Step::parse(&step), "step", &step)?,
            attempts: number(28)?,
            replans: number(29)?,
            debit_queued: number(30)? != 0,
            next_attempt_at: number(31)?,
            lease_owner: text(32)?,
            lease_until: number(33)?,
            epoch: number(34)?,
            version: number(35)?,
        },
        lines: Vec::new(),
        allocation: Vec::new(),
    })
}

/// Writes a new order with everything that belongs to it.
pub async fn insert(transaction: &mut Transaction<'_>, case: &Case) -> Result<(), Error> {
    let order = &case.order;
    let query = sqlx::query(
        "INSERT INTO orders (id, user_id, email, status, total, currency, reason, \
         carrier_sequence, version, pending_payment_at, paid_at, received_at, picked_up_at, \
         in_transit_at, delivered_at, lost_at, failed_at, cancel_pending_at, cancelled_at) VALUES \
         ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
    )
    .bind(order.id.to_string())
    .bind(order.user.to_string())
    .bind(order.email.clone())
    .bind(order.status.as_str())
    .bind(order.total.minor)
    .bind(order.total.currency.to_string())
    .bind(order.reason.clone())
    .bind(order.carrier_sequence)
    .bind(order.version);
    let query = order.arrivals.iter().fold(query, |query, arrival| query.bind(*arrival));
    query.execute(transaction.sql()).await?;
    goods::insert(transaction, case).await?;
    sqlx::query(
        "INSERT INTO payments (order_id, status, transaction_id, refund_id, parked_reason, \
         version) VALUES ($1, $2, '', '', '', 0)",
    )
    .bind(order.id.to_string())
    .bind(case.payment.status.as_str())
    .execute(transaction.sql())
    .await?;
    sagas::insert(transaction, &order.id, &case.saga).await
}

/// Writes what differs between `before`, as it was read, and `after`, whose versions are then those
/// of the rows. The saga's row is always written: its version guards the whole case, so that `before`
/// may be older than the transaction. A lost race runs the transaction again.
pub async fn save(
    transaction: &mut Transaction<'_>,
    before: &Case,
    after: &mut Case,
) -> Result<(), Error> {
    if before.order != after.order {
        save_order(transaction, &mut after.order).await?;
    }
    if before.payment != after.payment {
        save_payment(transaction, &after.order.id, &mut after.payment).await?;
    }
    if before.allocation != after.allocation {
        goods::allocate(transaction, after).await?;
    }
    sagas::save(transaction, &after.order.id, &mut after.saga).await
}

async fn save_order(transaction: &mut Transaction<'_>, order: &mut Order) -> Result<(), Error> {
    let query = sqlx::query(
        "UPDATE orders SET status = $1, reason = $2, carrier_sequence = $3, version = version + 1, \
         pending_payment_at = $4, paid_at = $5, received_at = $6, picked_up_at = $7, \
         in_transit_at = $8, delivered_at = $9, lost_at = $10, failed_at = $11, \
         cancel_pending_at = $12, cancelled_at = $13 WHERE id = $14 AND version = $15",
    )
    .bind(order.status.as_str())
    .bind(order.reason.clone())
    .bind(order.carrier_sequence);
    let query = order.arrivals.iter().fold(query, |query, arrival| query.bind(*arrival));
    let done =
        query.bind(order.id.to_string()).bind(order.version).execute(transaction.sql()).await?;
    guarded(done.rows_affected())?;
    order.version += 1;
    Ok(())
}

async fn save_payment(
    transaction: &mut Transaction<'_>,
    id: &OrderId,
    payment: &mut Payment,
) -> Result<(), Error> {
    let done = sqlx::query(
        "UPDATE payments SET status = $1, transaction_id = $2, refund_id = $3, \
         parked_reason = $4, version = version + 1 WHERE order_id = $5 AND version = $6",
    )
    .bind(payment.status.as_str())
    .bind(payment.transaction_id.clone())
    .bind(payment.refund_id.clone())
    .bind(payment.parked_reason.clone())
    .bind(id.to_string())
    .bind(payment.version)
    .execute(transaction.sql())
    .await?;
    guarded(done.rows_affected())?;
    payment.version += 1;
    Ok(())
}
