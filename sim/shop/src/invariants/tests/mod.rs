//! Every invariant holds on a good truth and is broken by a bad one.

mod books;
mod bounds;
mod people;
mod times;

use std::collections::BTreeSet;
use std::time::Duration;

use stormproof_system::messages::{DeliveryStatus, PaymentOutcome};
use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;
use stormproof_system::warehouse::dto::State;

use super::testing::{ADA, MESSAGE, ORDER, Stage, id, mail};
use super::{INVARIANTS, When, arrows};
use crate::scenario::Scenario;
use crate::truth::final_state::DeadLetter;
use crate::truth::rows::{AccountRow, EntryRow, RestockRow};
use crate::truth::{Step, Told};

/// The commit breaks this invariant, on an order that was delivered.
fn breaks(name: &str, change: impl FnOnce(&mut Stage, &mut Step)) {
    let broken = Stage::delivered().commit(change);
    assert!(broken.contains(&name), "{name} held; broken: {broken:?}");
}

/// The end breaks this invariant.
fn ends_broken(name: &str, mut stage: Stage, change: impl FnOnce(&mut Stage)) {
    change(&mut stage);
    let broken = stage.end();
    assert!(broken.contains(&name), "{name} held; broken: {broken:?}");
}

#[test]
fn a_good_truth_breaks_nothing() {
    assert_eq!(Stage::delivered().end(), Vec::<&str>::new());
    assert_eq!(Stage::cancelled().end(), Vec::<&str>::new());
}

#[test]
fn names_are_told_once_and_checked() {
    let names: BTreeSet<_> = INVARIANTS.iter().map(|invariant| invariant.name).collect();
    assert_eq!(names.len(), INVARIANTS.len());
    for invariant in &INVARIANTS {
        assert!(invariant.step.is_some() || invariant.end.is_some(), "{}", invariant.name);
        assert!(invariant.step.is_none() || invariant.when == When::Always, "{}", invariant.name);
    }
    assert!(arrows().contains(&("parcel", "ABSENT", "CANCELLED")));
    assert!(!arrows().contains(&("order", "DELIVERED", "LOST")));
}

#[test]
fn money_is_conserved() {
    breaks("money conserved", |stage, step| {
        let row = AccountRow {
            owner: id(ADA),
            balance: 99_00,
            status: id("OPEN"),
            opened_balance: 100_00,
        };
        stage.truth.set(step, 3, Some(row));
    });
    breaks("money conserved", |stage, step| {
        let entry = EntryRow { transaction_id: id("x"), account: id(ADA), amount: 1 };
        stage.truth.set(step, 90, Some(entry));
    });
    breaks("money conserved", |stage, step| stage.truth.set::<EntryRow>(step, 20, None));
    breaks("money conserved", |stage, step| {
        stage.transfer(step, 30, "refund-1", "shop-0", ADA, 42_01);
        stage.refund_is(step, 1, 42_01);
    });
}

#[test]
fn one_debit_and_one_refund() {
    breaks("one debit, one refund", |stage, step| {
        stage.transfer(step, 40, "debit-2", ADA, "shop-0", 42_00);
        stage.debit_is(step, 2, PaymentOutcome::Debited);
    });
    breaks("one debit, one refund", |stage, step| {
        stage.transfer(step, 40, "debit-2", ADA, "shop-0", 42_00);
    });
    breaks("one debit, one refund", |stage, step| {
        stage.debit_is(step, 1, PaymentOutcome::Voided);
    });
    let mut stage = Stage::cancelled();
    let broken = stage.commit(|stage, step| {
        stage.transfer(step, 50, "refund-2", "shop-0", ADA, 1);
        stage.refund_is(step, 2, 1);
    });
    assert!(broken.contains(&"one debit, one refund"), "{broken:?}");
}

