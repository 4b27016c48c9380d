//! The Bank's payments, each one transaction: debit, void, refund.
//!
//! What a claimed key answers is `debit`'s and `refund`'s to say, what a movement of money looks
//! like is `ledger`'s. This file makes keys, balances, entries and audit rows commit together.

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::{Transaction, transact};
use stormproof_messaging::{inbox, outbox};
use stormproof_ports::Message;
use stormproof_ports::story::{self, Fact};

use super::account::why_declined;
use super::debit::{self, Charge, word};
use super::dto::{PaymentView, RefundAnswer, RefundRequest};
use super::ledger::{Posting, till};
use super::mapper::{accounts, payments};
use super::refund::{self, Decision};
use crate::context::Context;
use crate::error::{Error, Kind};
use crate::id::{self, OrderId};
use crate::messages::{BANK_DEBITS, DebitRequest, PaymentOutcome, PaymentResult};
use crate::unreadable;
use crate::views::ViewsRequest;

/// Where the machines of debit and refund start.
const ABSENT: &str = "ABSENT";

/// A debit by HTTP.
pub async fn debit(context: &Context, request: &DebitRequest) -> Result<PaymentResult, Error> {
    debit::check(request)?;
    transact(&context.ports, "debit", |transaction| debit_in(transaction, request).scope_boxed())
        .await
}

/// A debit by queue: the same debit, answered by a message. The inbox row, the debit and the answer
/// commit together. A new message with an old key gets the old answer again.
pub async fn debit_by_message(
    context: &Context,
    message: &Message,
    request: &DebitRequest,
) -> Result<(), Error> {
    debit::check(request)?;
    transact(&context.ports, "debit_by_message", |transaction| {
        async move {
            if inbox::first_time(transaction, BANK_DEBITS, message).await? {
                let result = debit_in(transaction, request).await?;
                outbox::send(transaction, &result);
            }
            Ok(())
        }
        .scope_boxed()
    })
    .await
}

/// Writes, in order: 1. the key, claimed as DEBITED; 2. the customer's balance, if it suffices;
/// 3. the entries; 4. the till; 5. the audit row. The claim goes first, because almost every debit
/// is the first one and goes through, and then needs no question asked.
async fn debit_in(
    transaction: &mut Transaction<'_>,
    request: &DebitRequest,
) -> Result<PaymentResult, Error> {
    let id = id::fresh(transaction.ports());
    if !payments::claim(transaction, request, &id).await? {
        let (stored, _) = claimed(transaction, &request.key).await?;
        return stored.repeat(request);
    }
    let charge = Charge { account: request.account.clone(), amount: request.amount };
    if !accounts::withdraw(transaction, &charge).await? {
        return decline_in(transaction, request).await;
    }
    let till = till(&request.order_id);
    let minor = request.amount.minor;
    let posting = Posting::transfer(&id, request.account.as_str(), till, minor);
    accounts::post(transaction, &posting).await?;
    let words = format!("debits {}", request.amount);
    record(transaction, &request.order_id, PaymentOutcome::Debited, words);
    transaction.flush().await?;
    accounts::add(transaction, till, minor).await?;
    Ok(PaymentResult {
        key: request.key.clone(),
        order_id: request.order_id.clone(),
        outcome: PaymentOutcome::Debited,
        transaction_id: Some(id),
        reason: None,
    })
}

/// The account did not give the money: finds out why, and makes that the key's answer for ever.
async fn decline_in(
    transaction: &mut Transaction<'_>,
    request: &DebitRequest,
) -> Result<PaymentResult, Error> {
    let account = accounts::find(transaction, &request.account).await?;
    // The account would give it by now: somebody paid in between. To run again is to withdraw again.
    let reason = why_declined(account.as_ref(), request.amount).ok_or(Error::Serialization)?;
    payments::decline(transaction, &request.key, reason).await?;
    let words = format!("declines {}: {reason}", request.amount);
    record(transaction, &request.order_id, PaymentOutcome::Declined, words);
    Ok(PaymentResult {
        key: request.key.clone(),
        order_id: request.order_id.clone(),
        outcome: PaymentOutcome::Declined,
        transaction_id: None,
        reason: Some(reason.to_owned()),
    })
}

