//! The reconciler's row, and the orders that rest.

use scoped_futures::ScopedFutureExt as _;
use stormproof_system::error::Error;
use stormproof_system::store::mapper::reconciliations::{self, Pass};
use stormproof_system::store::saga::Goal;
use stormproof_system::time::Time;

use super::bench::{Bench, START};
use super::orders::{case, insert};

super::checks!("store":
    the_timer_is_set_once,
    a_pass_of_another_epoch_is_fenced_off,
    only_orders_that_rest_are_listed,
);

async fn load(bench: &Bench) -> Option<Pass> {
    let loaded = bench.once(|transaction| reconciliations::load(transaction).scope_boxed()).await;
    loaded.expect("the row can be read")
}

async fn begin(bench: &Bench, first: i64) {
    let first = Time(first);
    let begun = bench.once(|transaction| reconciliations::begin(transaction, first).scope_boxed());
    begun.await.expect("there is room");
}

async fn save(bench: &Bench, before: i64, pass: &Pass) -> Result<(), Error> {
    bench.once(|transaction| reconciliations::save(transaction, before, pass).scope_boxed()).await
}

fn pass() -> Pass {
    Pass {
        next_at: Time(20),
        epoch: 1,
        begun_at: Time(10),
        after_order: "order-1".into(),
        compared: 3,
        found: 2,
    }
}

async fn the_timer_is_set_once(bench: Bench) {
    assert_eq!(load(&bench).await, None);
    begin(&bench, 7).await;
    begin(&bench, 8).await;
    let fresh = Pass {
        next_at: Time(7),
        epoch: 0,
        begun_at: Time(0),
        after_order: String::new(),
        compared: 0,
        found: 0,
    };
    assert_eq!(load(&bench).await, Some(fresh));
}

async fn a_pass_of_another_epoch_is_fenced_off(bench: Bench) {
    begin(&bench, 7).await;
    save(&bench, 0, &pass()).await.expect("its own epoch");
    let late = save(&bench, 0, &Pass { found: 9, ..pass() }).await;
    assert!(matches!(late, Err(Error::Serialization)), "{late:?}");
    assert_eq!(load(&bench).await, Some(pass()));
}

async fn only_orders_that_rest_are_listed(bench: Bench) {
    for (id, goal) in
        [("a", Goal::Done), ("b", Goal::Deliver), ("c", Goal::Done), ("d", Goal::Done)]
    {
        let mut case = case(id, "ada");
        case.saga.goal = goal;
        insert(&bench, &case).await.expect("a new order");
    }
    let moved = "INSERT INTO audit (id, noun, subject, from_state, to_state, at, node) \
                 VALUES ('1', 'order', 'c', '', 'X', 1893456000000100, 'n')";
    bench.execute(moved).await.expect("it is SQL");
    let table: [(&str, i64, i64, &[&str]); 5] = [
        ("", 100, 9, &["a", "c", "d"]),
        ("", 99, 9, &["a", "d"]),
        ("", 100, 2, &["a", "c"]),
        ("a", 100, 9, &["c", "d"]),
        ("d", 100, 9, &[]),
    ];
    for (after, since, limit, expected) in table {
        let since = Time(START + since);
        let resting = bench.once(|transaction| {
            reconciliations::resting(transaction, after, since, limit).scope_boxed()
        });
        let resting = resting.await.expect("the rows can be read");
        let resting: Vec<_> = resting.iter().map(|id| id.as_str()).collect();
        assert_eq!(resting, expected, "after {after:?} since {since:?}");
    }
}
