//! `stormproof load`: customers who order as fast as they can, at a rate or at one rate after the other,
//! some of whom cancel; how fast the shop was; and whether every promise was kept. Exit code 1 if
//! something does not hold.
//!
//! A request whose outcome is not known is asked again with the same key. In the end every order that
//! was promised must be known and settled, what was undone must be paid back, and all services must
//! tell the same story. A served shop gets goods and accounts of the load's own; one in a data folder
//! sells what it has.

mod arguments;
mod arrivals;
mod commits;
mod conflicts;
mod courses;
mod figures;
mod meter;
mod pace;
mod page;
mod placing;
mod processes;
mod ramp;
mod reference;
mod servers;
mod setting;
mod shopping;
mod spread;
mod statements;
mod timelines;
mod words;

use std::process::ExitCode;
use std::time::Duration;

use tokio::time::sleep;

use super::reconcile;
use crate::terminal::print;
pub use arguments::Arguments;
use figures::Report;
use meter::{Meter, Reading};
use processes::MemoryWatch;
use ramp::{Ramp, RampStep};
use reference::Reference;
use setting::Setting;
use shopping::{Plan, Shopped};

/// Orders, waits, judges.
///
/// # Errors
/// If the shop cannot be reached or set up, or does not answer to the end.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let stages = arguments.stages()?;
    let context = arguments.reach.context()?;
    let processes = arguments.processes()?;
    // A process that is not there is a slip of the keyboard: better told before the load than after it.
    if cfg!(target_os = "linux") {
        processes::look(&processes)?;
    }
    let reference = reference(arguments).await?;
    let memory = MemoryWatch::start(processes.clone());
    let meter = Meter { servers: servers::all(&arguments.reach), processes };
    let transactions_before = meter.transactions().await;
    let own_goods = arguments.reach.data.is_none();
    let orders = stages.iter().map(|(stage, _)| stage.orders).sum();
    let setting = Setting::prepare(context, orders, own_goods).await?;
    let plan = Plan {
        cancel_percent: arguments.cancel_percent,
        at_once: arguments.at_once(),
        looks_at_once: arguments.looks_at_once(),
        store: servers::of_the_store(&arguments.reach).ok(),
        patience: Duration::from_secs(arguments.patience),
    };
    let mut ramp = arguments.is_ramp().then(|| Ramp::new(arguments.settled_within));
    let mut whole = Shopped::default();
    let mut costs = Reading::nothing();
    for (stage, customers) in &stages {
        let customers = setting.customers(whole.customers, *customers, plan.looks_at_once).await?;
        let first = u32::try_from(whole.orders.len()).expect("as many as were asked for");
        let before = meter.read().await;
        let mut after = Reading::nothing();
        let read = async || after = meter.read().await;
        let shopped = shopping::shop(&setting, &plan, stage, &customers, first, read).await?;
        costs.add(before, after);
        let has_settled = shopped.is_settled();
        let step = stage.due.as_ref().map(|due| RampStep::of(&shopped, due));
        whole.extend(shopped);
        let ends = ramp.as_mut().zip(step).is_some_and(|(ramp, step)| ramp.ends_with(step));
        if ends || !has_settled {
            break;
        }
    }
    let mut report = Report::of(&whole);
    if whole.by_timelines {
        report.remarks.push(courses::BY_TIMELINES.to_owned());
    }
    report.take_costs(costs, &memory.most_kib());
    report.ramp = ramp;
    if let Some(reference) = reference {
        report.compare(reference);
    }
    if arguments.has_rate() {
        report.pace = Some(arguments.pace());
        report.note_bound(plan.at_once);
    }
    let between = match transactions_before {
        Ok(before) => {
            sleep(conflicts::TOLD_WITHIN).await;
            meter.transactions().await.and_then(|after| conflicts::between(&before, &after))
        }
        Err(why) => Err(why),
    };
    report.take_transactions(between);
    let found = reconcile::all(&setting.context, 0).await?;
    report.compared = found.compared;
    report.differences =
        found.differences.iter().map(|it| format!("{}: {}", it.order_id, it.text)).collect();
    report.judge();
    let words = words::words(&report);
    if let Some(file) = &arguments.html {
        let written = std::fs::write(file, page::page(&report, &words));
        written.map_err(|error| format!("--html {}: {error}", file.display()))?;
    }
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&report).expect("figures have string keys only"),
        false => words,
    };
    print(&text)?;
    Ok(ExitCode::from(u8::from(!report.broken.is_empty())))
}

async fn reference(arguments: &Arguments) -> Result<Option<Reference>, String> {
    let Some(seconds) = arguments.reference else { return Ok(None) };
    let store = servers::of_the_store(&arguments.reach)?;
    let run = std::process::id().to_string();
    reference::measure(&store, Duration::from_secs(seconds), &run).await.map(Some)
}
