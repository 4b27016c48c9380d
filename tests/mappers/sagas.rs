//! The Store's sagas: timers that come due, leases, epochs.

use std::time::Duration;

use scoped_futures::ScopedFutureExt as _;
use stormproof_ports::time::Time;
use stormproof_system::error::Error;
use stormproof_system::store::mapper::sagas;
use stormproof_system::store::saga::{Goal, Saga, Step};

use super::bench::{Bench, START};
use super::orders::{case, insert, load, order_id};

super::checks!("store":
    what_is_due_comes_longest_due_first,
    the_next_to_be_due_is_known,
    a_claimed_order_is_left_alone_until_its_lease_ends,
    an_owner_that_was_taken_over_from_is_fenced_off,
);

async fn due(bench: &Bench, now: i64, limit: i64) -> Vec<String> {
    let now = Time(START + now);
    let due = bench.once(|transaction| sagas::due(transaction, now, limit).scope_boxed()).await;
    due.expect("the rows can be read").iter().map(ToString::to_string).collect()
}

async fn next_due(bench: &Bench, after: i64) -> Option<i64> {
    let after = Time(START + after);
    let next = bench.once(|transaction| sagas::next_due(transaction, after).scope_boxed()).await;
    next.expect("the rows can be read").map(|time| time.0 - START)
}

/// Saves the saga of the one order; returns it as it is now stored.
async fn save(bench: &Bench, saga: &Saga) -> Result<Saga, Error> {
    let order = &order_id("order-1");
    bench
        .once(|transaction| {
            async move {
                let mut stored = saga.clone();
                sagas::save(transaction, order, &mut stored).await?;
                Ok(stored)
            }
            .scope_boxed()
        })
        .await
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
    assert_eq!(next_due(&bench, 0).await, None);
    for (id, at) in [("a", 30), ("b", 10), ("c", 20)] {
        insert_due_at(&bench, id, at).await;
    }
    for (after, expected) in [(0, Some(10)), (10, Some(20)), (29, Some(30)), (30, None)] {
        assert_eq!(next_due(&bench, after).await, expected, "after {after}");
    }
}

/// A claim as the sweep makes it.
fn claimed(saga: &Saga, owner: &str, now: i64, lease: Duration) -> Saga {
    let until = Time(START + now) + lease;
    Saga {
        step: Step::Reserve,
        lease_owner: owner.into(),
        lease_until: until.0,
        next_attempt_at: until.0,
        epoch: saga.epoch + 1,
        ..saga.clone()
    }
}

async fn a_claimed_order_is_left_alone_until_its_lease_ends(bench: Bench) {
    insert_due_at(&bench, "order-1", 0).await;
    let unclaimed = load(&bench, &order_id("order-1")).await.expect("it is there").saga;
    assert_eq!(due(&bench, 0, 8).await, ["order-1"]);
    let first = claimed(&unclaimed, "replica-1", 0, Duration::from_micros(20));
    let first = save(&bench, &first).await.expect("nobody was faster");
    // Another replica that saw the same order due is too late.
    let second = claimed(&unclaimed, "replica-2", 0, Duration::from_micros(20));
    let refused = save(&bench, &second).await;
    assert!(matches!(refused, Err(Error::Serialization)), "{refused:?}");
    assert_eq!(due(&bench, 19, 8).await, [""; 0]);
    assert_eq!(next_due(&bench, 19).await, Some(20));
    assert_eq!(due(&bench, 20, 8).await, ["order-1"]);
    let stored = load(&bench, &order_id("order-1")).await.expect("it is there").saga;
    assert_eq!(stored, first);
}

async fn an_owner_that_was_taken_over_from_is_fenced_off(bench: Bench) {
    insert_due_at(&bench, "order-1", 0).await;
    let unclaimed = load(&bench, &order_id("order-1")).await.expect("it is there").saga;
    let first = claimed(&unclaimed, "replica-1", 0, Duration::from_micros(20));
    let first = save(&bench, &first).await.expect("nobody was faster");
    let second = claimed(&first, "replica-2", 20, Duration::from_micros(20));
    let second = save(&bench, &second).await.expect("the lease has ended");
    let late = Saga { goal: Goal::Done, ..first.clone() };
    let refused = save(&bench, &late).await;
    assert!(matches!(refused, Err(Error::Serialization)), "{refused:?}");
    let stored = load(&bench, &order_id("order-1")).await.expect("it is there").saga;
    assert_eq!(stored, second);
}
