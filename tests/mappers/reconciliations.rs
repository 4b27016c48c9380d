//! The Store's reconciler: its one row, and the orders that it may compare.

use scoped_futures::ScopedFutureExt as _;
use stormproof_system::error::Error;
use stormproof_system::store::mapper::reconciliations::{self, Pass};
use stormproof_system::store::saga::Goal;
use stormproof_system::story::Fact;
use stormproof_system::time::Time;

use super::bench::{Bench, START};
use super::orders::{case, insert};

super::checks!("store":
    the_timer_is_set_once,
    a_pass_is_written_by_its_owner_only,
    only_orders_at_rest_are_compared,
);

async fn load(bench: &Bench) -> Option<Pass> {
    let pass = bench.once(|transaction| reconciliations::load(transaction).scope_boxed()).await;
    pass.expect("the row can be read")
}

async fn begin(bench: &Bench, first: i64) {
    let first = Time(START + first);
    let begun = bench.once(|transaction| reconciliations::begin(transaction, first).scope_boxed());
    begun.await.expect("a timer can be set");
}

async fn save(bench: &Bench, before: i64, pass: &Pass) -> Result<(), Error> {
    bench.once(|transaction| reconciliations::save(transaction, before, pass).scope_boxed()).await
}

/// A pass that nobody has begun.
fn untouched(first: i64) -> Pass {
    Pass {
        next_at: Time(START + first),
        epoch: 0,
        begun_at: Time(0),
        after_order: String::new(),
        compared: 0,
        found: 0,
    }
}

async fn the_timer_is_set_once(bench: Bench) {
    assert_eq!(load(&bench).await, None);
    for first in [5, 9] {
        begin(&bench, first).await;
        assert_eq!(load(&bench).await, Some(untouched(5)));
    }
}

async fn a_pass_is_written_by_its_owner_only(bench: Bench) {
    let absent = save(&bench, 0, &untouched(0)).await;
    assert!(matches!(absent, Err(Error::Serialization)), "{absent:?}");
    begin(&bench, 5).await;
    let claimed = Pass {
        next_at: Time(START + 20),
        epoch: 1,
        begun_at: Time(START + 5),
        after_order: "order-7".into(),
        compared: 3,
        found: 2,
    };
    save(&bench, 0, &claimed).await.expect("nobody was faster");
    assert_eq!(load(&bench).await.as_ref(), Some(&claimed));
    for before in [0, 2] {
        let late = save(&bench, before, &Pass { found: 9, ..claimed.clone() }).await;
        assert!(matches!(late, Err(Error::Serialization)), "{before}: {late:?}");
    }
    assert_eq!(load(&bench).await, Some(claimed));
}

async fn only_orders_at_rest_are_compared(bench: Bench) {
    for (id, goal, moved_at) in [
        ("c", Goal::Done, 10),
        ("a", Goal::Done, 20),
        ("b", Goal::Deliver, 10),
        ("d", Goal::Done, 30),
        ("e", Goal::Done, 0),
    ] {
        let mut case = case(id, "ada");
        case.saga.goal = goal;
        insert(&bench, &case).await.expect("a new order");
        bench.set_clock(moved_at);
        let moved = bench.once(|transaction| {
            async move { transaction.moved("", Fact::new("order", "FAILED", id, "")).await }
                .scope_boxed()
        });
        moved.await.expect("a trail can be left");
    }
    let table: [(&str, i64, i64, &[&str]); 6] = [
        ("", 30, 9, &["a", "c", "d", "e"]),
        ("", 29, 9, &["a", "c", "e"]),
        ("", 19, 9, &["c", "e"]),
        ("", 30, 2, &["a", "c"]),
        ("c", 30, 2, &["d", "e"]),
        ("e", 30, 9, &[]),
    ];
    for (after, since, limit, expected) in table {
        let time = Time(START + since);
        let resting = bench.once(|transaction| {
            reconciliations::resting(transaction, after, time, limit).scope_boxed()
        });
        let resting = resting.await.expect("the rows can be read");
        let orders: Vec<_> = resting.iter().map(|order| order.as_str()).collect();
        assert_eq!(orders, expected, "{limit} after {after:?}, at rest since {since}");
    }
}
