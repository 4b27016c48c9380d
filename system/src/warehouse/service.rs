//! The Warehouse's use cases, each one transaction.
//!
//! What a verb may do is `reservation`'s to say; this file makes it so: the guarded row, the stock
//! rows, the audit row, in one commit.

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::{Transaction, transact};
use stormproof_ports::story::{self, Fact};

use super::dto::{Availability, ReservationView, Restock, Stock};
use super::mapper;
use super::reservation::{Line, Reservation, State, Step, Verb, step, words};
use crate::context::Context;
use crate::error::{Error, Kind};
use crate::id::{OrderId, Sku};
use crate::unreadable;
use crate::views::ViewsRequest;

/// What could be reserved now of each of `skus`, by warehouse.
pub async fn availability(context: &Context, skus: &[Sku]) -> Result<Vec<Availability>, Error> {
    transact(&context.ports, "read_availability", |transaction| {
        mapper::availability(transaction, skus).scope_boxed()
    })
    .await
}

/// All the books.
pub async fn stock(context: &Context) -> Result<Vec<Stock>, Error> {
    transact(&context.ports, "read_stock", |transaction| mapper::stock(transaction).scope_boxed())
        .await
}

/// The reservation of `order`, ABSENT included.
pub async fn find(context: &Context, order: &OrderId) -> Result<Reservation, Error> {
    transact(&context.ports, "find_reservation", |transaction| {
        mapper::reservation(transaction, order).scope_boxed()
    })
    .await
}

/// The reservations of a page of orders.
pub async fn views(context: &Context, page: &ViewsRequest) -> Result<Vec<ReservationView>, Error> {
    transact(&context.ports, "list_reservations", |transaction| {
        async move {
            let (mut page, mut found) = (page.clone(), Vec::new());
            // As many as are asked for, without those that cannot be read: who asks takes a shorter list for
            // the last one.
            loop {
                let rows = mapper::views(transaction, &page).await?;
                for row in &rows.unreadable {
                    let again = "It is missing in a list";
                    unreadable::tell(transaction, "reservations", row, again).await?;
                }
                page.limit -= i64::try_from(rows.read.len()).expect("a page is short");
                found.extend(rows.read);
                match rows.last {
                    Some(last) if !rows.unreadable.is_empty() => page.after = last,
                    _ => return Ok(found),
                }
            }
        }
        .scope_boxed()
    })
    .await
}

/// Holds `lines` (parsed, in order) for `order`: all of them or nothing.
pub async fn reserve(
    context: &Context,
    order: &OrderId,
    lines: &[Line],
) -> Result<Reservation, Error> {
    let reserved = transact(&context.ports, "reserve", |transaction| {
        reserve_in(transaction, order, lines).scope_boxed()
    })
    .await;
    if let Err(Error::Rejected(problem)) = &reserved
        && problem.kind == Kind::NotEnoughStock
    {
        story::say(order.as_str(), &format!("has too little stock: {}", problem.detail));
    }
    reserved
}

/// Writes, in order: 1. the reservation, whose key is the order, and its lines; 2. the audit row; 3. each
/// line's stock. The key goes first, because almost every reserve is the first one and then needs no
/// question asked; a refusal further down takes it back. The stock goes last, for every order of the
/// same goods waits for its row.
async fn reserve_in(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    lines: &[Line],
) -> Result<Reservation, Error> {
    if !mapper::insert(transaction, order, State::Held).await? {
        return reserve_again(transaction, order, lines).await;
    }
    for line in lines {
        mapper::insert_line(transaction, order, line).await?;
    }
    let fact = Fact::new("reservation", "HELD", order, format!("holds {}", words(lines)));
    transaction.moved(State::Absent.as_str(), fact);
    transaction.flush().await?;
    for line in lines {
        if !mapper::hold(transaction, line).await? {
            let wanted = words(std::slice::from_ref(line));
            return Err(Error::rejected(Kind::NotEnoughStock, wanted));
        }
    }
    Ok(Reservation { state: State::Held, version: 1, lines: lines.to_vec() })
}

