//! Use cases of customers: place, cancel, find. Owns the transactions; knows no status codes but
//! those that an idempotency key has to remember.

use scoped_futures::ScopedFutureExt;
use sha2::{Digest, Sha256};
use stormproof_messaging::{Transaction, transact};
use stormproof_ports::story::Fact;
use stormproof_ports::trace::hex;

use super::allocation::{self, Share};
use super::driver;
use super::dto::{LineView, OrderView, PlaceOrder, TimelineEntry};
use super::gateway;
use super::mapper::idempotency::{self, Asking, ClientKey, Stored};
use super::mapper::{catalogue, orders};
use super::notify::carry_out;
use super::order::{Order, OrderLine, OrderStatus, total};
use super::payment::Payment;
use super::saga::progress::{Effect, move_order, wake};
use super::saga::{Case, Goal, Saga, Step, explanation};
use crate::context::Context;
use crate::error::{Error, Kind, Problem};
use crate::id::{self, OrderId, Sku, UserId};
use crate::unreadable;
use crate::web::Listing;

/// The most of one product in one order.
const QUANTITY_MAX: i64 = 1000;

/// The most lines in one order.
pub const LINES_MAX: usize = 50;

/// An answer to `POST /orders`, fresh or remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    pub status: u16,
    pub location: String,
    pub body: String,
    /// The first answer to the same key.
    pub replayed: bool,
}

/// Places an order: checks availability, plans, and writes order and saga down in one transaction, with
/// the answer to the client's key and the intent of the saga's first call. The saga runs on beside the
/// answer; where this replica has its hands full, whoever claims the order runs it.
pub async fn place(
    context: &Context,
    user: &UserId,
    key: &str,
    raw_body: &[u8],
) -> Result<Placed, Error> {
    let wanted = parse(raw_body)?;
    let key = ClientKey { user, route: "POST /orders", key };
    let (wanted, body_hash) = (&wanted, &hash(&wanted));
    let looked_up = transact(&context.ports, "look_up_key", move |transaction| {
        look_up(transaction, key, body_hash, wanted).scope_boxed()
    })
    .await?;
    let (email, lines) = match looked_up {
        LookedUp::Known(placed) => return Ok(placed),
        LookedUp::New { email, lines } => (email, lines),
    };
    let id = OrderId::parse(id::fresh(&context.ports))?;
    let skus = lines.iter().map(|line| line.sku.clone()).collect();
    let shelves = gateway::availability(context, &id, skus).await.map_err(nothing_happened)?;
    let case = new_case(context, id, user, email, lines)?;
    let (case, shelves) = (&case, &shelves);
    let (placed, claimed) = transact(&context.ports, "place_order", move |transaction| {
        write_down(context, transaction, key, body_hash, case, shelves).scope_boxed()
    })
    .await?;
    if let Some((case, step)) = claimed {
        driver::begin(context, case, step);
    }
    Ok(placed)
}

/// Asking what is available changes nothing, so no answer to it is in doubt.
fn nothing_happened(error: Error) -> Error {
    match error {
        Error::Unknown(why) => Error::Unavailable(why),
        error => error,
    }
}

fn parse(raw_body: &[u8]) -> Result<Vec<(Sku, i64)>, Error> {
    let request: PlaceOrder = crate::web::parse(raw_body)?;
    if !(1..=LINES_MAX).contains(&request.lines.len()) {
        return Err(Error::invalid(format!("lines: expected 1 to {LINES_MAX}")));
    }
    let mut wanted = Vec::new();
    for line in request.lines {
        if !(1..=QUANTITY_MAX).contains(&line.quantity) {
            return Err(Error::invalid(format!(
                "quantity {}: expected 1 to {QUANTITY_MAX}",
                line.quantity
            )));
        }
        wanted.push((Sku::parse(line.sku)?, line.quantity));
    }
    wanted.sort();
    match wanted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Error::invalid(format!("{}: expected each product once", pair[0].0))),
        None => Ok(wanted),
    }
}

/// What tells a body from others. The same in other words is the same: members in another order, lines in
/// another order, white space.
fn hash(wanted: &[(Sku, i64)]) -> String {
    let mut digest = Sha256::new();
    for (sku, quantity) in wanted {
        digest.update(format!("{quantity} {sku}\n"));
    }
    let mut text = String::with_capacity(64);
    hex(&mut text, &digest.finalize());
    text
}

enum LookedUp {
    Known(Placed),
    New { email: String, lines: Vec<OrderLine> },
}

