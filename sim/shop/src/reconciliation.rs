//! What all services say of the orders, compared now: the Store's own comparison, behind its support
//! route, page by page.

use std::time::Duration;

use stormproof_system::context::Context;
use stormproof_system::store::dto::{DifferenceView, Reconcile, Reconciled};

use crate::questions::{insist, post, read, support, was_perhaps_heard};

/// With a page. Three services answer it, and the Store gives it up if one of them does not: it is asked for
/// again then, for comparing twice does no harm.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all pages came to.
#[derive(Debug, Default)]
pub struct Found {
    pub compared: i64,
    /// The most that a page compared.
    pub longest: i64,
    pub differences: Vec<DifferenceView>,
}

/// Compares all orders that have rested for `quiet_seconds`, page by page.
///
/// # Errors
/// If a page could not be compared.
pub async fn all(context: &Context, quiet_seconds: u64) -> Result<Found, String> {
    let mut found = Found::default();
    let mut after = None;
    loop {
        let body = Reconcile { after: after.clone(), quiet_seconds: Some(quiet_seconds) };
        let question = post("store", "/support/reconciliations", &body)
            .with_bearer(support(context))
            .within(PATIENCE);
        let deadline = context.ports.clock.now() + PATIENCE;
        let (answer, _) = insist(&context.ports, &question, deadline, was_perhaps_heard).await?;
        let page: Reconciled = read(&question, &answer)?;
        found.compared += page.compared;
        found.longest = found.longest.max(page.compared);
        found.differences.extend(page.differences);
        // Pages go forward, so they end.
        match page.next {
            Some(next) if Some(&next) > after.as_ref() => after = Some(next),
            Some(_) => return Err("store: the pages of orders go in a circle".into()),
            None => return Ok(found),
        }
    }
}
