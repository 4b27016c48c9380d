//! Undoing while others are away, played through hours of a clock that the test moves.

use std::collections::BTreeMap;

use stormproof_ports::Rng;
use stormproof_ports::time::Time;

use super::answers::{Reply, Turn, answered};
use super::progress::{Conditions, Effect, advance, wake};
use super::tests::case;
use super::{Aside, Case, DeliveryState, Goal, Step, Stock, turns};
use crate::error::Error;
use crate::settings;
use crate::store::order::OrderStatus;
use crate::store::payment::PaymentStatus;
use crate::warehouse::dto::State;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;

struct Halves;

impl Rng for Halves {
    fn fill(&self, _: &'static str, bytes: &mut [u8]) {
        bytes.fill(0x7f);
    }
}

/// Goods committed, money debited, the carrier has agreed to cancel.
fn cancelled() -> Case {
    let mut case = case();
    case.order.status = OrderStatus::CancelPending;
    case.payment.status = PaymentStatus::Debited;
    case.saga.goal = Goal::Cancel;
    case.saga.stock = Stock::Committed;
    case.saga.delivery = DeliveryState::Cancelled;
    case
}

/// What a play came to.
#[derive(Default)]
struct Played {
    /// When each call was made, in seconds.
    calls: BTreeMap<&'static str, Vec<i64>>,
    /// Kinds and causes of alerts, with their time in seconds.
    alerts: Vec<(&'static str, &'static str, i64)>,
}

/// Plays `case` until `end`, with services that answer as `is_up` says at each time.
fn play(case: &mut Case, end: i64, is_up: impl Fn(Step, i64) -> bool) -> Played {
    let settings = settings::Saga::default();
    let mut played = Played::default();
    let note = |effects: Vec<Effect>, now: i64, played: &mut Played| {
        for effect in effects {
            if let Effect::Alert { kind, cause, .. } = effect {
                played.alerts.push((kind, cause, now / SECOND));
            }
        }
    };
    while case.saga.next_attempt_at < end {
        let mut now = case.saga.next_attempt_at;
        let conditions = Conditions { now: Time(now), settings: &settings, rng: &Halves };
        let (mut call, effects) = advance(case, &conditions);
        note(effects, now, &mut played);
        while let Some(step) = call {
            played.calls.entry(step.as_str()).or_default().push(now / SECOND);
            let answer = match (is_up(step, now), step) {
                (false, _) => Err(Error::Unavailable("away".into())),
                (true, Step::Refund) => Ok(Reply::Refunded { transaction_id: "r-1".into() }),
                (true, _) => Ok(Reply::Reservation { state: State::Returned, held: Vec::new() }),
            };
            now += SECOND / 100;
            let conditions = Conditions { now: Time(now), settings: &settings, rng: &Halves };
            let (turn, effects) = answered(case, step, answer, &conditions);
            note(effects, now, &mut played);
            let goes_on = match turn {
                Turn::Go => true,
                Turn::Wait(delay) => turns::wait(case, conditions.now, delay),
            };
            call = None;
            if goes_on {
                let (next, effects) = advance(case, &conditions);
                note(effects, now, &mut played);
                call = next;
            }
        }
    }
    played
}

#[test]
fn money_does_not_wait_for_the_warehouse_nor_stock_for_the_bank() {
    for (away, waits, goes_on) in
        [(Step::Return, "RETURN", "REFUND"), (Step::Refund, "REFUND", "RETURN")]
    {
        let mut case = cancelled();
        let played = play(&mut case, 10 * HOUR, |step, now| step != away || now > 3 * HOUR);
        let went_on = &played.calls[goes_on];
        assert_eq!(went_on[..], [0], "{goes_on} is called once, at once");
        assert!(played.calls[waits].len() > 1, "{waits}");
        assert_eq!(case.order.status, OrderStatus::Cancelled);
        assert_eq!(case.saga.aside, Aside::NONE);
        let last = played.calls[waits].last().expect("it was called");
        assert!(last - 3 * 3600 <= 600, "{waits} is done soon after its service is back: {last}");
    }
}

#[test]
fn both_go_on_while_both_are_away() {
    let mut case = cancelled();
    let (bank_back, warehouse_back) = (2 * HOUR, 20 * HOUR);
    let played = play(&mut case, 30 * HOUR, |step, now| match step {
        Step::Refund => now > bank_back,
        _ => now > warehouse_back,
    });
    let refunded = played.calls["REFUND"].last().expect("it was called");
    assert!((2 * 3600..2 * 3600 + 65).contains(refunded), "by the slow probe: {refunded}");
    assert_eq!(case.order.status, OrderStatus::Cancelled);
}

#[test]
fn what_is_stuck_is_told_and_tried_less_and_less() {
    let mut case = cancelled();
    let played = play(&mut case, 48 * HOUR, |step, _| step == Step::Refund);
    let kinds: Vec<_> = played.alerts.iter().map(|(kind, cause, _)| (*kind, *cause)).collect();
    assert!(kinds.iter().all(|it| *it == ("stuck", "RETURN")), "{kinds:?}");
    let first = played.alerts[0].2;
    assert!((15 * 60..16 * 60).contains(&first), "{first}");
    let calls = &played.calls["RETURN"];
    for hour in 1..48 {
        let count = calls.iter().filter(|at| **at / 3600 == hour).count();
        assert!((5..=12).contains(&count), "{count} calls in hour {hour}");
    }
}

#[test]
fn support_need_not_wait_for_what_was_put_aside() {
    let mut case = cancelled();
    play(&mut case, HOUR, |_, _| false);
    assert_eq!(case.payment.status, PaymentStatus::Parked);
    case.payment.status = PaymentStatus::RefundDue;
    assert!(wake(&mut case, Time(HOUR), &settings::Saga::default()));
    let played = play(&mut case, HOUR + 1, |_, _| true);
    assert_eq!(played.calls.len(), 2, "{:?}", played.calls);
    assert_eq!(case.order.status, OrderStatus::Cancelled);
}

#[test]
fn a_carrier_that_is_silent_is_asked_less_and_less_and_told_of() {
    let mut case = cancelled();
    case.saga.delivery = DeliveryState::Requested;
    let played = play(&mut case, 24 * HOUR, |_, _| true);
    assert_eq!(played.calls.len(), 0);
    assert!(case.saga.attempts < 40, "{} questions in a day", case.saga.attempts);
    let (kind, cause, at) = played.alerts[0];
    assert_eq!((kind, cause), ("stuck", "AWAIT_CARRIER"));
    assert!((15 * 60..40 * 60).contains(&at), "{at}");
    // Its word, whatever it says, is a sign of life; only news makes it be asked as often as at first.
    wake(&mut case, Time(24 * HOUR), &settings::Saga::default());
    assert_eq!(case.saga.since, 24 * HOUR);
}