#[test]
fn stock_is_conserved() {
    for (on_hand, reserved, committed) in [(2, 0, 2), (1, 2, 2), (1, -1, 2), (1, 1, 2), (3, 0, 0)] {
        breaks("stock conserved", |stage, step| {
            stage.stock_is(step, on_hand, reserved, committed);
        });
    }
    breaks("stock conserved", |stage, step| stage.reservation_is(step, State::Returned));
    for warehouse in ["sydney", "perth"] {
        breaks("stock conserved", |stage, step| {
            let (key, sku, warehouse) = (id("again"), id("teapot"), id(warehouse));
            stage.truth.set(step, 2, Some(RestockRow { key, sku, warehouse, quantity: 1 }));
        });
    }
}

#[test]
fn nothing_is_oversold() {
    breaks("no oversell", |stage, step| {
        let mut line = stage.truth.reservation_lines.get(ORDER).expect("reserved").clone();
        line.order_id = id("other");
        stage.truth.set(step, 2, Some(line));
        let mut row = stage.truth.reservations.get(ORDER).expect("reserved").clone();
        row.order_id = id("other");
        row.state = State::Held;
        stage.truth.set(step, 2, Some(row));
    });
}

#[test]
fn machines_keep_to_their_arrows() {
    breaks("legal transitions", |stage, step| stage.order_is(step, OrderStatus::Lost));
    breaks("legal transitions", |stage, step| {
        stage.payment_is(step, &[PaymentStatus::Refunded]);
    });
    breaks("legal transitions", |stage, step| stage.reservation_is(step, State::Held));
    breaks("legal transitions", |stage, step| {
        stage.parcel_is(step, DeliveryStatus::Cancelled);
    });
    breaks("legal transitions", |stage, step| {
        stage.order_row(step, |row| row.paid_at = Some(77));
    });
    breaks("legal transitions", |stage, step| {
        stage.order_row(step, |row| row.received_at = Some(99));
    });
    breaks("legal transitions", |stage, step| stage.order_row(step, |row| row.version = 0));
}

#[test]
fn machines_move_as_their_commits_say() {
    let silent = |step: &mut Step| step.facts.clear();
    // All along the arrows; only that nobody says so.
    let mut stage = Stage::taken();
    let broken = stage.commit(|stage, step| {
        stage.order_is(step, OrderStatus::CancelPending);
        silent(step);
    });
    assert_eq!(broken, ["legal transitions"]);
    // What is said of one order is not said of another.
    let broken = Stage::taken().commit(|stage, step| {
        stage.order_is(step, OrderStatus::CancelPending);
        step.facts[0].order = "other".to_owned();
    });
    assert_eq!(broken, ["legal transitions"]);
    let frozen = |stage: &mut Stage, step: &mut Step, owners: &[&str], said: usize| {
        for (number, owner) in [(1, "outside"), (3, ADA)] {
            if owners.contains(&owner) {
                let mut row = stage.truth.accounts.get(owner).expect("opened").clone();
                row.status = id("FROZEN");
                stage.truth.set(step, number, Some(row));
            }
        }
        let fact = Told { noun: "account", state: "FROZEN", order: String::new() };
        step.facts.extend(vec![fact; said]);
    };
    let of = |owners: &[&str], said| {
        Stage::delivered().commit(|stage, step| frozen(stage, step, owners, said))
    };
    assert_eq!(of(&[ADA], 1), Vec::<&str>::new());
    assert_eq!(of(&[ADA], 0), ["legal transitions"]);
    assert_eq!(of(&["outside", ADA], 1), ["legal transitions"]);
    // Nobody knows what was said of what nobody has followed.
    let mut stage = Stage::taken();
    stage.truth.lows.followed = false;
    let broken = stage.commit(|stage, step| {
        stage.order_is(step, OrderStatus::CancelPending);
        silent(step);
    });
    assert_eq!(broken, Vec::<&str>::new());
}

