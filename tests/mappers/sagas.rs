//! The Store's sagas: timers that come due, leases.

use std::sync::Arc;
use std::time::Duration;

use scoped_futures::ScopedFutureExt as _;
use stormproof_ports::time::Time;
use stormproof_ports::worker::Progress;
use stormproof_system::context::Context;
use stormproof_system::error::Error;
use stormproof_system::store::driver;
use stormproof_system::store::mapper::sagas::{self, Due};
use stormproof_system::store::saga::{Case, Goal, Saga, Step};

use super::bench::{Bench, START};
use super::orders::{case, insert, load, order_id, save};

super::checks!("store":
    what_is_due_comes_longest_due_first,
    the_next_to_be_due_is_known,
    a_claimed_order_is_left_alone_until_its_lease_ends,
    an_owner_that_was_taken_over_from_is_fenced_off,
    what_a_replica_holds_is_given_back,
    an_order_that_cannot_be_read_is_set_aside_and_stops_no_other,
);

async fn look(bench: &Bench, now: i64, limit: i64) -> Due {
    let now = Time(START + now);
    let due = bench.once(|transaction| sagas::due(transaction, now, limit).scope_boxed()).await;
    due.expect("the rows can be read")
}

async fn due(bench: &Bench, now: i64, limit: i64) -> Vec<String> {
    look(bench, now, limit).await.orders.iter().map(ToString::to_string).collect()
}

async fn next_due(bench: &Bench, now: i64, limit: i64) -> Option<i64> {
    look(bench, now, limit).await.next.map(|time| time.0 - START)
}

async fn insert_due_at(bench: &Bench, id: &str, at: i64) {
    let mut case = case(id, "ada");
    case.saga.next_attempt_at = START + at;
    insert(bench, &case).await.expect("a new order");
}

async fn what_is_due_comes_longest_due_first(bench: Bench) {
    for (id, at) in [("a", 30), ("b", 10), ("d", 20), ("c", 20), ("e", 40)] {
        insert_due_at(&bench, id, at).await;
    }
    let table: [(i64, i64, &[&str]); 6] = [
        (9, 8, &[]),
        (10, 8, &["b"]),
        (20, 8, &["b", "c", "d"]),
        (39, 8, &["b", "c", "d", "a"]),
        (40, 8, &["b", "c", "d", "a", "e"]),
        (40, 2, &["b", "c"]),
    ];
    for (now, limit, expected) in table {
        assert_eq!(due(&bench, now, limit).await, expected, "at {now}, {limit} at most");
    }
}

async fn the_next_to_be_due_is_known(bench: Bench) {
    assert_eq!(next_due(&bench, 0, 8).await, None);
    for (id, at) in [("a", 30), ("b", 10), ("c", 20), ("never", i64::MAX - START)] {
        insert_due_at(&bench, id, at).await;
    }
    for (now, limit, expected) in [
        (0, 8, Some(10)),
        (10, 8, Some(20)),
        (29, 8, Some(30)),
        (30, 8, None),
        // As many as were asked for, and the next one is not due; more than that.
        (20, 2, Some(30)),
        (30, 2, None),
    ] {
        assert_eq!(next_due(&bench, now, limit).await, expected, "at {now}, {limit} at most");
    }
}

/// A claim as the sweep makes it.
async fn claim(bench: &Bench, before: &Case, owner: &str, now: i64) -> Result<Case, Error> {
    let until = Time(START + now) + Duration::from_micros(20);
    let saga = Saga {
        step: Step::Reserve,
        lease_owner: owner.into(),
        lease_until: until.0,
        next_attempt_at: until.0,
        epoch: before.saga.epoch + 1,
        ..before.saga.clone()
    };
    save(bench, before, &Case { saga, ..before.clone() }).await
}

async fn a_claimed_order_is_left_alone_until_its_lease_ends(bench: Bench) {
    insert_due_at(&bench, "order-1", 0).await;
    let unclaimed = load(&bench, &order_id("order-1")).await.expect("it is there");
    assert_eq!(due(&bench, 0, 8).await, ["order-1"]);
    let first = claim(&bench, &unclaimed, "replica-1", 0).await.expect("nobody was faster");
    // Another replica that saw the same order due is too late.
    let refused = claim(&bench, &unclaimed, "replica-2", 0).await;
    assert!(matches!(refused, Err(Error::Serialization)), "{refused:?}");
    assert_eq!(due(&bench, 19, 8).await, [""; 0]);
    assert_eq!(next_due(&bench, 19, 8).await, Some(20));
    assert_eq!(due(&bench, 20, 8).await, ["order-1"]);
    assert_eq!(load(&bench, &order_id("order-1")).await, Some(first));
}

