//! `stormproof reconcile`: compares now what all services say of the orders, as the Store does every
//! hour, and prints where they differ. Each difference also alerts support, once.
//!
//! The comparison is the Store's own, behind its support route: it runs where the tables are, in one
//! process or in many. Exit code 1 if there is a difference.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use stormproof_system::context::Context;
use stormproof_system::store::dto::{DifferenceView, Reconcile, Reconciled};

use crate::admin_client::{ShopAddress, must, post, support};
use crate::terminal::print;

/// What to compare.
#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    reach: ShopAddress,
    /// How long an order has to have rested, in seconds. An order that moves is never compared.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    quiet: u64,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// A page is asked for once: three services answer it, and the Store has its own patience with them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Compares all orders and prints the differences.
///
/// # Errors
/// If the comparison could not be made, or not to its end.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let context = arguments.reach.context()?;
    let found = all(&context, arguments.quiet).await?;
    let text = match arguments.json {
        true => {
            let found = json!({ "compared": found.compared, "differences": found.differences });
            format!("{found:#}")
        }
        false => table(&found),
    };
    print(&text)?;
    Ok(ExitCode::from(u8::from(!found.differences.is_empty())))
}

/// What all pages came to.
#[derive(Debug, Default)]
pub struct Found {
    pub compared: i64,
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
        let page: Reconciled = must(&context.ports, &question).await?;
        found.compared += page.compared;
        found.differences.extend(page.differences);
        // Pages go forward, so they end.
        match page.next {
            Some(next) if Some(&next) > after.as_ref() => after = Some(next),
            Some(_) => return Err("store: the pages of orders go in a circle".into()),
            None => return Ok(found),
        }
    }
}

fn table(found: &Found) -> String {
    let mut text = String::new();
    for DifferenceView { order_id, kind, text: says } in &found.differences {
        text += &format!("{order_id}  {kind:<22}  {says}\n");
    }
    let differences = match found.differences.len() {
        0 => "all services agree".to_owned(),
        1 => "1 difference".to_owned(),
        count => format!("{count} differences"),
    };
    text + &format!("{} orders compared: {differences}", found.compared)
}