#[test]
fn what_is_delivered_is_paid() {
    breaks("delivered is paid", |stage, step| {
        stage.debit_is(step, 1, PaymentOutcome::Declined);
        stage.order_row(step, |_| {});
    });
    breaks("delivered is paid", Stage::refund);
    ends_broken("delivered is paid", Stage::delivered(), |stage| {
        stage.commit(Stage::refund);
    });
}

#[test]
fn no_stock_stays_with_what_is_over() {
    ends_broken("no stock stuck", Stage::cancelled(), |stage| {
        stage.commit(|stage, step| stage.reservation_is(step, State::Committed));
    });
    ends_broken("no stock stuck", Stage::delivered(), |stage| {
        stage.commit(|stage, step| stage.reservation_is(step, State::Held));
    });
}

#[test]
fn no_money_stays_with_what_is_over() {
    let unpaid = |stage: &mut Stage| {
        stage.commit(|stage, step| {
            stage.truth.set::<crate::truth::rows::RefundRow>(step, 1, None);
        });
    };
    ends_broken("no money kept", Stage::cancelled(), unpaid);
    ends_broken("no money kept", Stage::cancelled(), |stage| {
        unpaid(stage);
        stage.commit(|stage, step| {
            stage.order_row(step, |row| row.payment_status = PaymentStatus::Parked)
        });
    });
}

#[test]
fn every_order_settles_or_is_known_to_support() {
    ends_broken("every order settles", Stage::delivered(), |stage| {
        stage.commit(|stage, step| stage.order_is(step, OrderStatus::InTransit));
    });
    ends_broken("every order settles", Stage::delivered(), |stage| {
        let saga = stage.final_state.sagas.get_mut(ORDER).expect("it has one");
        saga.goal = "DELIVER".into();
    });
    ends_broken("every order settles", Stage::delivered(), |stage| {
        stage.final_state.rested_at = None;
    });
}

#[test]
fn promises_are_kept() {
    ends_broken("promises kept", Stage::delivered(), |stage| {
        stage.client_history.customers[0].orders[0].lines[0].1 = 1;
    });
    ends_broken("promises kept", Stage::delivered(), |stage| {
        let answer = stage.client_history.customers[0].orders[0].answer.as_mut();
        answer.expect("answered").total = 1;
    });
    ends_broken("promises kept", Stage::delivered(), |stage| {
        stage.client_history.customers[0].orders[0].seen.insert("LOST".into(), None);
    });
    ends_broken("promises kept", Stage::delivered(), |stage| {
        stage.client_history.customers[0].orders[0].seen.insert("PAID".into(), Some(99));
    });
    ends_broken("promises kept", Stage::delivered(), |stage| {
        stage.client_history.saw(0, ORDER, "CANCELLED", Some(9));
    });
    ends_broken("promises kept", Stage::delivered(), |stage| {
        stage.client_history.customers[0].orders[0].answer = None;
    });
    ends_broken("promises kept", Stage::cancelled(), |stage| {
        stage.commit(|stage, step| stage.parcel_is(step, DeliveryStatus::PickedUp));
    });
}

#[test]
fn nothing_is_forgotten() {
    let letter = || DeadLetter {
        queue: "delivery.update.queue".into(),
        message_id: MESSAGE.into(),
        schema: "delivery.update".into(),
        order: id(ORDER),
    };
    ends_broken("nothing forgotten", Stage::delivered(), |stage| {
        stage.final_state.unsent.insert("store-db".into(), 1);
    });
    ends_broken("nothing forgotten", Stage::delivered(), |stage| {
        stage.final_state.queues.push(("bank.debit.queue".into(), 1));
    });
    ends_broken("nothing forgotten", Stage::delivered(), |stage| stage.final_state.in_flight = 1);
    ends_broken("nothing forgotten", Stage::delivered(), |stage| {
        stage.final_state.dead.push(letter());
    });
    // An alert of another one of the same order is none of this one.
    ends_broken("nothing forgotten", Stage::delivered(), |stage| {
        stage.final_state.dead.push(DeadLetter { message_id: "message-2".into(), ..letter() });
        stage.alert("dead letter");
    });
    let mut alerted = Stage::delivered();
    alerted.final_state.dead.push(letter());
    alerted.alert("dead letter");
    assert_eq!(alerted.end(), Vec::<&str>::new());
}

