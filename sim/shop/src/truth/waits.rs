//! How long things waited, and what support heard when: for the judgement of what came too late.
//!
//! Kept up with every commit. An order waits from one change of what any service has of it to the next,
//! unless there is nothing to do for it, or its parcel travels. Of an order to be undone, money and
//! goods wait each on their own, from the carrier's word on.

use std::collections::BTreeMap;
use std::time::Duration;

use stormproof_system::messages::DeliveryStatus;
use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;
use stormproof_system::warehouse::dto::State;

use super::rows::{Id, OrderRow};
use super::{Step, Truth};

/// Shorter waits are nobody's concern.
const SHORT: Duration = Duration::from_secs(30);

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Any change of the order.
    Progress,
    /// The money of an order that is undone, or lost.
    Refund,
    /// The goods of an order that is undone.
    Return,
}

/// A wait that has ended, or has not.
#[derive(Clone, Debug)]
pub struct Wait {
    pub order: Id,
    pub what: For,
    pub from: Duration,
    pub until: Duration,
}

/// An alert, as it was committed.
#[derive(Clone, Debug)]
pub struct Heard {
    pub at: Duration,
    pub database: &'static str,
    pub order: Id,
    pub kind: Id,
    /// The id of the message that died, of a dead letter.
    pub cause: Id,
}

/// Waits and alerts of a run.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    pub heard: Vec<Heard>,
    /// Those that have ended.
    pub ended: Vec<Wait>,
    standing: BTreeMap<Id, Standing>,
}

/// How an order stands.
#[derive(Clone, Debug, Default, PartialEq)]
struct Standing {
    signs: Signs,
    /// Since when nothing of it has changed, if something is to be done.
    progress: Option<Duration>,
    refund: Option<Duration>,
    goods: Option<Duration>,
}

/// What shows that something has come of an order.
type Signs =
    (Option<OrderStatus>, Option<PaymentStatus>, Option<State>, Option<(DeliveryStatus, i64)>);

impl Waits {
    /// Whether support has heard of `kind` and `cause` by `at`; `database` has the alert.
    pub fn is_heard(&self, database: &str, kind: &str, cause: &str, at: Duration) -> bool {
        self.heard.iter().any(|heard| {
            heard.at <= at
                && heard.database == database
                && *heard.kind == *kind
                && *heard.cause == *cause
        })
    }

    /// All waits, those that have not ended until `now`.
    pub fn all(&self, now: Duration) -> impl Iterator<Item = Wait> {
        let open = self.standing.iter().flat_map(move |(order, standing)| {
            let lanes = [
                (For::Progress, standing.progress),
                (For::Refund, standing.refund),
                (For::Return, standing.goods),
            ];
            lanes.into_iter().filter_map(move |(what, from)| {
                Some(Wait { order: order.clone(), what, from: from?, until: now })
            })
        });
        self.ended.iter().cloned().chain(open)
    }

    fn end(&mut self, order: &Id, what: For, from: Option<Duration>, until: Duration) {
        let Some(from) = from else { return };
        if until.saturating_sub(from) > SHORT {
            self.ended.push(Wait { order: order.clone(), what, from, until });
        }
    }
}

/// Follows a commit, whose rows the truth has.
pub fn follow(truth: &mut Truth, step: &Step) {
    macro_rules! hear {
        ($($alerts:ident $database:literal),*) => {$(
            for row in step.$alerts.iter().filter_map(|moved| moved.after.as_ref()) {
                let (order, kind, cause) =
                    (row.order_id.clone(), row.kind.clone(), row.cause.clone());
                truth.waits.heard.push(Heard { at: step.at, database: $database, order, kind, cause });
            }
        )*};
    }
    hear!(store_alerts "store-db", warehouse_alerts "warehouse-db", bank_alerts "bank-db",
        delivery_alerts "delivery-db", email_alerts "email-db");
    let orders = step.orders.iter().map(|moved| &moved.row().id);
    let reservations = step.reservations.iter().map(|moved| &moved.row().order_id);
    let parcels = step.parcels.iter().map(|moved| &moved.row().order_id);
    for id in orders.chain(reservations).chain(parcels) {
        look_at(truth, id, step.at);
    }
}

fn look_at(truth: &mut Truth, id: &Id, at: Duration) {
    let Some(order) = truth.orders.get(id) else { return };
    let parcel = truth.parcels.get(id);
    let stock = truth.reservations.get(id).map(|row| row.state);
    let travels = parcel.is_some_and(|parcel| parcel.next_move_at.is_some());
    let cancelled = parcel.is_some_and(|parcel| parcel.status == DeliveryStatus::Cancelled);
    let undone = order.status == OrderStatus::CancelPending && cancelled;
    let money = undone || order.status == OrderStatus::Lost;
    let signs = (
        Some(order.status),
        Some(order.payment_status),
        stock,
        parcel.map(|parcel| (parcel.status, parcel.sequence)),
    );
    let since = |waits: bool, before: Option<Duration>| waits.then(|| before.unwrap_or(at));
    let before = truth.waits.standing.get(id).cloned().unwrap_or_default();
    let idle = truth.is_settled(order) || travels;
    let after = Standing {
        signs,
        progress: since(!idle, before.progress.filter(|_| before.signs == signs)),
        refund: since(money && owes(order), before.refund),
        goods: since(undone && stock == Some(State::Committed), before.goods),
    };
    if before == after {
        return;
    }
    let waits = &mut truth.waits;
    if after.progress != before.progress {
        waits.end(id, For::Progress, before.progress, at);
    }
    if after.refund.is_none() {
        waits.end(id, For::Refund, before.refund, at);
    }
    if after.goods.is_none() {
        waits.end(id, For::Return, before.goods, at);
    }
    waits.standing.insert(id.clone(), after);
}

fn owes(order: &OrderRow) -> bool {
    matches!(order.payment_status, PaymentStatus::Debited | PaymentStatus::RefundDue)
}
