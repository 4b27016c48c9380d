//! The Store's orders: one aggregate, loaded and saved whole.

use scoped_futures::ScopedFutureExt as _;
use stormproof_system::error::Error;
use stormproof_system::id::{OrderId, Sku, UserId, WarehouseId};
use stormproof_system::money::{Currency, Money};
use stormproof_system::store::allocation::Share;
use stormproof_system::store::mapper::orders;
use stormproof_system::store::order::{Order, OrderLine, OrderStatus};
use stormproof_system::store::payment::{Payment, PaymentStatus};
use stormproof_system::store::saga::{Aside, Case, DeliveryState, Goal, Saga, Step, Stock};

use super::bench::{Bench, START};

super::checks!("store":
    a_case_comes_back_as_it_was_written,
    every_part_of_a_case_is_saved,
    a_write_over_another_is_refused,
    a_customer_sees_their_own_from_the_newest_on_page_by_page,
    an_order_is_written_once,
    an_unknown_name_in_the_database_decides_nothing,
);

pub fn order_id(text: impl Into<String>) -> OrderId {
    OrderId::parse(text).expect("well formed")
}

pub fn user_id(text: &str) -> UserId {
    UserId::parse(text).expect("well formed")
}

pub fn sku(text: &str) -> Sku {
    Sku::parse(text).expect("well formed")
}

/// A new order of two products, one of them from two warehouses.
pub fn case(id: &str, user: &str) -> Case {
    let price = Money::new(10_50, Currency::AUD);
    let line = |product: &str, quantity| OrderLine {
        sku: sku(product),
        name: format!("A {product}"),
        quantity,
        price,
    };
    let share = |product: &str, warehouse: &str, quantity| Share {
        sku: sku(product),
        warehouse: WarehouseId::parse(warehouse).expect("well formed"),
        quantity,
    };
    let mut arrivals = [None; 10];
    arrivals[OrderStatus::PendingPayment as usize] = Some(START);
    Case {
        order: Order {
            id: order_id(id),
            user: user_id(user),
            email: format!("{user}@shop.example"),
            status: OrderStatus::PendingPayment,
            total: Money::new(52_50, Currency::AUD),
            reason: String::new(),
            carrier_sequence: 0,
            version: 0,
            arrivals,
        },
        payment: Payment::none(),
        saga: Saga::new(START),
        lines: vec![line("mug", 2), line("teapot", 3)],
        allocation: vec![
            share("mug", "perth", 2),
            share("teapot", "perth", 1),
            share("teapot", "sydney", 2),
        ],
    }
}

pub async fn insert(bench: &Bench, case: &Case) -> Result<(), Error> {
    bench.once(|transaction| orders::insert(transaction, case).scope_boxed()).await
}

pub async fn load(bench: &Bench, id: &OrderId) -> Option<Case> {
    let loaded = bench.once(|transaction| orders::load(transaction, id).scope_boxed()).await;
    loaded.expect("the row can be read")
}

/// Saves `after`; returns it as it is now stored.
pub async fn save(bench: &Bench, before: &Case, after: &Case) -> Result<Case, Error> {
    bench
        .once(|transaction| {
            async move {
                let mut stored = after.clone();
                orders::save(transaction, before, &mut stored).await?;
                Ok(stored)
            }
            .scope_boxed()
        })
        .await
}

/// A case of which everything that may change has changed.
fn changed(before: &Case) -> Case {
    let mut after = before.clone();
    after.order = Order {
        status: OrderStatus::CancelPending,
        reason: "You cancelled the order.".into(),
        carrier_sequence: 3,
        arrivals: std::array::from_fn(|place| Some(START + place as i64)),
        ..after.order
    };
    after.payment = Payment {
        status: PaymentStatus::Parked,
        transaction_id: "debit-1".into(),
        refund_id: "refund-1".into(),
        parked_reason: "account closed".into(),
    };
    after.saga = Saga {
        goal: Goal::Cancel,
        stock: Stock::CommitStarted,
        delivery: DeliveryState::CancelRequested,
        step: Step::AwaitRefund,
        attempts: 4,
        replans: 2,
        debit_queued: true,
        next_attempt_at: START + 5,
        lease_owner: "replica-2".into(),
        lease_until: START + 6,
        epoch: 7,
        since: START + 7,
        aside: Aside { step: Step::Return, attempts: 5, since: START + 8, until: START + 9 },
    };
    after.allocation.remove(1);
    after.allocation[1].quantity = 3;
    after
}

async fn a_case_comes_back_as_it_was_written(bench: Bench) {
    let (first, second) = (case("order-1", "ada"), changed(&case("order-2", "bob")));
    insert(&bench, &first).await.expect("a new order");
    assert_eq!(load(&bench, &first.order.id).await, Some(first));
    insert(&bench, &second).await.expect("a new order");
    assert_eq!(load(&bench, &second.order.id).await, Some(second));
    assert_eq!(load(&bench, &order_id("order-3")).await, None);
}