async fn an_owner_that_was_taken_over_from_is_fenced_off(bench: Bench) {
    insert_due_at(&bench, "order-1", 0).await;
    let unclaimed = load(&bench, &order_id("order-1")).await.expect("it is there");
    let first = claim(&bench, &unclaimed, "replica-1", 0).await.expect("nobody was faster");
    let second = claim(&bench, &first, "replica-2", 20).await.expect("the lease has ended");
    let mut late = first.clone();
    late.saga.goal = Goal::Done;
    let refused = save(&bench, &first, &late).await;
    assert!(matches!(refused, Err(Error::Serialization)), "{refused:?}");
    assert_eq!(load(&bench, &order_id("order-1")).await, Some(second));
}

async fn what_a_replica_holds_is_given_back(bench: Bench) {
    let node = bench.ports.node.to_string();
    for (id, owner) in [("mine", node.as_str()), ("yours", "replica-2")] {
        insert_due_at(&bench, id, 0).await;
        let unclaimed = load(&bench, &order_id(id)).await.expect("it is there");
        claim(&bench, &unclaimed, owner, 0).await.expect("nobody was faster");
    }
    let held = load(&bench, &order_id("mine")).await.expect("it is there");
    let give_back = async |now: i64| {
        let (now, until) = (Time(START + now), Time(START + now + 20));
        let given =
            bench.once(|transaction| sagas::give_back(transaction, now, until).scope_boxed()).await;
        given.expect("the rows can be written")
    };
    assert_eq!(give_back(5).await, 1);
    assert_eq!(due(&bench, 5, 8).await, ["mine"]);
    let given = load(&bench, &order_id("mine")).await.expect("it is there");
    assert_eq!((&*given.saga.lease_owner, given.saga.lease_until), ("", 0));
    assert_eq!(given.saga.epoch, held.saga.epoch, "its owner may still write an answer down");
    assert_eq!(give_back(5).await, 0);
    // The owner's save over what it has in hand is refused: it loads again first.
    let refused = save(&bench, &held, &held).await;
    assert!(matches!(refused, Err(Error::Serialization)), "{refused:?}");
}

async fn an_order_that_cannot_be_read_is_set_aside_and_stops_no_other(bench: Bench) {
    for id in ["a", "b", "c", "d"] {
        insert_due_at(&bench, id, -1).await;
    }
    for broken in [
        "UPDATE orders SET step = 'DANCE' WHERE id = 'a'",
        "UPDATE orders SET id = 'no id' WHERE id = 'b'",
        "UPDATE orders SET attempts = -7 WHERE id = 'c'",
    ] {
        assert_eq!(bench.execute(broken).await.ok(), Some(1));
    }
    let context = Context::new(bench.ports.clone(), Arc::default());
    let sweep = driver::worker(&context);
    assert!(matches!(sweep.step().await, Progress::Idle(_)));
    let held = "SELECT id FROM orders WHERE lease_owner = 'replica-1' ORDER BY id";
    assert_eq!(bench.rows(held).await, ["d"]);
    let aside = "SELECT id FROM orders WHERE next_attempt_at = 9223372036854775807 ORDER BY id";
    assert_eq!(bench.rows(aside).await, ["a", "c", "no id"]);
    let kept = "SELECT step, version FROM orders WHERE id = 'a'";
    assert_eq!(bench.rows(kept).await, ["DANCE 0"], "all else stays as it was");
    let told = "SELECT order_id FROM alerts WHERE kind = 'unreadable row' ORDER BY order_id";
    assert_eq!(bench.rows(told).await, ["a", "c", "unreadable"]);
    let mails = "SELECT COUNT(*) FROM outbox WHERE schema_name = 'email.support'";
    assert_eq!(bench.rows(mails).await, ["3"]);
    // People put back what they have mended.
    let mended = "UPDATE orders SET attempts = 0, next_attempt_at = 0 WHERE id = 'c'";
    assert_eq!(bench.execute(mended).await.ok(), Some(1));
    assert!(matches!(sweep.step().await, Progress::Idle(_)));
    assert_eq!(bench.rows(held).await, ["c", "d"]);
}
