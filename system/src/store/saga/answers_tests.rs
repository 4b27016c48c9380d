//! What answers change, one by one.

use std::time::Duration;

use stormproof_ports::Rng;
use stormproof_ports::time::Time;

use super::answers::{Reply, Turn, answered, payment_settled};
use super::progress::{Conditions, Effect, advance};
use super::tests::case;
use super::{Case, Goal, Step, Stock};
use crate::error::{Error, Kind};
use crate::messages::{PaymentOutcome, PaymentResult};
use crate::settings;
use crate::store::order::OrderStatus;
use crate::store::payment::PaymentStatus;
use crate::warehouse::dto::State;

struct Zeros;

impl Rng for Zeros {
    fn fill(&self, _: &'static str, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fn with<T>(work: impl FnOnce(&Conditions<'_>) -> T) -> T {
    let settings = settings::Saga::default();
    work(&Conditions { now: Time(1_000_000), settings: &settings, rng: &Zeros })
}

fn debited(case: &Case, outcome: PaymentOutcome) -> PaymentResult {
    PaymentResult {
        key: "DEBIT-order-1".into(),
        order_id: case.order.id.clone(),
        outcome,
        transaction_id: Some("t-1".into()),
        reason: Some("too little money".into()),
    }
}

/// Takes the steps up to the debit's intent.
fn at_debit() -> Case {
    let mut case = case();
    with(|conditions| {
        assert_eq!(advance(&mut case, conditions).0, Some(Step::Reserve));
        let held = case.allocation.clone();
        let reply = Reply::Reservation { state: State::Held, held };
        answered(&mut case, Step::Reserve, Ok(reply), conditions);
        assert_eq!(advance(&mut case, conditions).0, Some(Step::Debit));
    });
    case
}

#[test]
fn an_intent_is_written_before_its_call() {
    let case = at_debit();
    assert_eq!(case.payment.status, PaymentStatus::DebitIntent);
    assert_eq!(case.saga.stock, Stock::Held);
}

#[test]
fn an_unknown_outcome_repeats_the_step_and_at_last_queues_it_once() {
    let mut case = at_debit();
    with(|conditions| {
        let mut queued = 0;
        for _ in 0..10 {
            let unknown = Err(Error::Unknown("timeout".into()));
            let (turn, effects) = answered(&mut case, Step::Debit, unknown, conditions);
            assert!(matches!(turn, Turn::Wait(delay) if delay > Duration::ZERO));
            queued += effects.iter().filter(|effect| **effect == Effect::QueueDebit).count();
        }
        assert_eq!(queued, 1);
        assert_eq!(case.order.status, OrderStatus::PendingPayment);
    });
}

#[test]
fn an_answer_that_leaves_the_same_call_to_be_made_waits_before_it_is_made_again() {
    let mut case = case();
    case.order.become_status(OrderStatus::CancelPending, Time(1));
    case.saga.goal = Goal::Cancel;
    case.saga.stock = Stock::Held;
    with(|conditions| {
        assert_eq!(advance(&mut case, conditions).0, Some(Step::Release));
        let mut longest = Duration::ZERO;
        for attempt in 1..=10 {
            let reply = Reply::Reservation { state: State::Held, held: case.allocation.clone() };
            let (turn, _) = answered(&mut case, Step::Release, Ok(reply), conditions);
            let Turn::Wait(delay) = turn else { panic!("goes round without a wait") };
            assert!(delay > Duration::ZERO && delay >= longest, "attempt {attempt}");
            longest = delay;
        }
        let reply = Reply::Reservation { state: State::Released, held: Vec::new() };
        assert_eq!(answered(&mut case, Step::Release, Ok(reply), conditions).0, Turn::Go);
    });
}

#[test]
fn a_cancel_during_the_debit_is_resolved_by_a_void() {
    let mut case = at_debit();
    case.order.become_status(OrderStatus::CancelPending, Time(1));
    case.saga.goal = Goal::Cancel;
    with(|conditions| {
        let unknown = Err(Error::Unknown("timeout".into()));
        assert_eq!(answered(&mut case, Step::Debit, unknown, conditions).0, Turn::Go);
        assert_eq!(advance(&mut case, conditions).0, Some(Step::Void));
        let result = debited(&case, PaymentOutcome::Debited);
        answered(&mut case, Step::Void, Ok(Reply::Payment(result)), conditions);
        assert_eq!(case.order.status, OrderStatus::CancelPending, "charged, but not PAID");
        assert_eq!(advance(&mut case, conditions).0, Some(Step::Release));
        let reply = Reply::Reservation { state: State::Released, held: Vec::new() };
        answered(&mut case, Step::Release, Ok(reply), conditions);
        assert_eq!(advance(&mut case, conditions).0, Some(Step::Refund));
    });
}