async fn every_part_of_a_case_is_saved(bench: Bench) {
    let before = case("order-1", "ada");
    let bystander = case("order-2", "ada");
    for case in [&before, &bystander] {
        insert(&bench, case).await.expect("a new order");
    }
    let after = changed(&before);
    let stored = save(&bench, &before, &after).await.expect("nobody is in the way");
    let mut expected = after;
    expected.order.version = 1;
    assert_eq!(stored, expected);
    assert_eq!(load(&bench, &before.order.id).await, Some(expected));
    assert_eq!(load(&bench, &bystander.order.id).await, Some(bystander));
}

/// Zero rows on a stale version, whatever the other write had changed, and nothing of the whole save
/// is kept.
async fn a_write_over_another_is_refused(bench: Bench) {
    let before = case("order-1", "ada");
    insert(&bench, &before).await.expect("a new order");
    let first = save(&bench, &before, &changed(&before)).await.expect("nobody is in the way");

    let stale: [fn(&mut Case); 3] = [
        |case| case.order.reason = "stale".into(),
        |case| case.payment.parked_reason = "stale".into(),
        |case| case.saga.lease_owner = "stale".into(),
    ];
    for (number, change) in stale.into_iter().enumerate() {
        let mut second = before.clone();
        change(&mut second);
        let refused = save(&bench, &before, &second).await;
        assert!(matches!(refused, Err(Error::Serialization)), "{number}: {refused:?}");
        assert_eq!(load(&bench, &before.order.id).await.as_ref(), Some(&first), "{number}");
    }
    let mut fresh = first.clone();
    fresh.order.reason = "fresh".into();
    let fresh = save(&bench, &first, &fresh).await.expect("it saw the last write");
    // A write that changed but one part of it guards the others too.
    let mut mixed = first.clone();
    mixed.payment.parked_reason = "mixed".into();
    let refused = save(&bench, &first, &mixed).await;
    assert!(matches!(refused, Err(Error::Serialization)), "{refused:?}");
    assert_eq!(load(&bench, &before.order.id).await, Some(fresh));
}

async fn a_customer_sees_their_own_from_the_newest_on_page_by_page(bench: Bench) {
    for number in 0..103 {
        insert(&bench, &case(&format!("order-{number:03}"), "ada")).await.expect("a new order");
    }
    insert(&bench, &case("order-999", "bob")).await.expect("a new order");
    let page = async |user: &str, after: &str| {
        let user = &user_id(user);
        let cases =
            bench.once(|transaction| orders::of_user(transaction, user, after, 100).scope_boxed());
        cases.await.expect("the rows can be read").read
    };
    let of = async |user: &str| page(user, "").await;
    let newest = (3..103).rev().map(|number| case(&format!("order-{number:03}"), "ada"));
    assert_eq!(of("ada").await, newest.collect::<Vec<_>>());
    assert_eq!(of("bob").await, [case("order-999", "bob")]);
    assert_eq!(of("eve").await, []);
    let oldest = (0..3).rev().map(|number| case(&format!("order-{number:03}"), "ada"));
    assert_eq!(page("ada", "order-003").await, oldest.collect::<Vec<_>>());
    assert_eq!(page("ada", "order-000").await, []);
    // One that cannot be read is left out, and the others have their own lines all the same.
    let broken = "UPDATE orders SET step = 'DANCE' WHERE id = 'order-101'";
    assert_eq!(bench.execute(broken).await.ok(), Some(1));
    let newest = (3..103).rev().filter(|number| *number != 101);
    let newest = newest.map(|number| case(&format!("order-{number:03}"), "ada"));
    assert_eq!(of("ada").await, newest.collect::<Vec<_>>());
}

async fn an_order_is_written_once(bench: Bench) {
    let first = case("order-1", "ada");
    insert(&bench, &first).await.expect("a new order");
    let second = case("order-1", "bob");
    let refused = insert(&bench, &second).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!(load(&bench, &first.order.id).await, Some(first));
}

async fn an_unknown_name_in_the_database_decides_nothing(bench: Bench) {
    let case = case("order-1", "ada");
    insert(&bench, &case).await.expect("a new order");
    bench.execute("UPDATE orders SET goal = 'TELEPORT'").await.expect("the column takes any text");
    let id = &case.order.id;
    let read = bench.once(|transaction| orders::load(transaction, id).scope_boxed()).await;
    let error = read.expect_err("nobody knows this goal");
    assert!(error.to_string().contains("unknown goal \"TELEPORT\""), "{error}");
    for sql in ["UPDATE orders SET status = 'SOLD'", "UPDATE orders SET payment_status = 'SOLD'"] {
        assert!(bench.execute(sql).await.is_err(), "the database admits statuses only: {sql}");
    }
}
