//! `stormproof load`: customers who order as fast as they can or at a rate, some of whom cancel; and
//! whether every promise was kept. Exit code 1 if something does not hold.
//!
//! A request whose outcome is not known is asked again with the same key. In the end every order that
//! was promised must be known and settled, what was undone must be paid back, and all services must
//! tell the same story. A served shop gets goods and accounts of the load's own; one in a data folder
//! sells what it has.

mod commits;
mod figures;
mod setting;
mod shopping;

use std::process::ExitCode;
use std::time::Duration;

use super::reconcile;
use crate::admin_client::ShopAddress;
use crate::terminal::print;
use figures::{Report, Spread};
use setting::Setting;

/// How much is ordered, by whom, how fast.
#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    reach: ShopAddress,
    /// How many orders.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    orders: u32,
    /// Orders a second; as fast as possible if not given.
    #[arg(long, value_name = "ORDERS/S", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// How many customers; one for every eight orders if not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    customers: Option<u32>,
    /// Of a hundred orders, how many are cancelled: half of them at once, half when all are placed.
    #[arg(long, value_name = "PERCENT", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(0..=100))]
    cancel_percent: u32,
    /// Requests under way at once.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    at_once: u32,
    /// Seconds to wait until all orders are settled.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,
    /// One JSON object instead of words.
    #[arg(long)]
    json: bool,
}

/// The Store shows a customer so many orders at most.
const ORDERS_SHOWN: u32 = 100;

/// Orders, waits, judges.
///
/// # Errors
/// If the shop cannot be reached or set up, or does not answer to the end.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let customers = arguments.customers.unwrap_or(arguments.orders.div_ceil(8));
    if arguments.orders.div_ceil(customers) > ORDERS_SHOWN {
        return Err(format!(
            "--customers {customers}: expected at least {}, for the Store shows each its newest \
             {ORDERS_SHOWN} orders",
            arguments.orders.div_ceil(ORDERS_SHOWN)
        ));
    }
    let context = arguments.reach.context()?;
    let at_once = usize::try_from(arguments.at_once).expect("32 bits are a size");
    let own_goods = arguments.reach.data.is_none();
    let setting =
        Setting::prepare(&context, arguments.orders, customers, own_goods, at_once).await?;
    let plan = shopping::Plan {
        orders: arguments.orders,
        rate: arguments.rate,
        cancel_percent: arguments.cancel_percent,
        at_once,
        patience: Duration::from_secs(arguments.patience),
    };
    let before = commits::count(&arguments.reach).await;
    let shopped = shopping::shop(&setting, &plan).await?;
    let after = commits::count(&arguments.reach).await;
    let mut report = Report::of(&shopped);
    report.count_commits(before, after);
    let found = reconcile::all(&context, 0).await?;
    report.compared = found.compared;
    report.differences =
        found.differences.iter().map(|it| format!("{}: {}", it.order_id, it.text)).collect();
    report.judge();
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&report).expect("figures have string keys only"),
        false => words(&report),
    };
    print(&text)?;
    Ok(ExitCode::from(u8::from(!report.broken.is_empty())))
}

fn words(report: &Report) -> String {
    let by_status: Vec<String> =
        report.by_status.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let mut text = format!(
        "{} orders in {:.1} s, {:.0} orders/s, {} customers: {}\n\
         answered       {}\n\
         settled        {}\n\
         asked again    {} times, same key\n\
         cancels        {} asked for, {} accepted\n\
         promises       {} made, {} kept\n\
         refunds        {} due, {} made, {} wait for people\n\
         reconciled     {} orders, {} differences\n\
         commits/order  {}\n",
        report.orders,
        report.seconds,
        report.orders_per_second,
        report.customers,
        by_status.join(", "),
        spread(report.answered.as_ref()),
        spread(report.settled.as_ref()),
        report.asked_again,
        report.cancels_asked,
        report.cancels_accepted,
        report.promises_made,
        report.promises_kept,
        report.refunds_due,
        report.refunds_made,
        report.refunds_parked,
        report.compared,
        report.differences.len(),
        match report.commits_per_order {
            Some(commits) => format!("{commits:.1}"),
            None => format!("not measured: {}", report.commits_not_measured),
        },
    );
    match report.broken.as_slice() {
        [] => text += "everything holds",
        broken => broken.iter().for_each(|what| text += &format!("BROKEN: {what}\n")),
    }
    text
}

fn spread(spread: Option<&Spread>) -> String {
    spread.map_or("nothing to measure".into(), |spread| {
        format!(
            "p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
            spread.p50_ms, spread.p90_ms, spread.p99_ms, spread.max_ms
        )
    })
}