/// A key is either unknown or answered: its row commits with the order, so nobody ever sees a request
/// that is still running. A twin that finds no row goes on as the
/// first would, and only `write_down` tells which of the two was faster.
async fn look_up(
    transaction: &mut Transaction<'_>,
    key: ClientKey<'_>,
    body_hash: &str,
    wanted: &[(Sku, i64)],
) -> Result<LookedUp, Error> {
    let asking = idempotency::asking(transaction, key).await?;
    let Asking { email, stored } =
        asking.ok_or_else(|| Error::rejected(Kind::Unauthorized, "this user does not exist"))?;
    if let Some(stored) = stored {
        return replay(transaction, stored, body_hash).map(LookedUp::Known);
    }
    let skus: Vec<&Sku> = wanted.iter().map(|(sku, _)| sku).collect();
    let mut products = catalogue::find(transaction, &skus).await?;
    let mut lines = Vec::new();
    for (sku, quantity) in wanted {
        let product = products.remove(sku);
        let product =
            product.ok_or_else(|| Error::invalid(format!("there is no product {sku}")))?;
        lines.push(OrderLine {
            sku: sku.clone(),
            name: product.name,
            quantity: *quantity,
            price: product.price,
        });
    }
    Ok(LookedUp::New { email, lines })
}

fn replay(
    transaction: &mut Transaction<'_>,
    stored: Stored,
    body_hash: &str,
) -> Result<Placed, Error> {
    if stored.body_hash != body_hash {
        return Err(Error::rejected(
            Kind::KeyReused,
            "this Idempotency-Key came with another body before; expected a new key",
        ));
    }
    transaction.tell(Fact::new("key", "REPLAYED", "", ""));
    let Stored { status, location, body, .. } = stored;
    Ok(Placed { status, location, body, replayed: true })
}

fn new_case(
    context: &Context,
    id: OrderId,
    user: &UserId,
    email: String,
    lines: Vec<OrderLine>,
) -> Result<Case, Error> {
    let now = context.ports.clock.now();
    let mut order = Order {
        id,
        user: user.clone(),
        email,
        status: OrderStatus::PendingPayment,
        total: total(&lines)?,
        reason: String::new(),
        carrier_sequence: 0,
        version: 0,
        arrivals: [None; 10],
    };
    order.arrived(OrderStatus::PendingPayment, now);
    Ok(Case {
        order,
        payment: Payment::none(),
        saga: Saga::new(now.0),
        lines,
        allocation: Vec::new(),
    })
}

/// In one transaction: 1. the answer to the key, unless a twin was faster, who is then answered alike;
/// 2. order, lines, allocation. Returns the order too if it was claimed, and its first call.
async fn write_down(
    context: &Context,
    transaction: &mut Transaction<'_>,
    key: ClientKey<'_>,
    body_hash: &str,
    case: &Case,
    shelves: &[Share],
) -> Result<(Placed, Option<(Case, Step)>), Error> {
    let mut case = case.clone();
    let wanted: Vec<_> = case.lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect();
    let planned = allocation::plan(&wanted, shelves);
    let words = format!("takes the order: {}", words(&case));
    let taken = Fact::new("order", OrderStatus::PendingPayment.as_str(), &case.order.id, words);
    let (mut effects, mut first) = (Vec::new(), None);
    let (status, body) = match planned {
        Ok(allocation) => {
            case.allocation = allocation;
            let body = serde_json::to_string(&view(&case));
            if driver::has_room(context) {
                case.saga.epoch += 1;
                (first, effects) = driver::take(context, transaction.now(), &mut case);
            }
            (202, body)
        }
        Err((sku, available)) => {
            let reason = format!("There is not enough {sku}: {available} left.");
            case.order.reason = reason.clone();
            case.saga.goal = Goal::Done;
            case.saga.next_attempt_at = i64::MAX;
            let (now, words) = (transaction.now(), "fails: too little stock");
            effects.push(move_order(&mut case, OrderStatus::Failed, now, words));
            effects.push(Effect::MailFail);
            let problem = Problem::new(Kind::NotEnoughStock, reason)
                .with("order_id", case.order.id.to_string().into());
            (Kind::NotEnoughStock.status().as_u16(), serde_json::to_string(&problem.document()))
        }
    };
    let stored = Stored {
        body_hash: body_hash.to_owned(),
        status,
        location: format!("/orders/{}", case.order.id),
        body: body.expect("views have string keys only"),
    };
    if !idempotency::insert(transaction, key, &stored).await? {
        let stored = idempotency::find(transaction, key).await?.ok_or(Error::Serialization)?;
        return Ok((replay(transaction, stored, body_hash)?, None));
    }
    transaction.moved("", taken);
    orders::insert(transaction, &case).await?;
    carry_out(transaction, &case, effects).await?;
    if case.saga.goal != Goal::Done && first.is_none() {
        transaction.after_commit(&context.work_notify);
    }
    let Stored { status, location, body, .. } = stored;
    let placed = Placed { status, location, body, replayed: false };
    Ok((placed, first.map(|step| (case, step))))
}

