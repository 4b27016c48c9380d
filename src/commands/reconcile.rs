//! `stormproof reconcile`: compares now what all services say of the orders, as the Store does every
//! hour, and prints where they differ. Each difference also alerts support, once.
//!
//! The comparison is the Store's own, behind its support route: it runs where the tables are, in one
//! process or in many. Exit code 1 if there is a difference.

use std::process::ExitCode;

use serde_json::json;
use stormproof_shop::reconciliation::{Found, all};
use stormproof_system::store::dto::DifferenceView;

use crate::admin_client::ShopAddress;
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
