//! Orders with their payments and sagas: one aggregate, one row, loaded and saved whole.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, Row, query::Query};
use stormproof_messaging::Transaction;

use super::{goods, guarded};
use crate::error::Error;
use crate::id::{OrderId, UserId};
use crate::money::{Currency, Money};
use crate::store::order::{Order, OrderStatus};
use crate::store::payment::{Payment, PaymentStatus};
use crate::store::saga::{Aside, Case, DeliveryState, Goal, Saga, Step, Stock};
use crate::unreadable::{Readings, counter, each, known};

macro_rules! select_case {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT o.id, o.user_id, o.email, o.status, o.total, o.currency, o.reason, \
             o.carrier_sequence, o.version, o.pending_payment_at, o.paid_at, o.received_at, \
             o.picked_up_at, o.in_transit_at, o.delivered_at, o.lost_at, o.failed_at, \
             o.cancel_pending_at, o.cancelled_at, o.payment_status, o.transaction_id, \
             o.refund_id, o.parked_reason, o.goal, o.stock, o.delivery, o.step, o.attempts, \
             o.replans, o.debit_queued, o.next_attempt_at, o.lease_owner, o.lease_until, o.epoch, \
             o.since, o.aside_step, o.aside_attempts, o.aside_since, o.aside_until",
            $columns,
            " FROM orders o ",
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
    let mut case = read(row).map_err(Error::of_row)?;
    goods::read(&rows, &mut case).map_err(Error::of_row)?;
    Ok(Some(case))
}

/// At most `limit` of a user's orders, newest first: from the newest, or those older than `after`.
pub async fn of_user(
    transaction: &mut Transaction<'_>,
    user: &UserId,
    after: &str,
    limit: i64,
) -> Result<Readings<Case>, Error> {
    let rows = sqlx::query(select_case!(
        "",
        "WHERE o.user_id = $1 AND ($2 = '' OR o.id < $2) ORDER BY o.id DESC LIMIT $3"
    ))
    .bind(user.to_string())
    .bind(after.to_owned())
    .bind(limit)
    .fetch_all(transaction.sql())
    .await?;
    let mut cases = each(&rows, read)?;
    goods::of_user(transaction, user, &mut cases.read).await.map_err(Error::of_row)?;
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
    let (goal, stock, delivery, step) = (text(23)?, text(24)?, text(25)?, text(26)?);
    let aside = text(35)?;
    Ok(Case {
        order: Order {
            id: OrderId::parse(text(0)?)?,
            user: UserId::parse(text(1)?)?,
            email: text(2)?,
            status: known(OrderStatus::parse(&status), "order status", &status)?,
            total: Money::new(number(4)?, Currency::parse(&text(5)?)?),
            reason: text(6)?,
            carrier_sequence: counter(number(7)?, "carrier sequence")?,
            version: counter(number(8)?, "version")?,
            arrivals,
        },
        payment: Payment {
            status: known(PaymentStatus::parse(&payment), "payment status", &payment)?,
            transaction_id: text(20)?,
            refund_id: text(21)?,
            parked_reason: text(22)?,
        },
        saga: Saga {
            goal: known(Goal::parse(&goal), "goal", &goal)?,
            stock: known(Stock::parse(&stock), "stock state", &stock)?,
            delivery: known(DeliveryState::parse(&delivery), "delivery state", &delivery)?,
            step: known(Step::parse(&step), "step", &step)?,
            attempts: counter(number(27)?, "attempts")?,
            replans: counter(number(28)?, "replans")?,
            debit_queued: number(29)? != 0,
            next_attempt_at: number(30)?,
            lease_owner: text(31)?,
            lease_until: number(32)?,
            epoch: counter(number(33)?, "epoch")?,
            since: number(34)?,
            aside: Aside {
                step: known(Step::parse(&aside), "step", &aside)?,
                attempts: counter(number(36)?, "attempts")?,
                since: number(37)?,
                until: number(38)?,
            },
        },
        lines: Vec::new(),
        allocation: Vec::new(),
    })
}