/// `2 teapot, 42.00`.
fn words(case: &Case) -> String {
    let lines = case.lines.iter().map(|line| format!("{} {}, ", line.quantity, line.sku));
    format!("{}{}", lines.collect::<String>(), case.order.total)
}

/// Asks for an order's cancellation. Accepted: CANCEL_PENDING, and the saga undoes it, unless the
/// carrier has it already. A repeat gets the current state.
pub async fn cancel(context: &Context, user: &UserId, id: &OrderId) -> Result<OrderView, Error> {
    transact(&context.ports, "cancel_order", move |transaction| {
        async move {
            let before = owned(transaction, user, id).await?;
            let mut case = before.clone();
            match case.order.status {
                OrderStatus::CancelPending | OrderStatus::Cancelled => return Ok(view(&case)),
                status if status.may_become(OrderStatus::CancelPending) => {}
                status => {
                    let detail =
                        format!("an order that is {} cannot be cancelled", status.as_str());
                    let problem = Problem::new(Kind::Conflict, detail)
                        .with("order_status", status.as_str().into());
                    return Err(problem.into());
                }
            }
            let now = transaction.now();
            let words = "accepts the cancellation";
            let moved = move_order(&mut case, OrderStatus::CancelPending, now, words);
            case.order.reason = "You cancelled the order.".into();
            case.saga.goal = Goal::Cancel;
            if wake(&mut case, now, &context.settings.saga) {
                transaction.after_commit(&context.work_notify);
            }
            orders::save(transaction, &before, &mut case).await?;
            carry_out(transaction, &case, vec![moved]).await?;
            Ok(view(&case))
        }
        .scope_boxed()
    })
    .await
}

/// One order of `user`.
pub async fn find(context: &Context, user: &UserId, id: &OrderId) -> Result<OrderView, Error> {
    transact(&context.ports, "find_order", move |transaction| {
        async move { Ok(view(&owned(transaction, user, id).await?)) }.scope_boxed()
    })
    .await
}

/// The orders of `user`, newest first: those that follow `after`.
pub async fn list(
    context: &Context,
    user: &UserId,
    after: &str,
) -> Result<Listing<OrderView>, Error> {
    let limit = context.settings.lists.rows;
    transact(&context.ports, "list_orders", move |transaction| {
        async move {
            let cases = orders::of_user(transaction, user, after, limit).await?;
            // Without those that cannot be read, of which support hears.
            for row in &cases.unreadable {
                unreadable::tell(transaction, "orders", row, "It is missing in a list").await?;
            }
            let read = cases.read.len() + cases.unreadable.len();
            let next = last_of_full(limit, read, cases.last);
            Ok(Listing { rows: cases.read.iter().map(view).collect(), next })
        }
        .scope_boxed()
    })
    .await
}

/// The last row of a page, if it holds as many as it may: others may follow.
pub fn last_of_full(limit: i64, read: usize, last: Option<String>) -> Option<String> {
    last.filter(|_| i64::try_from(read).is_ok_and(|read| read >= limit))
}

/// When an order of `user` first reached each status, in the order of time.
pub async fn timeline(
    context: &Context,
    user: &UserId,
    id: &OrderId,
) -> Result<Vec<TimelineEntry>, Error> {
    let case = transact(&context.ports, "read_timeline", move |transaction| {
        owned(transaction, user, id).scope_boxed()
    })
    .await?;
    let mut entries: Vec<TimelineEntry> = OrderStatus::ALL
        .into_iter()
        .zip(case.order.arrivals)
        .filter_map(|(status, at)| Some(TimelineEntry { status: status.as_str().into(), at: at? }))
        .collect();
    entries.sort_by_key(|entry| entry.at);
    Ok(entries)
}

/// A foreign order is as good as none (`protocol.md` §8).
async fn owned(
    transaction: &mut Transaction<'_>,
    user: &UserId,
    id: &OrderId,
) -> Result<Case, Error> {
    let case = orders::load(transaction, id).await?;
    case.filter(|case| case.order.user == *user)
        .ok_or_else(|| Error::rejected(Kind::NotFound, "there is no such order of yours"))
}

/// An order as its customer sees it.
pub fn view(case: &Case) -> OrderView {
    let line = |line: &OrderLine| LineView {
        sku: line.sku.to_string(),
        name: line.name.clone(),
        quantity: line.quantity,
        price: line.price,
    };
    OrderView {
        order_id: case.order.id.to_string(),
        status: case.order.status.as_str().to_owned(),
        payment: case.payment.status.as_str().to_owned(),
        total: case.order.total,
        explanation: explanation(case),
        lines: case.lines.iter().map(line).collect(),
    }
}
