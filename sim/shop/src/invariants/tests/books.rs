//! What services write down of their own doing is what they did.

use stormproof_ports::time::Time;

use super::super::testing::{ORDER, Stage, id};
use super::ends_broken;
use crate::truth::books::SentMessage;
use crate::truth::final_state::DeadLetter;

fn update() -> SentMessage {
    SentMessage {
        id: id("update-1"),
        exchange: id("delivery.exchange"),
        routing_key: id("delivery.update.received"),
        order: id(ORDER),
        written_at: Time(1),
    }
}

/// An order whose update was sent.
fn sent() -> Stage {
    let mut stage = Stage::delivered();
    stage.final_state.books.sent.push(update());
    stage
}

#[test]
fn what_was_sent_was_taken_or_died() {
    ends_broken("messages taken", sent(), |_| {});
    let mut taken = sent();
    taken.final_state.books.received.insert((id("delivery.update.queue"), id("update-1")));
    assert_eq!(taken.end(), Vec::<&str>::new());
    // Another queue's inbox is nothing to this one.
    ends_broken("messages taken", sent(), |stage| {
        stage.final_state.books.received.insert((id("payment.result.queue"), id("update-1")));
    });
    let mut dead = sent();
    dead.final_state.dead.push(DeadLetter {
        queue: "delivery.update.queue".to_owned(),
        message_id: "update-1".to_owned(),
        schema: "delivery.update".to_owned(),
        order: id(ORDER),
    });
    assert!(!dead.end().contains(&"messages taken"));
    // An inbox forgets, in time.
    let mut old = sent();
    old.final_state.time = Time(1 + 31 * 24 * 3_600_000_000);
    assert!(!old.end().contains(&"messages taken"));
    // By a clock that is behind, a second sooner.
    let mut skewed = sent();
    skewed.final_state.time = Time(30 * 24 * 3_600_000_000 - 999_999);
    assert!(skewed.end().contains(&"messages taken"));
    skewed.scenario.world.clocks.insert("store".to_owned(), -1_000_000);
    assert!(!skewed.end().contains(&"messages taken"));
}

#[test]
fn the_audit_trail_leads_to_where_machines_are() {
    let forget = |noun: &'static str| {
        move |stage: &mut Stage| {
            let moves = stage.final_state.books.moves.get_mut(&(id(noun), id(ORDER)));
            moves.expect("it moved").pop();
        }
    };
    for noun in ["order", "payment", "reservation", "parcel", "debit"] {
        ends_broken("moves audited", Stage::delivered(), forget(noun));
    }
    ends_broken("moves audited", Stage::cancelled(), forget("refund"));
    // One move more than there was, and one that there is not.
    ends_broken("moves audited", Stage::delivered(), |stage| {
        let moves = stage.final_state.books.moves.get_mut(&(id("parcel"), id(ORDER)));
        moves.expect("it moved").push((id("RECEIVED"), id("PICKED_UP")));
    });
    ends_broken("moves audited", Stage::delivered(), |stage| {
        let moves = stage.final_state.books.moves.get_mut(&(id("order"), id(ORDER)));
        moves
            .expect("it moved")
            .extend([(id("DELIVERED"), id("PAID")), (id("PAID"), id("DELIVERED"))]);
    });
    // A trail may forget what is very old, and the order of its rows says nothing.
    let mut old = Stage::delivered();
    old.final_state.books.moves.clear();
    old.final_state.time = Time(91 * 24 * 3_600_000_000);
    assert!(!old.end().contains(&"moves audited"));
    let mut shuffled = Stage::delivered();
    shuffled.final_state.books.moves.values_mut().for_each(|moves| moves.reverse());
    assert_eq!(shuffled.end(), Vec::<&str>::new());
}
