//! What came too late, and what only seems so.

use std::time::Duration;

use stormproof_faults::injector::StrikeTime;
use stormproof_system::messages::DeliveryStatus;
use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;

use super::super::testing::MESSAGE;
use super::{ORDER, Stage, ends_broken, id};
use crate::client_history::LetterFound;
use crate::scenario::Scenario;

const HOUR: u64 = 3600;

/// An order of which nothing comes for so many seconds after it was taken.
fn taken_and_left(seconds: u64) -> Stage {
    let mut stage = Stage::taken();
    stage.pass(seconds);
    stage.commit(|stage, step| stage.order_is(step, OrderStatus::Failed));
    stage
}

/// An order that is cancelled, of which the money goes back after so many seconds.
fn refunded_after(seconds: u64) -> Stage {
    let mut stage = Stage::taken();
    stage.commit(|stage, step| stage.payment_is(step, &[PaymentStatus::Debited]));
    stage.commit(|stage, step| stage.order_is(step, OrderStatus::CancelPending));
    stage.commit(|stage, step| stage.parcel_is(step, DeliveryStatus::Cancelled));
    stage.pass(seconds);
    stage.commit(|stage, step| {
        stage.payment_is(step, &[PaymentStatus::RefundDue, PaymentStatus::Refunded]);
    });
    stage
}

/// `node` was away from the second `from` on, for so many.
fn away(stage: &mut Stage, node: &str, from: u64, seconds: u64) {
    let scenario = format!(
        "about = \"A stage.\"\n[[customer]]\nscript = []\n\
         [[fault]]\nstop = \"{node}\"\nat = \"1s\"\nrestart = \"{seconds}s\""
    );
    stage.scenario = Scenario::parse("stage.toml", &scenario).expect("no mistake");
    let from = Duration::from_secs(from);
    stage.final_state.strikes = vec![StrikeTime { fault: 0, from, until: Some(from) }];
    stage.final_state.healed_at = Duration::from_secs(10 * HOUR);
}

fn is_late(stage: &Stage) -> bool {
    stage.end().contains(&"soon enough")
}

#[test]
fn nothing_waits_longer_than_faults_keep_it_waiting() {
    assert!(!is_late(&taken_and_left(40)), "a few retries");
    assert!(is_late(&taken_and_left(70)), "nobody kept it");
    let mut kept = taken_and_left(HOUR);
    away(&mut kept, "bank", 10, HOUR);
    assert!(!is_late(&kept), "the Bank was away");
    away(&mut kept, "bank", 10, 60);
    assert!(is_late(&kept), "the Bank was back long before");
    away(&mut kept, "bank", 2 * HOUR, 60);
    assert!(is_late(&kept), "nothing had happened yet");
}

#[test]
fn a_refund_waits_for_the_bank_and_for_no_warehouse() {
    for (node, late) in [("bank", false), ("warehouse", true), ("email", true), ("store", false)] {
        let mut stage = refunded_after(HOUR);
        away(&mut stage, node, 5, HOUR);
        let late_refund = stage.says("soon enough").iter().any(|it| it.contains("its money"));
        assert_eq!(late_refund, late, "{node}");
    }
}

#[test]
fn what_still_waits_at_the_end_waits_too() {
    let mut stage = Stage::taken();
    stage.final_state.healed_at = Duration::from_secs(HOUR);
    ends_broken("soon enough", stage, |_| {});
}

#[test]
fn support_hears_of_a_dead_letter_before_anybody_finds_it() {
    let found = |cause: &str, told_at: Option<u64>| {
        let mut stage = Stage::delivered();
        if let Some(seconds) = told_at {
            stage.pass(seconds);
            stage.commit(|stage, step| stage.alert_is(step, "dead letter", cause));
        }
        stage.client_history.letters_found.push(LetterFound {
            queue: "delivery.update.queue".into(),
            message_id: MESSAGE.into(),
            schema: "delivery.update".into(),
            order: id(ORDER),
            found_at: Duration::from_secs(60),
        });
        stage.end().contains(&"heard in time")
    };
    assert!(found("", None), "nobody was told");
    assert!(!found(MESSAGE, Some(10)));
    assert!(found("another message", Some(10)), "of another one");
    assert!(found(MESSAGE, Some(100)), "after it was found");
}

#[test]
fn support_hears_of_a_refund_as_it_is_parked() {
    let parked = |told: bool| {
        let mut stage = Stage::taken();
        stage.commit(|stage, step| stage.payment_is(step, &[PaymentStatus::RefundDue]));
        stage.commit(|stage, step| {
            if told {
                stage.alert_is(step, "refund parked", "");
            }
            stage.payment_is(step, &[PaymentStatus::Parked]);
        })
    };
    assert_eq!(parked(true), [""; 0]);
    assert_eq!(parked(false), ["heard in time"]);
}

#[test]
fn support_hears_of_what_does_not_get_anywhere() {
    let unheard = |node: &str, told_after: Option<u64>| {
        let mut stage = Stage::taken();
        if let Some(seconds) = told_after {
            stage.pass(seconds);
            stage.commit(|stage, step| stage.alert_is(step, "stuck", "DEBIT"));
        }
        stage.pass(5 * HOUR);
        stage.commit(|stage, step| stage.order_is(step, OrderStatus::Failed));
        away(&mut stage, node, 5, 5 * HOUR);
        stage.end().contains(&"heard in time")
    };
    assert!(unheard("bank", None));
    assert!(!unheard("bank", Some(1200)));
    assert!(unheard("bank", Some(4 * HOUR)), "too late");
    assert!(!unheard("store", None), "who would have told it was away");
}
