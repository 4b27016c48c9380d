//! The Store's reconciler: its one row, and the orders that it may compare.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use scoped_futures::ScopedFutureExt as _;
use serde_json::json;
use stormproof_ports::story::Fact;
use stormproof_ports::time::Time;
use stormproof_ports::{Answer, Call, CallError, Http};
use stormproof_system::context::Context;
use stormproof_system::error::Error;
use stormproof_system::id::OrderId;
use stormproof_system::settings::Settings;
use stormproof_system::store::mapper::reconciliations::{self, Pass};
use stormproof_system::store::reconciliation::page;
use stormproof_system::store::saga::Goal;
use stormproof_system::views::ViewsRequest;

use super::bench::{Bench, START};
use super::orders::{case, insert, order_id};

super::checks!("store":
    the_timer_is_set_once,
    a_pass_is_written_by_its_owner_only,
    only_orders_at_rest_are_compared,
    an_order_is_known_or_not,
    what_only_others_know_is_a_difference,
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
            async move {
                transaction.moved("", Fact::new("order", "FAILED", id, ""));
                Ok(())
            }
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

async fn an_order_is_known_or_not(bench: Bench) {
    for id in ["a", "c"] {
        insert(&bench, &case(id, "ada")).await.expect("a new order");
    }
    for (asked, expected) in [(&["b", "c", "a"][..], &["a", "c"][..]), (&["b"], &[])] {
        let orders: Vec<_> = asked.iter().map(|order| order_id(*order)).collect();
        let orders = &orders[..];
        let known =
            bench.once(|transaction| reconciliations::known(transaction, orders).scope_boxed());
        let known = known.await.expect("the rows can be read");
        assert_eq!(known.iter().map(OrderId::as_str).collect::<Vec<_>>(), expected, "{asked:?}");
    }
}

/// Services of which the Warehouse knows three orders. One of them is being placed: the Store has it
/// by the time that the Warehouse can tell of it.
struct Warehouse(Bench);

impl Http for Warehouse {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, CallError>> {
        Box::pin(async move {
            let page: ViewsRequest = serde_json::from_slice(&call.body).expect("it is a page");
            let mut known = ["astray", "placed", "stray"].map(order_id).to_vec();
            known.retain(|id| id.as_str() > page.after.as_str() && call.to == "warehouse");
            known.truncate(usize::try_from(page.limit).expect("pages are short"));
            if known.contains(&order_id("placed")) {
                insert(&self.0, &case("placed", "ada")).await.ok();
            }
            let view = |id: &OrderId| json!({ "order_id": id, "state": "HELD", "lines": [] });
            let views: Vec<_> = known.iter().map(view).collect();
            let body = json!({ "views": views }).to_string().into();
            Ok(Answer { status: StatusCode::OK, headers: HeaderMap::new(), body })
        })
    }
}

async fn what_only_others_know_is_a_difference(mut bench: Bench) {
    bench.ports.http = Arc::new(Warehouse(bench.clone()));
    for limit in [1, 2, 3, 100] {
        let mut settings = Settings::default();
        settings.reconcile.batch = limit;
        let context = Context::new(bench.ports.clone(), Arc::new(settings));
        let (mut found, mut after) = (Vec::new(), Some(String::new()));
        while let Some(last) = after {
            let page = page::compared(&context, &last, Duration::ZERO).await;
            let page = page.expect("all answer");
            found.extend(page.differences.iter().map(|(id, it)| format!("{id}: {}", it.kind)));
            assert_eq!(page.compared, 0, "nothing rests");
            after = page.next.map(String::from);
            assert!(after.as_ref().is_none_or(|next| *next > last), "pages go forward");
        }
        assert_eq!(found, ["astray: order unknown", "stray: order unknown"], "pages of {limit}");
    }
    let alerts = bench.rows("SELECT order_id FROM alerts ORDER BY order_id").await;
    assert_eq!(alerts, ["astray", "stray"], "several looks, one alert each");
}
