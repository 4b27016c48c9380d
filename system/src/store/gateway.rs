//! The Store's calls to the other services: one for each of the saga's calling steps, and the
//! questions of its reconciliation.

use futures::try_join;
use http::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::allocation::Share;
use super::saga::answers::Reply;
use super::saga::{Case, Step};
use crate::bank::dto::{
    DebitRequest, PaymentResult, PaymentView, RefundAnswer, RefundRequest, VoidRequest,
};
use crate::bank::{debit, refund};
use crate::context::Context;
use crate::delivery::dto::Delivery;
use crate::error::{Error, Kind};
use crate::gateway::{Request, call};
use crate::id::{OrderId, Sku};
use crate::views::{self, Views, ViewsRequest};
use crate::warehouse::dto::{
    AvailabilityAnswer, AvailabilityRequest, Line, ReservationAnswer, ReservationView,
    ReserveRequest, State,
};

/// Makes the call of `step` for `case`.
pub async fn perform(context: &Context, case: &Case, step: Step) -> Result<Reply, Error> {
    let order = &case.order.id;
    match step {
        Step::Plan => {
            let skus = case.lines.iter().map(|line| line.sku.clone()).collect();
            availability(context, order, skus).await.map(Reply::Available)
        }
        Step::Reserve => reserve(context, case).await,
        Step::Commit => reservation(context, order, "commit").await,
        Step::Release => reservation(context, order, "release").await,
        Step::Return => reservation(context, order, "return").await,
        Step::Debit => ask_debit(context, case).await,
        Step::Void => void(context, order).await,
        Step::Refund => ask_refund(context, case).await,
        _ => unreachable!("{} is no call", step.as_str()),
    }
}

/// What each warehouse could give of `skus`.
pub async fn availability(
    context: &Context,
    order: &OrderId,
    skus: Vec<Sku>,
) -> Result<Vec<Share>, Error> {
    let request = to_warehouse(order, "availability", Method::POST, "/availability".into());
    let answer: AvailabilityAnswer = call(context, request, &AvailabilityRequest { skus }).await?;
    let share = |row: crate::warehouse::dto::Availability| Share {
        sku: row.sku,
        warehouse: row.warehouse,
        quantity: row.available,
    };
    Ok(answer.rows.into_iter().map(share).collect())
}

async fn reserve(context: &Context, case: &Case) -> Result<Reply, Error> {
    let line = |share: &Share| Line {
        sku: share.sku.clone(),
        warehouse: share.warehouse.clone(),
        quantity: share.quantity,
    };
    let order = &case.order.id;
    let request = to_warehouse(order, "reserve", Method::PUT, format!("/reservations/{order}"));
    let body = ReserveRequest { lines: case.allocation.iter().map(line).collect() };
    reservation_reply(call(context, request, &body).await)
}

async fn reservation(
    context: &Context,
    order: &OrderId,
    verb: &'static str,
) -> Result<Reply, Error> {
    let path = format!("/reservations/{order}/{verb}");
    let request = to_warehouse(order, verb, Method::POST, path);
    reservation_reply(call(context, request, &Map::new()).await)
}

/// A conflict is an answer: it tells what is held (`protocol.md` §3).
fn reservation_reply(answer: Result<ReservationAnswer, Error>) -> Result<Reply, Error> {
    let problem = match answer {
        Ok(answer) => return Ok(reply(answer)),
        Err(Error::Rejected(problem)) => problem,
        Err(error) => return Err(error),
    };
    match problem.kind {
        Kind::NotEnoughStock => Ok(Reply::NotEnough),
        Kind::NotFound => Ok(Reply::Reservation { state: State::Absent, held: Vec::new() }),
        Kind::Conflict => match read_members(&problem.more) {
            Some(answer) => Ok(reply(answer)),
            None => Err(Error::Rejected(problem)),
        },
        _ => Err(Error::Rejected(problem)),
    }
}

fn reply(answer: ReservationAnswer) -> Reply {
    let share =
        |line: Line| Share { sku: line.sku, warehouse: line.warehouse, quantity: line.quantity };
    Reply::Reservation { state: answer.state, held: answer.lines.into_iter().map(share).collect() }
}

fn read_members<T: DeserializeOwned>(members: &Map<String, Value>) -> Option<T> {
    serde_json::from_value(Value::Object(members.clone())).ok()
}

async fn ask_debit(context: &Context, case: &Case) -> Result<Reply, Error> {
    let request = to_bank(&case.order.id, "debit", "/debits".into());
    let answer: PaymentResult = call(context, request, &debit_request(case)).await?;
    Ok(Reply::Payment(answer))
}

/// The debit of an order, the same on both roads: its key is the order, not the attempt
/// (`scenarios/payment_reply_lost.toml`).
pub fn debit_request(case: &Case) -> DebitRequest {
    DebitRequest {
        key: debit::key(&case.order.id),
        order_id: case.order.id.clone(),
        account: case.order.user.clone(),
        amount: case.order.total,
    }
}

async fn void(context: &Context, order: &OrderId) -> Result<Reply, Error> {
    let request = to_bank(order, "void", format!("/debits/{}/void", debit::key(order)));
    let answer: PaymentResult =
        call(context, request, &VoidRequest { order_id: order.clone() }).await?;
    Ok(Reply::Payment(answer))
}

/// A refusal for good (the account is closed, say) is an answer too: the refund is parked.
async fn ask_refund(context: &Context, case: &Case) -> Result<Reply, Error> {
    let order = &case.order.id;
    let body = RefundRequest {
        key: refund::key(order),
        debit_key: debit::key(order),
        order_id: order.clone(),
        amount: case.order.total,
    };
    match call::<RefundAnswer>(context, to_bank(order, "refund", "/refunds".into()), &body).await {
        Ok(answer) => Ok(Reply::Refunded { transaction_id: answer.transaction_id }),
        Err(Error::Rejected(problem)) => Ok(Reply::RefundRefused { why: problem.detail }),
        Err(error) => Err(error),
    }
}

/// What Warehouse, Bank and DeliveryCo say of the orders of a page, each of those that it knows; asked
/// all at once.
pub async fn views(
    context: &Context,
    page: &ViewsRequest,
) -> Result<(Vec<ReservationView>, Vec<PaymentView>, Vec<Delivery>), Error> {
    try_join!(
        views_of(context, "warehouse", page),
        views_of(context, "bank", page),
        views_of(context, "delivery", page)
    )
}

async fn views_of<T: DeserializeOwned>(
    context: &Context,
    to: &'static str,
    page: &ViewsRequest,
) -> Result<Vec<T>, Error> {
    let request = Request {
        caller: "store",
        to,
        operation: "views",
        scope: views::SCOPE,
        method: Method::POST,
        path: "/views".into(),
        order: "",
    };
    call::<Views<T>>(context, request, page).await.map(|answer| answer.views)
}

fn to_warehouse<'a>(
    order: &'a OrderId,
    operation: &'static str,
    method: Method,
    path: String,
) -> Request<'a> {
    Request {
        caller: "store",
        to: "warehouse",
        operation,
        scope: "orders",
        method,
        path,
        order: order.as_str(),
    }
}

fn to_bank<'a>(order: &'a OrderId, operation: &'static str, path: String) -> Request<'a> {
    Request {
        caller: "store",
        to: "bank",
        operation,
        scope: "payments",
        method: Method::POST,
        path,
        order: order.as_str(),
    }
}
