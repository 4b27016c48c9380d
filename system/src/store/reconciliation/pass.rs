//! The reconciler: every hour, compares what all services say of the orders (`page.rs`).
//!
//! The timer is a row in the database, and so is the lease: who works on a pass has set the timer
//! to the lease's end, so that no other replica finds it due. A pass goes through the orders page by
//! page; a page whose services do not answer is asked for again later.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::{Transaction, transact};
use stormproof_ports::notify::Notify;
use stormproof_ports::story::Fact;
use stormproof_ports::time::Time;
use stormproof_ports::worker::{Progress, Worker};

use super::page;
use crate::context::Context;
use crate::error::Error;
use crate::id;
use crate::store::mapper::reconciliations;
use crate::store::mapper::reconciliations::Pass;

/// The worker that reconciles.
pub fn worker(context: &Context) -> Worker {
    let reconciler = Arc::new(Reconciler::new(context));
    Worker::new("reconciler", Notify::default(), move || {
        let reconciler = reconciler.clone();
        Box::pin(async move {
            match reconciler.step().await {
                (next, Ok(())) => Progress::Until(next),
                (next, Err(error)) => Progress::Failed { why: error.to_string(), retry_at: next },
            }
        })
    })
}

/// When this replica looks at the timer next. It first does when the youngest order that it can have
/// had a hand in may have come to rest.
struct Reconciler {
    context: Context,
    /// Microseconds since the epoch.
    look_at: AtomicI64,
}

impl Reconciler {
    fn new(context: &Context) -> Reconciler {
        let first = context.ports.clock.now() + context.settings.reconcile.quiet;
        Reconciler { context: context.clone(), look_at: AtomicI64::new(first.0) }
    }

    /// Reconciles a page of orders if it is time. Returns when it is time again, and what went wrong.
    async fn step(&self) -> (Time, Result<(), Error>) {
        let now = self.context.ports.clock.now();
        let due = Time(self.look_at.load(Ordering::Relaxed));
        if now < due {
            return (due, Ok(()));
        }
        let again = now + self.context.settings.reconcile.again;
        let (next, done) = match step(&self.context).await {
            Ok((next, done)) => (next, done),
            Err(error) => (again, Err(error)),
        };
        self.look_at.store(next.0, Ordering::Relaxed);
        (next, done)
    }
}

/// Reconciles a page if it is time. Returns when to look again, and why the page could not be
/// compared. Errors: the pass could not be claimed, or its end not be written.
async fn step(context: &Context) -> Result<(Time, Result<(), Error>), Error> {
    let settings = &context.settings.reconcile;
    let mut pass = match transact(&context.ports, "claim_reconciliation", |transaction| {
        claim(context, transaction).scope_boxed()
    })
    .await?
    {
        Claim::NotDue(at) => return Ok((at, Ok(()))),
        Claim::Mine(pass) => pass,
    };
    let now = context.ports.clock.now();
    let compared = page::compared(context, &pass.after_order, settings.quiet).await;
    match &compared {
        Ok(page) => {
            pass.compared += page.compared;
            pass.found += i64::try_from(page.differences.len()).expect("a page is short");
            (pass.after_order, pass.next_at) = match &page.next {
                Some(last) => (last.to_string(), now),
                None => (String::new(), pass.begun_at + settings.every),
            };
        }
        Err(_) => pass.next_at = now + settings.again,
    }
    let pass = &pass;
    transact(&context.ports, "end_reconciliation", move |transaction| {
        end(transaction, pass).scope_boxed()
    })
    .await?;
    Ok((pass.next_at, compared.map(drop)))
}

enum Claim {
    NotDue(Time),
    Mine(Pass),
}

async fn claim(context: &Context, transaction: &mut Transaction<'_>) -> Result<Claim, Error> {
    let now = transaction.now();
    let settings = &context.settings;
    let every = settings.reconcile.every;
    let Some(mut pass) = reconciliations::load(transaction).await? else {
        let first = now + every;
        reconciliations::begin(transaction, first).await?;
        return Ok(Claim::NotDue(first));
    };
    if now < pass.next_at {
        return Ok(Claim::NotDue(pass.next_at));
    }
    if pass.after_order.is_empty() {
        let oldest = settings.reconcile.back;
        pass = Pass {
            begun_at: now,
            after_order: id::earliest(Time(now.0 - micros(oldest))),
            compared: 0,
            found: 0,
            ..pass
        };
    }
    let before = pass.epoch;
    pass.epoch += 1;
    pass.next_at = now + settings.saga.lease;
    reconciliations::save(transaction, before, &pass).await?;
    Ok(Claim::Mine(pass))
}

/// Sets the timer, unless another replica has taken over.
async fn end(transaction: &mut Transaction<'_>, pass: &Pass) -> Result<(), Error> {
    let stored = reconciliations::load(transaction).await?;
    if stored.is_none_or(|stored| stored.epoch != pass.epoch) {
        return Ok(());
    }
    if pass.after_order.is_empty() {
        transaction.tell(Fact::new("reconciliation", "DONE", "", words(pass)));
    }
    reconciliations::save(transaction, pass.epoch, pass).await
}

fn words(pass: &Pass) -> String {
    let Pass { compared, found, .. } = pass;
    let orders = if *compared == 1 { "order" } else { "orders" };
    match found {
        0 => format!("reconciles {compared} {orders}: all services agree"),
        _ => format!("reconciles {compared} {orders}: differences: {found}"),
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
