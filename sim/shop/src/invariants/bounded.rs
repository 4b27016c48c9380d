//! Bounded: what services keep, and how often they ask and tell each other the same.

use std::time::Duration;

use stormproof_system::settings::{Saga, Settings};

use super::{Evidence, Findings, Invariant, When};
use crate::disturbances::{ALL, disturbed};
use crate::service_settings::settings;
use crate::topology;
use crate::truth::questions::HOUR;

pub const INVARIANT: Invariant = Invariant {
    name: "bounded",
    says: "no service keeps what it is done with for much longer than it is told to, and none asks or tells \
           another the same of one order more often in an hour than its pauses allow",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    if !evidence.truth.lows.followed {
        return;
    }
    let settings = settings(evidence.scenario);
    rows_are_forgotten(evidence, &settings, findings);
    questions_are_few(evidence, &settings.saga, findings);
    messages_are_few(evidence, &settings.saga, findings);
}

/// The oldest row of each table is younger than it may get. What was looked for twice in vain, and did not
/// have to wait for a fault, is kept for ever.
fn rows_are_forgotten(evidence: &Evidence<'_>, settings: &Settings, findings: &mut Findings) {
    let Evidence { scenario, final_state, .. } = evidence;
    let every = settings.retention.every;
    let skew = scenario.world.clocks_apart();
    for ((database, table), oldest) in &final_state.oldest {
        let kept = kept(settings, table);
        let overdue = final_state.time.since(*oldest + kept);
        if overdue.is_zero() {
            continue;
        }
        let service = topology::service_of_database(database);
        let until = final_state.looked_at;
        let disturbed = disturbed(evidence, &[service], until.saturating_sub(overdue), until);
        let bound = 2 * every + (disturbed.strikes + 1) * (every / 10) + 2 * disturbed.held + skew;
        if overdue > bound {
            let [kept, overdue, bound] = [kept, overdue, bound].map(|it| it.as_secs());
            findings.that(format!(
                "{table} of {database} has a row that was to be forgotten {overdue} s ago, after {kept} s; \
                 expected within {bound} s"
            ));
        }
    }
}

/// For how long a table has a row at least (`protocol.md` §7).
fn kept(settings: &Settings, table: &str) -> Duration {
    let retention = &settings.retention;
    match table {
        "outbox" => retention.sent,
        "inbox" => retention.received,
        // By it is measured how long an order has rested.
        "audit" => retention.moves.max(2 * settings.reconcile.quiet),
        // What lasts is told once a day.
        "alerts" => retention.alerts.max(2 * DAY),
        _ => retention.keys,
    }
}

fn questions_are_few(evidence: &Evidence<'_>, saga: &Saga, findings: &mut Findings) {
    let Evidence { truth, .. } = evidence;
    for order in truth.orders.iter() {
        for most in truth.questions.of(&order.id) {
            let few = questions_max(saga, most.operation);
            if most.times <= few {
                continue;
            }
            let disturbed = disturbed(evidence, &ALL, most.at.saturating_sub(HOUR), most.at);
            let bound = few + usize::try_from(disturbed.strikes).unwrap_or(usize::MAX);
            if most.times > bound {
                let (operation, times) = (most.operation, most.times);
                findings.of(
                    &order.id,
                    format!("cost {times} calls of {operation} in an hour, at most {bound}"),
                );
            }
        }
    }
}

/// How often a step is tried in an hour: while the pauses grow, then with the longest of them until it
/// counts as stuck, then less. Each pause is half of what it may be, at the least. What is parked is probed. And
/// news may have a step begun anew.
fn questions_max(saga: &Saga, operation: &str) -> usize {
    let growing = (saga.backoff.cap.as_micros() / saga.backoff.base.as_micros()).max(1).ilog2() + 1;
    let waiting = times(saga.stuck_after, saga.backoff.cap / 2);
    let stuck = times(HOUR, saga.stuck_pause / 2);
    let probes = if operation == "refund" { times(HOUR, saga.probe_every) } else { 0 };
    usize::try_from(growing).unwrap_or(usize::MAX) + waiting + stuck + probes
}

fn messages_are_few(evidence: &Evidence<'_>, saga: &Saga, findings: &mut Findings) {
    // The carrier is asked once more after each silence, and tells of each question and each move.
    let bound = 2 * times(HOUR, saga.carrier_silence);
    for ((order, kind), count) in &evidence.final_state.most_messages {
        if usize::try_from(*count).unwrap_or(usize::MAX) > bound {
            findings.of(order, format!("had {count} messages {kind} in an hour, at most {bound}"));
        }
    }
}

/// How often `every` goes into `whole`.
fn times(whole: Duration, every: Duration) -> usize {
    usize::try_from(whole.as_micros() / every.as_micros().max(1)).unwrap_or(usize::MAX)
}