/// Writes a new order with everything that belongs to it.
pub async fn insert(transaction: &mut Transaction<'_>, case: &Case) -> Result<(), Error> {
    let Case { order, payment, saga, .. } = case;
    let query = sqlx::query(
        "INSERT INTO orders (id, user_id, email, status, total, currency, reason, \
         carrier_sequence, version, pending_payment_at, paid_at, received_at, picked_up_at, \
         in_transit_at, delivered_at, lost_at, failed_at, cancel_pending_at, cancelled_at, \
         payment_status, transaction_id, refund_id, parked_reason, goal, stock, delivery, step, \
         attempts, replans, debit_queued, next_attempt_at, lease_owner, lease_until, epoch, since, \
         aside_step, aside_attempts, aside_since, aside_until) VALUES \
         ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
         $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, \
         $38, $39)",
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
    let query = bind_saga(bind_payment(query, payment), saga);
    query.execute(transaction.sql()).await?;
    goods::insert(transaction, case).await
}

/// Writes what may differ between `before`, as it was read, and `after`, whose version is then the row's.
/// The version guards the whole case, so that `before` may be older than the transaction. A lost race runs
/// the transaction again.
pub async fn save(
    transaction: &mut Transaction<'_>,
    before: &Case,
    after: &mut Case,
) -> Result<(), Error> {
    let Case { order, payment, saga, .. } = &*after;
    let query = sqlx::query(
        "UPDATE orders SET version = version + 1, status = $1, reason = $2, carrier_sequence = $3, \
         pending_payment_at = $4, paid_at = $5, received_at = $6, picked_up_at = $7, \
         in_transit_at = $8, delivered_at = $9, lost_at = $10, failed_at = $11, \
         cancel_pending_at = $12, cancelled_at = $13, payment_status = $14, transaction_id = $15, \
         refund_id = $16, parked_reason = $17, goal = $18, stock = $19, delivery = $20, \
         step = $21, attempts = $22, replans = $23, debit_queued = $24, next_attempt_at = $25, \
         lease_owner = $26, lease_until = $27, epoch = $28, since = $29, aside_step = $30, \
         aside_attempts = $31, aside_since = $32, aside_until = $33 WHERE id = $34 AND version = $35",
    )
    .bind(order.status.as_str())
    .bind(order.reason.clone())
    .bind(order.carrier_sequence);
    let query = order.arrivals.iter().fold(query, |query, arrival| query.bind(*arrival));
    let query = bind_saga(bind_payment(query, payment), saga);
    let query = query.bind(order.id.to_string()).bind(before.order.version);
    let done = query.execute(transaction.sql()).await?;
    guarded(done.rows_affected())?;
    if before.allocation != after.allocation {
        goods::allocate(transaction, after).await?;
    }
    after.order.version = before.order.version + 1;
    Ok(())
}

type Statement<'q> = Query<'q, Any, AnyArguments>;

fn bind_payment<'q>(query: Statement<'q>, payment: &Payment) -> Statement<'q> {
    query
        .bind(payment.status.as_str())
        .bind(payment.transaction_id.clone())
        .bind(payment.refund_id.clone())
        .bind(payment.parked_reason.clone())
}

fn bind_saga<'q>(query: Statement<'q>, saga: &Saga) -> Statement<'q> {
    query
        .bind(saga.goal.as_str())
        .bind(saga.stock.as_str())
        .bind(saga.delivery.as_str())
        .bind(saga.step.as_str())
        .bind(saga.attempts)
        .bind(saga.replans)
        .bind(i64::from(saga.debit_queued))
        .bind(saga.next_attempt_at)
        .bind(saga.lease_owner.clone())
        .bind(saga.lease_until)
        .bind(saga.epoch)
        .bind(saga.since)
        .bind(saga.aside.step.as_str())
        .bind(saga.aside.attempts)
        .bind(saga.aside.since)
        .bind(saga.aside.until)
}