/// Answers a reserve for an order that has a reservation.
async fn reserve_again(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    lines: &[Line],
) -> Result<Reservation, Error> {
    let stored = mapper::reservation(transaction, order).await?;
    match step(stored.state, Verb::Reserve) {
        Step::Stay if stored.lines == lines => Ok(stored),
        Step::Stay => {
            Err(stored.problem(Kind::Conflict, "the order has a reservation of other lines").into())
        }
        Step::Refuse(kind) => {
            Err(stored.problem(kind, "the reservation is released; nothing can be held").into())
        }
        // The row that was there is not there: another transaction came between.
        Step::Move(_) => Err(Error::Serialization),
    }
}

/// Commits, releases or returns the reservation of `order`. Its state afterwards, or a refusal
/// that tells the state.
pub async fn turn(context: &Context, order: &OrderId, verb: Verb) -> Result<Reservation, Error> {
    transact(&context.ports, verb.as_str(), |transaction| {
        turn_in(transaction, order, verb).scope_boxed()
    })
    .await
}

async fn turn_in(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    verb: Verb,
) -> Result<Reservation, Error> {
    let stored = mapper::reservation(transaction, order).await?;
    match step(stored.state, verb) {
        Step::Stay => Ok(stored),
        Step::Refuse(kind) => {
            let detail =
                format!("cannot {} a reservation that is {}", verb.as_str(), stored.state.as_str());
            Err(stored.problem(kind, detail).into())
        }
        Step::Move(to) => advance(transaction, order, stored, to).await,
    }
}

/// Writes, in order: 1. the reservation's state, guarded by its version; 2. the audit row; 3. each stored
/// line's stock, in its own row.
async fn advance(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    stored: Reservation,
    to: State,
) -> Result<Reservation, Error> {
    let written = match stored.state {
        State::Absent => mapper::insert(transaction, order, to).await?,
        _ => mapper::advance(transaction, order, stored.version, to).await?,
    };
    if !written {
        // Somebody else moved it: to run again is to reload and decide again.
        return Err(Error::Serialization);
    }
    let words = tell(stored.state, to, &stored.lines);
    let fact = Fact::new("reservation", to.as_str(), order, words);
    transaction.moved(stored.state.as_str(), fact);
    if stored.state == State::Absent {
        transaction.tell(Fact::new("reservation", "TOMBSTONE", order, ""));
    }
    transaction.flush().await?;
    let shift = stored.state.shift(to);
    for line in &stored.lines {
        mapper::shift(transaction, line, shift).await?;
    }
    Ok(Reservation { state: to, version: stored.version + 1, ..stored })
}

/// A move in words.
fn tell(from: State, to: State, lines: &[Line]) -> String {
    match (from, to) {
        (_, State::Committed) => "commits the reservation".to_owned(),
        (State::Absent, State::Released) => "releases before the reservation came".to_owned(),
        (_, State::Released) => "releases the reservation".to_owned(),
        (_, State::Returned) => format!("takes the stock back: {}", words(lines)),
        (_, State::Absent | State::Held) => unreachable!("only reserve leads there"),
    }
}

/// Takes in goods, once for each key.
pub async fn restock(context: &Context, restock: &Restock) -> Result<(), Error> {
    transact(&context.ports, "restock", |transaction| {
        restock_in(transaction, restock).scope_boxed()
    })
    .await
}

async fn restock_in(transaction: &mut Transaction<'_>, restock: &Restock) -> Result<(), Error> {
    if mapper::claim_restock(transaction, restock).await? {
        mapper::receive(transaction, restock).await?;
        transaction.tell(Fact::new("stock", "RECEIVED", "", ""));
        return Ok(());
    }
    match mapper::restock(transaction, &restock.key).await? {
        stored if stored == *restock => Ok(()),
        _ => Err(Error::rejected(Kind::KeyReused, "the key belongs to another restock")),
    }
}