/// Gives up on the debit of `order`: from now on it is VOIDED, or it was decided before, and the
/// answer tells how.
pub async fn void(context: &Context, order: &OrderId) -> Result<PaymentResult, Error> {
    transact(&context.ports, "void", |transaction| void_in(transaction, order).scope_boxed()).await
}

async fn void_in(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
) -> Result<PaymentResult, Error> {
    let key = debit::key(order);
    if !payments::bury(transaction, &key, order).await? {
        let (stored, _) = claimed(transaction, &key).await?;
        let result = stored.result();
        if result.outcome == PaymentOutcome::Debited {
            transaction.tell(Fact::new(
                "debit",
                "VOID_LOST",
                order,
                "cannot void: already debited",
            ));
        }
        return Ok(result);
    }
    record(transaction, order, PaymentOutcome::Voided, "voids the debit".to_owned());
    Ok(PaymentResult {
        key,
        order_id: order.clone(),
        outcome: PaymentOutcome::Voided,
        transaction_id: None,
        reason: None,
    })
}

/// Gives money back, once for each debit.
pub async fn refund(context: &Context, request: &RefundRequest) -> Result<RefundAnswer, Error> {
    refund::check(request)?;
    let refunded = transact(&context.ports, "refund", |transaction| {
        refund_in(transaction, request).scope_boxed()
    })
    .await;
    if let Err(error) = &refunded
        && error.is(Kind::Closed)
    {
        story::say(request.order_id.as_str(), "refuses the refund: account closed");
    }
    refunded
}

/// Writes, in order: 1. the customer's balance; 2. the key; 3. the entries; 4. the audit row; 5. the
/// till, for which others wait.
async fn refund_in(
    transaction: &mut Transaction<'_>,
    request: &RefundRequest,
) -> Result<RefundAnswer, Error> {
    let RefundRequest { key, order_id, amount, .. } = request;
    let answer =
        |transaction_id| RefundAnswer { key: key.clone(), transaction_id, amount: *amount };
    let (debit, made) = payments::debit(transaction, &request.debit_key).await?.unzip();
    let charge = match refund::decide(debit.as_ref(), made.flatten().as_ref(), request)? {
        Decision::Made(transaction_id) => return Ok(answer(transaction_id)),
        Decision::Pay(charge) => charge,
    };
    if !accounts::deposit(transaction, &charge.account, *amount).await? {
        return Err(Error::rejected(Kind::Closed, "the account takes no money any more"));
    }
    let id = id::fresh(transaction.ports());
    if !payments::insert_refund(transaction, request, &id).await? {
        // Refunded since the debit was read: to run again is to answer with that refund.
        return Err(Error::Serialization);
    }
    let till = till(order_id);
    let posting = Posting::transfer(&id, till, charge.account.as_str(), amount.minor);
    accounts::post(transaction, &posting).await?;
    let fact = Fact::new("refund", "REFUNDED", order_id, format!("refunds {amount}"));
    transaction.moved(ABSENT, fact);
    transaction.flush().await?;
    accounts::add(transaction, till, -amount.minor).await?;
    Ok(answer(id))
}

/// The money of those of `orders` that have a debit, or the tombstone of one.
pub async fn views(context: &Context, page: &ViewsRequest) -> Result<Vec<PaymentView>, Error> {
    transact(&context.ports, "list_payments", |transaction| {
        async move {
            let (mut page, mut found) = (page.clone(), Vec::new());
            // As many as are asked for, without those that cannot be read: who asks takes a shorter list for
            // the last one.
            loop {
                let rows = payments::views(transaction, &page).await?;
                for row in &rows.unreadable {
                    unreadable::tell(transaction, "debits", row, "It is missing in a list").await?;
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

/// What a key stands for that could not be claimed.
async fn claimed(
    transaction: &mut Transaction<'_>,
    key: &str,
) -> Result<(debit::Debit, Option<refund::Refund>), Error> {
    // The row that was in the way is gone: another transaction came between.
    payments::debit(transaction, key).await?.ok_or(Error::Serialization)
}

fn record(
    transaction: &mut Transaction<'_>,
    order: &OrderId,
    outcome: PaymentOutcome,
    words: String,
) {
    transaction.moved(ABSENT, Fact::new("debit", word(outcome), order, words));
}