#[test]
fn a_result_that_comes_twice_changes_nothing() {
    let mut case = at_debit();
    with(|conditions| {
        let result = debited(&case, PaymentOutcome::Debited);
        assert_eq!(payment_settled(&mut case, &result, conditions).len(), 3);
        let settled = case.clone();
        for outcome in [PaymentOutcome::Debited, PaymentOutcome::Declined, PaymentOutcome::Voided] {
            let late = debited(&case, outcome);
            assert_eq!(payment_settled(&mut case, &late, conditions), Vec::new());
            assert_eq!(case, settled);
        }
    });
}

#[test]
fn who_loses_the_stock_again_and_again_is_refused_only_when_there_is_none_and_still_releases() {
    let mut case = case();
    with(|conditions| {
        let at_once = conditions.settings.replans;
        let mut told = Vec::new();
        for lost in 1..=at_once + 20 {
            assert_eq!(advance(&mut case, conditions).0, Some(Step::Reserve));
            let (turn, effects) =
                answered(&mut case, Step::Reserve, Ok(Reply::NotEnough), conditions);
            assert_eq!(matches!(turn, Turn::Wait(_)), lost > at_once, "{lost}");
            told.extend(effects.into_iter().map(|effect| (lost - at_once, effect)));
            assert_eq!(advance(&mut case, conditions).0, Some(Step::Plan));
            let shelves = super::tests::case().allocation;
            answered(&mut case, Step::Plan, Ok(Reply::Available(shelves)), conditions);
            assert_eq!(case.saga.goal, Goal::Deliver);
        }
        assert!(
            matches!(told[..], [(10, Effect::Alert { kind: "stock lost again", .. })]),
            "{told:?}"
        );
        assert_eq!(advance(&mut case, conditions).0, Some(Step::Reserve));
        answered(&mut case, Step::Reserve, Ok(Reply::NotEnough), conditions);
        assert_eq!(advance(&mut case, conditions).0, Some(Step::Plan));
        answered(&mut case, Step::Plan, Ok(Reply::Available(Vec::new())), conditions);
        // A copy of an earlier reserve may still be on the wire: only a release ends the doubt.
        assert_eq!(advance(&mut case, conditions).0, Some(Step::Release));
        let reply = Reply::Reservation { state: State::Released, held: Vec::new() };
        answered(&mut case, Step::Release, Ok(reply), conditions);
        assert_eq!(advance(&mut case, conditions).0, None);
        assert_eq!(case.order.status, OrderStatus::Failed);
    });
}

#[test]
fn a_refund_is_parked_after_its_budget_and_probed_for_ever() {
    let mut case = at_debit();
    with(|conditions| {
        case.payment.status = PaymentStatus::Debited;
        case.order.status = OrderStatus::CancelPending;
        case.saga.goal = Goal::Cancel;
        case.saga.stock = Stock::Free;
        assert_eq!(advance(&mut case, conditions).0, Some(Step::Refund));
        let mut alerts = 0;
        for _ in 0..conditions.settings.refund_attempts {
            let down = Err(Error::Unavailable("refused".into()));
            let (_, effects) = answered(&mut case, Step::Refund, down, conditions);
            alerts += effects.iter().filter(|e| matches!(e, Effect::Alert { .. })).count();
        }
        assert_eq!((case.payment.status, alerts), (PaymentStatus::Parked, 1));
        assert_eq!(advance(&mut case, conditions).0, None);
        case.saga.next_attempt_at = conditions.now.0;
        assert_eq!(advance(&mut case, conditions).0, Some(Step::Refund), "the slow probe");
        let reply = Reply::Refunded { transaction_id: "r-1".into() };
        answered(&mut case, Step::Refund, Ok(reply), conditions);
        assert_eq!(advance(&mut case, conditions).0, None);
        assert_eq!(case.order.status, OrderStatus::Cancelled);
    });
}

#[test]
fn a_refusal_of_the_refund_parks_it_at_once() {
    let mut case = at_debit();
    with(|conditions| {
        case.payment.status = PaymentStatus::RefundDue;
        case.saga.goal = Goal::Refund;
        let refused = Ok(Reply::RefundRefused { why: "account closed".into() });
        answered(&mut case, Step::Refund, refused, conditions);
        assert_eq!(case.payment.status, PaymentStatus::Parked);
    });
}

#[test]
fn a_refused_step_alerts_people_and_is_not_dropped() {
    let mut case = at_debit();
    with(|conditions| {
        let refused = Err(Error::rejected(Kind::KeyReused, "another amount"));
        let (turn, effects) = answered(&mut case, Step::Debit, refused, conditions);
        assert!(matches!(turn, Turn::Wait(_)));
        assert!(matches!(effects[0], Effect::Alert { kind: "step refused", .. }));
    });
}