#[test]
fn views_agree() {
    ends_broken("views agree", Stage::delivered(), |stage| {
        stage.commit(|stage, step| {
            stage.order_row(step, |row| row.payment_status = PaymentStatus::None)
        });
    });
    ends_broken("views agree", Stage::delivered(), |stage| {
        stage.commit(|stage, step| stage.order_row(step, |row| row.transaction_id = id("other")));
    });
    ends_broken("views agree", Stage::delivered(), |stage| {
        stage.commit(|stage, step| stage.parcel_is(step, DeliveryStatus::InTransit));
    });
    ends_broken("views agree", Stage::delivered(), |stage| {
        stage.final_state.lines.insert(id(ORDER), [("teapot".to_owned(), 3)].into());
    });
    ends_broken("views agree", Stage::delivered(), |stage| {
        let shelf = ("teapot".to_owned(), "perth".to_owned());
        stage.final_state.consignments.insert(id(ORDER), [(shelf, 2)].into());
    });
}

/// Store, Bank, customer and mail may agree, and be wrong.
/// Store, Bank, customer and mail say 42.00; the catalogue had them for 20.00 each.
#[test]
fn what_is_private_stays_so() {
    ends_broken("private", Stage::delivered(), |stage| {
        stage.client_history.customers[0].pried.push((id("other"), 200));
    });
    ends_broken("private", Stage::delivered(), |stage| {
        stage.final_state.leaks.push("a token was written into the story".into());
    });
}

#[test]
fn keys_are_answered_alike() {
    ends_broken("same key, same answer", Stage::delivered(), |stage| {
        let mut again = stage.client_history.customers[0].orders[0].clone();
        again.key = "order-2".into();
        stage.client_history.customers[0].orders.push(again);
    });
    ends_broken("same key, same answer", Stage::delivered(), |stage| {
        stage.commit(|stage, step| {
            let mut row = stage.truth.orders.get(ORDER).expect("there").clone();
            row.id = id("another");
            stage.truth.set(step, 2, Some(row));
        });
    });
    let mut stage = Stage::delivered();
    let mut other = stage.client_history.customers[0].orders[0].answer.clone().expect("answered");
    other.body = "another".into();
    let kept = stage.client_history.keys_kept;
    let history = &mut stage.client_history;
    history.answered((0, 0), other.clone(), Duration::ZERO, kept - Duration::from_secs(1));
    assert_eq!(history.contradictions[0].invariant, "same key, same answer");
    // A key that is forgotten makes an order of its own, which comes with the next answer.
    other.order_id = id("another");
    for _ in 0..2 {
        history.answered((0, 0), other.clone(), kept, kept);
    }
    let ids: Vec<_> = history.customers[0].all().filter_map(|placed| placed.order_id()).collect();
    assert_eq!((history.contradictions.len(), ids), (1, vec![&id(ORDER), &id("another")]));
    assert_eq!(history.customers[0].orders[0].orders_max(kept), 2);
}

#[test]
fn commits_last_and_expectations_are_met() {
    ends_broken("commits last", Stage::delivered(), |stage| {
        stage.final_state.lost_commits.push("store-db: a row of orders is gone".into());
    });
    for expect in [
        "orders = { FAILED = 1 }",
        "debits = 2",
        "refunds = 1",
        "parked = 1",
        "mails = { lost = 1 }",
        "alerts = 1",
        "dead = 1",
    ] {
        let text = format!("about = \"x\"\n[expect]\n{expect}");
        ends_broken("expected", Stage::delivered(), |stage| {
            stage.scenario = Scenario::parse("x.toml", &text).expect("no mistake");
        });
    }
}
