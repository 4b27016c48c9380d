//! A load: people who order as fast as they can, at a rate or at one rate after the other, some of whom
//! cancel; how fast the shop was; and whether every promise was kept.
//!
//! A request whose outcome is not known is asked again with the same key. In the end every order that
//! was promised must be known and settled, what was undone must be paid back, and all services must
//! tell the same story. It is the same load wherever the shop runs: real machines, or the seeded world;
//! what only that place can count is a [`Meter`].

pub mod arguments;
pub mod arrivals;
pub mod courses;
pub mod figures;
pub mod goods;
pub mod machine_file;
pub mod meter;
pub mod named_transactions;
pub mod output;
pub mod pace;
mod page;
mod placing;
pub mod ramp;
pub mod reference;
mod setting;
#[cfg(test)]
mod setting_tests;
mod shopping;
pub mod spread;
mod timelines;
pub mod transactions;
mod words;

use std::time::Duration;

use stormproof_system::context::Context;

use crate::reconciliation;
use figures::Report;
use goods::OwnGoods;
use meter::{Meter, Reading};
use pace::Stage;
use ramp::{Ramp, RampStep};
use setting::Setting;
pub use shopping::Plan;
use shopping::Shopped;

/// What is ordered, how fast, and how it is driven.
pub struct Load {
    /// One after the other, each with its number of customers.
    pub stages: Vec<(Stage, u32)>,
    /// The longest p99 settled that the shop follows, if the stages are a ramp's.
    pub ramp: Option<Duration>,
    /// How arrivals are spread, in words, if there is a rate.
    pub pace: Option<String>,
    /// Lines of an order.
    pub lines: u32,
    /// Goods and accounts of the load's own; else the shop sells what it has.
    pub own_goods: Option<OwnGoods>,
    /// How it is driven.
    pub plan: Plan,
}

/// Orders, waits, judges.
///
/// # Errors
/// If the shop cannot be reached or set up, or does not answer to the end.
pub async fn drive(context: Context, load: &Load, meter: &dyn Meter) -> Result<Report, String> {
    let Load { stages, plan, .. } = load;
    let named_before = meter.named_transactions().await;
    let transactions_before = meter.transactions().await;
    let setting = Setting::prepare(context, load.lines, load.own_goods, plan.looks_at_once).await?;
    let mut ramp = load.ramp.map(Ramp::new);
    let mut whole = Shopped::default();
    let mut costs = Reading::nothing();
    for (stage, customers) in stages {
        let customers = setting.customers(whole.customers, *customers, plan.looks_at_once).await?;
        if whole.orders.is_empty() {
            meter.begin().await;
        }
        let first = u32::try_from(whole.orders.len()).expect("as many as were asked for");
        let before = meter.read().await;
        let mut after = Reading::nothing();
        let read = async || after = meter.read().await;
        let shopped = shopping::shop(&setting, plan, stage, &customers, first, meter, read).await?;
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
    report.take_goods(setting.goods.clone(), &whole.shown);
    if whole.by_timelines {
        report.remarks.push(courses::BY_TIMELINES.to_owned());
    }
    report.take_costs(costs, &meter.most_kib());
    report.ramp = ramp;
    if let Some(pace) = &load.pace {
        report.pace = Some(pace.clone());
        report.note_bound(plan.at_once);
    }
    let between = match transactions_before {
        Ok(before) => {
            let told_within = meter.told_within();
            if !told_within.is_zero() {
                setting.context.ports.clock.sleep(told_within).await;
            }
            meter.transactions().await.and_then(|after| transactions::between(&before, &after))
        }
        Err(why) => Err(why),
    };
    report.take_transactions(between);
    let named = named_transactions::between(&named_before, &meter.named_transactions().await);
    report.take_named_transactions(named);
    let found = reconciliation::all(&setting.context, 0).await?;
    report.compared = found.compared;
    report.differences =
        found.differences.iter().map(|it| format!("{}: {}", it.order_id, it.text)).collect();
    report.judge();
    Ok(report)
}
