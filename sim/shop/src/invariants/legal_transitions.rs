//! Legal transitions: every machine moves along the protocol's arrows only, and its times are in
//! order.
//!
//! Several moves may share a commit; the commit's facts say which, and in what order. The row
//! before and the row after are the ends of that path, whatever the facts say. What moved without a
//! fact of its own was not meant to: a statement reached further than its service knew.

use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;

use super::machines::{ABSENT, is_arrow, is_state};
use super::{Evidence, Findings, Invariant, When};
use crate::truth::rows::{AccountRow, Id, OrderRow, ParcelRow};
use crate::truth::{Moved, Step, Truth};

pub const INVARIANT: Invariant = Invariant {
    name: "legal transitions",
    says: "every machine moves along the protocol's arrows only, as its commit says, timestamps in order",
    when: When::Always,
    step: Some(step),
    end: Some(end),
};

/// The moves of one machine that a commit made: the path from the row before over the facts to the
/// row after.
fn path(
    step: &Step,
    noun: &'static str,
    order: &Id,
    before: Option<&'static str>,
    after: Option<&'static str>,
) -> Vec<(&'static str, &'static str)> {
    let told = step.facts.iter().filter(|fact| fact.noun == noun && *fact.order == **order);
    let known = |state: &str| is_state(noun, state);
    let mut states = vec![before.unwrap_or(ABSENT)];
    for state in told.map(|fact| fact.state).filter(|state| known(state)) {
        if states.last() != Some(&state) {
            states.push(state);
        }
    }
    let last = after.unwrap_or(ABSENT);
    if states.last() != Some(&last) {
        states.push(last);
    }
    states.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Every move of every machine in a commit: calls `see` with machine, order, from and to.
pub fn moves(step: &Step, mut see: impl FnMut(&'static str, &Id, &'static str, &'static str)) {
    let mut walk = |noun, order: &Id, [before, after]: [Option<&'static str>; 2]| {
        if before != after {
            for (from, to) in path(step, noun, order, before, after) {
                see(noun, order, from, to);
            }
        }
    };
    for moved in &step.orders {
        walk("order", &moved.row().id, ends(moved, |row| row.status.as_str()));
        walk("payment", &moved.row().id, ends(moved, |row| row.payment_status.as_str()));
    }
    for moved in &step.reservations {
        walk("reservation", &moved.row().order_id, ends(moved, |row| row.state.as_str()));
    }
    for moved in &step.parcels {
        walk("parcel", &moved.row().order_id, ends(moved, |row| row.status.as_str()));
    }
}

fn step(truth: &Truth, step: &Step, findings: &mut Findings) {
    moves(step, |noun, order, from, to| {
        if !is_arrow(noun, from, to) {
            findings.of(order, format!("its {noun} moved from {from} to {to}"));
        }
    });
    // Where commits are not followed one by one, nobody knows what each of them said.
    if truth.lows.followed {
        machines_move_as_said(truth, step, findings);
        accounts_change_as_said(step, findings);
    }
    for moved in &step.orders {
        let Some(after) = &moved.after else { continue };
        times_stay(moved.before.as_ref(), after, findings);
        carrier_in_order(after, findings);
    }
    for moved in &step.parcels {
        let Some(after) = &moved.after else { continue };
        parcel_in_order(moved.before.as_ref(), after, findings);
    }
}

/// Who moves a machine, or writes a debit or a refund, says so of that order.
fn machines_move_as_said(truth: &Truth, step: &Step, findings: &mut Findings) {
    let said = |noun: &str, order: &Id| {
        step.facts.iter().any(|fact| fact.noun == noun && *fact.order == **order)
    };
    let mut ask = |noun: &str, order: &Id| {
        if !said(noun, order) {
            findings.of(order, format!("its {noun} changed in a commit that does not say so"));
        }
    };
    moves(step, |noun, order, _, to| {
        // An order comes with a payment of which there is nothing to say yet.
        if (noun, to) != ("payment", PaymentStatus::None.as_str()) {
            ask(noun, order);
        }
    });
    for moved in &step.debits {
        ask("debit", &moved.row().order_id);
    }
    for moved in &step.refunds {
        if let Some(debit) = truth.debit_of(moved.row()) {
            ask("refund", &debit.order_id);
        }
    }
}

/// An account has another status only if its commit says so, of as many accounts as have one.
fn accounts_change_as_said(step: &Step, findings: &mut Findings) {
    let changed = |moved: &&Moved<AccountRow>| {
        let [before, after] = ends(moved, |row| row.status.clone());
        before.is_some() && before != after
    };
    let changed = step.accounts.iter().filter(changed).count();
    let said = step.facts.iter().filter(|fact| fact.noun == "account").count();
    if changed > said {
        findings.that(format!("{changed} accounts have another status, and {said} were to"));
    }
}

/// The states of a row before and after.
fn ends<R, S>(moved: &Moved<R>, state: impl Fn(&R) -> S) -> [Option<S>; 2] {
    [&moved.before, &moved.after].map(|row| row.as_ref().map(&state))
}

/// Each status keeps the time of its first arrival (`protocol.md` §1).
fn times_stay(before: Option<&OrderRow>, after: &OrderRow, findings: &mut Findings) {
    let arrivals = after.arrivals();
    if arrivals[after.status as usize].is_none() {
        findings.of(&after.id, format!("is {} without a time", after.status.as_str()));
    }
    let Some(before) = before else { return };
    for (status, (old, new)) in
        OrderStatus::ALL.into_iter().zip(before.arrivals().into_iter().zip(arrivals))
    {
        if old.is_some() && old != new {
            let status = status.as_str();
            findings
                .of(&after.id, format!("the time of its {status} changed from {old:?} to {new:?}"));
        }
    }
    if after.version <= before.version {
        findings.of(
            &after.id,
            format!("changed without a new version: {} to {}", before.version, after.version),
        );
    }
}

/// The carrier's times come from one clock.
fn carrier_in_order(order: &OrderRow, findings: &mut Findings) {
    let road = [
        order.received_at,
        order.picked_up_at,
        order.in_transit_at,
        order.delivered_at.or(order.lost_at),
    ];
    if !in_order(&road) {
        findings.of(&order.id, format!("its carrier's times are out of order: {road:?}"));
    }
}

fn parcel_in_order(before: Option<&ParcelRow>, after: &ParcelRow, findings: &mut Findings) {
    let road = [
        after.received_at,
        after.picked_up_at,
        after.in_transit_at,
        after.delivered_at.or(after.lost_at).or(after.cancelled_at),
        after.found_at,
    ];
    if !in_order(&road) {
        findings.of(&after.order_id, format!("its parcel's times are out of order: {road:?}"));
    }
    if before.is_some_and(|before| {
        after.sequence != before.sequence + 1 && after.status != before.status
    }) {
        findings.of(&after.order_id, "its parcel moved without counting it");
    }
}

fn in_order(times: &[Option<i64>]) -> bool {
    times.iter().flatten().is_sorted()
}

/// At the end, and where all clocks agree, the whole timeline is in order.
fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let clocks_agree = evidence.scenario.world.clocks.values().all(|offset| *offset == 0);
    for order in evidence.truth.orders.iter() {
        let own =
            [order.pending_payment_at, order.paid_at, order.cancel_pending_at, order.cancelled_at];
        let whole = [
            order.pending_payment_at,
            order.paid_at,
            order.received_at,
            order.picked_up_at,
            order.in_transit_at,
            order.delivered_at.or(order.lost_at),
        ];
        for (times, judged) in [(&own[..], clocks_agree), (&whole[..], clocks_agree)] {
            if judged && !in_order(times) {
                findings.of(&order.id, format!("its times are out of order: {times:?}"));
            }
        }
    }
}
