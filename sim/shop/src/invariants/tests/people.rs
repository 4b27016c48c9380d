//! What customers are told, asked to pay and refused.

use std::time::Duration;

use stormproof_faults::injector::StrikeTime;
use stormproof_system::store::payment::PaymentStatus;

use super::{MESSAGE, ORDER, Stage};
use super::{ends_broken, id, mail};
use crate::client_history::{InnocentLetter, PriceChange};
use crate::truth::final_state::{AlertSeen, DeadLetter, MailSeen};

#[test]
fn customers_are_told_once() {
    ends_broken("customers told", Stage::cancelled(), |stage| stage.final_state.mails.clear());
    ends_broken("customers told", Stage::delivered(), |stage| {
        stage.final_state.mails.push(mail("orderfail"));
    });
    ends_broken("customers told", Stage::cancelled(), |stage| {
        stage.final_state.mails.push(mail("refund"));
    });
    ends_broken("customers told", Stage::delivered(), |stage| {
        stage.alert("found after loss");
        stage.final_state.mails.pop();
    });
    ends_broken("customers told", Stage::delivered(), |stage| {
        stage.final_state.mails.push(MailSeen { order: id("rolled back"), ..mail("orderfail") });
    });
    // A second one takes a fault of its own.
    let (at, minute) = (Duration::from_secs, 60);
    let repeated = |from: u64, until: Option<u64>| {
        let mut stage = Stage::cancelled();
        for second in [10 * minute, 11 * minute] {
            stage.final_state.mails.retain(|mail| mail.template != "refund" || mail.at.is_some());
            stage.final_state.mails.push(MailSeen { at: Some(at(second)), ..mail("refund") });
        }
        let strike = StrikeTime { fault: 0, from: at(from), until: until.map(at) };
        stage.final_state.excuses.push(strike);
        stage.end()
    };
    assert_eq!(repeated(10 * minute - 20, Some(10 * minute - 20)), [""; 0]);
    assert_eq!(repeated(minute, None), [""; 0]);
    assert_eq!(repeated(minute, Some(2 * minute)), ["customers told"]);
    assert_eq!(repeated(11 * minute + 1, None), ["customers told"]);
}

#[test]
fn sums_are_those_of_the_catalogue() {
    const NAME: &str = "sums are right";
    let teapots = |units: i64| [("teapot".to_owned(), units)].into();
    ends_broken(NAME, Stage::delivered(), |stage| {
        stage.final_state.lines.insert(id(ORDER), teapots(3));
    });
    ends_broken(NAME, Stage::delivered(), |stage| {
        stage.final_state.prices.insert(id(ORDER), teapots(21_01));
    });
    ends_broken(NAME, Stage::delivered(), |stage| {
        stage.commit(|stage, step| stage.order_row(step, |row| row.total = 41_99));
    });
    ends_broken(NAME, Stage::cancelled(), |stage| {
        stage.commit(|stage, step| stage.refund_is(step, 1, 41_99));
    });
    ends_broken(NAME, Stage::cancelled(), |stage| {
        stage.final_state.mails[1].amount = Some("42.01 AUD".into());
    });
    ends_broken(NAME, Stage::delivered(), |stage| {
        stage.final_state.lines.insert(id(ORDER), [("samovar".to_owned(), 2)].into());
    });
}

#[test]
fn a_sum_that_all_agree_on_is_no_alibi() {
    let mut stage = Stage::delivered();
    stage.scenario.world.products.insert("teapot".to_owned(), 20_00);
    stage.final_state.prices.insert(id(ORDER), [("teapot".to_owned(), 20_00)].into());
    assert_eq!(stage.end(), ["sums are right"]);
}

#[test]
fn nobody_meets_another_in_a_key() {
    ends_broken("keys are whose they are", Stage::delivered(), |stage| {
        let mut other = stage.client_history.customers[0].clone();
        other.name = "customer-2".into();
        stage.client_history.customers.push(other);
    });
}

#[test]
fn what_can_be_read_does_not_die() {
    ends_broken("only poison dies", Stage::delivered(), |stage| {
        stage.client_history.innocent_letters.push(InnocentLetter {
            queue: "delivery.update.queue".into(),
            schema: "delivery.update".into(),
            order: id(ORDER),
            attempts: 1,
        });
    });
}

#[test]
fn who_is_refused_could_not_be_served() {
    let refused = |teapots, balance, payment| {
        let broken = Stage::refused(teapots, balance, payment).end();
        broken.contains(&"no refusal without cause")
    };
    assert!(!refused(1, 100_00, PaymentStatus::None));
    assert!(refused(2, 100_00, PaymentStatus::None));
    assert!(!refused(2, 41_99, PaymentStatus::Declined));
    assert!(refused(1, 42_00, PaymentStatus::Declined));
    // Of a run that nobody has followed nobody knows what there was.
    let mut stage = Stage::refused(2, 100_00, PaymentStatus::None);
    stage.truth.lows.followed = false;
    assert!(!stage.end().contains(&"no refusal without cause"));
}

/// An order has the price of some time between its customer's asking and its coming.
#[test]
fn a_price_that_changes_counts_from_when_it_was_asked_for_until_the_answer_came() {
    // The order comes with a commit of its own, after six of the setting up.
    let broken = |begun, done: Option<u64>, asked| {
        let mut stage = Stage::delivered();
        let [begun, asked] = [begun, asked].map(Duration::from_secs);
        let change = PriceChange { price: 22_00, begun, done: done.map(Duration::from_secs) };
        stage.client_history.price_changes.insert("teapot".to_owned(), change);
        stage.client_history.customers[0].orders[0].asked_at = asked;
        let placed = stage.truth.lows.placed[ORDER];
        assert!(placed > Duration::from_secs(3), "{placed:?}");
        let old = stage.end().contains(&"sums are right");
        stage.final_state.prices.insert(id(ORDER), [("teapot".to_owned(), 22_00)].into());
        let findings = stage.says("sums are right");
        (old, findings.iter().any(|what| what.contains("sold")))
    };
    assert_eq!(broken(90, None, 2), (false, true), "long after the order");
    assert_eq!(broken(1, Some(2), 3), (true, false), "before it was asked for");
    assert_eq!(broken(1, Some(3), 2), (false, false), "meanwhile");
    assert_eq!(broken(1, None, 2), (false, false), "not answered yet");
}

#[test]
fn of_a_mail_to_support_that_died_nobody_is_mailed() {
    let untold = |schema: &str, mails: usize| {
        let mut stage = Stage::delivered();
        stage.final_state.dead.push(DeadLetter {
            queue: "email.support.queue".into(),
            message_id: MESSAGE.into(),
            schema: schema.into(),
            order: id(ORDER),
        });
        stage.final_state.alerts.push(AlertSeen {
            database: "email-db".into(),
            id: "alert-1".into(),
            order: id(ORDER),
            kind: "dead letter".into(),
            cause: MESSAGE.into(),
        });
        let mail = MailSeen { alert: "alert-1".into(), ..mail("support:dead letter") };
        stage.final_state.mails.extend(vec![mail; mails]);
        stage.end().contains(&"customers told")
    };
    assert!(!untold("email.support", 0), "it would die, too");
    assert!(untold("email.support", 1), "it is told on the page alone");
    assert!(untold("email.lost", 0) && !untold("email.lost", 1), "of any other mail");
}
