//! DeliveryCo's parcels.

use std::sync::Arc;

use scoped_futures::ScopedFutureExt as _;
use stormproof_ports::time::Time;
use stormproof_ports::worker::Progress;
use stormproof_system::context::Context;
use stormproof_system::delivery::parcel::{Parcel, Timeline};
use stormproof_system::delivery::{self, mapper};
use stormproof_system::messages::{DeliveryLine, DeliveryRequest, DeliveryStatus};

use super::bench::Bench;
use super::orders::{order_id, user_id};

super::checks!("delivery":
    a_requested_parcel_comes_back,
    an_order_has_one_parcel,
    every_change_notes_its_milestone,
    a_change_of_another_parcel_than_was_seen_is_refused,
    the_rounds_find_what_moves_next,
    parcels_are_listed_by_the_page,
    a_parcel_that_cannot_be_read_is_set_aside_and_stops_no_other,
);

fn parcel(order: &str, status: DeliveryStatus, next_move_at: Option<i64>) -> Parcel {
    Parcel {
        order_id: order_id(order),
        status,
        sequence: 1,
        changed_at: Time(100),
        found: false,
        will_be_lost: false,
        next_move_at: next_move_at.map(Time),
    }
}

fn request(order: &str) -> DeliveryRequest {
    let line = DeliveryLine {
        product_id: "teapot".into(),
        name: "A \"large\" teapot".into(),
        quantity: 2,
        warehouse: "perth".into(),
    };
    DeliveryRequest {
        order_id: order_id(order),
        customer_id: user_id("ada"),
        email: "ada@shop.example".into(),
        warehouses: vec!["perth".into()],
        lines: vec![line],
    }
}

async fn insert(bench: &Bench, parcel: &Parcel) -> bool {
    let request = &request(parcel.order_id.as_str());
    let inserted =
        bench.once(|transaction| mapper::insert(transaction.sql(), parcel, request).scope_boxed());
    inserted.await.expect("a well-formed parcel")
}

async fn insert_tombstone(bench: &Bench, order: &str) -> bool {
    let parcel = &parcel(order, DeliveryStatus::Cancelled, None);
    let inserted =
        bench.once(|transaction| mapper::insert_tombstone(transaction.sql(), parcel).scope_boxed());
    inserted.await.expect("a well-formed tombstone")
}

async fn find(bench: &Bench, order: &str) -> Option<Parcel> {
    let order = &order_id(order);
    let found = bench.once(|transaction| mapper::find(transaction.sql(), order).scope_boxed());
    found.await.expect("the row can be read")
}

async fn find_with_timeline(bench: &Bench, order: &str) -> Option<(Parcel, Timeline)> {
    let order = &order_id(order);
    let found = bench
        .once(|transaction| mapper::find_with_timeline(transaction.sql(), order).scope_boxed());
    found.await.expect("the row can be read")
}

async fn requested(bench: &Bench, order: &str) -> Option<DeliveryRequest> {
    let order = &order_id(order);
    let found = bench.once(|transaction| mapper::request(transaction.sql(), order).scope_boxed());
    found.await.expect("the row can be read")
}

async fn change(bench: &Bench, before: &Parcel, after: &Parcel) -> bool {
    let changed =
        bench.once(|transaction| mapper::change(transaction.sql(), before, after).scope_boxed());
    changed.await.expect("a well-formed parcel")
}

async fn a_requested_parcel_comes_back(bench: Bench) {
    let parcel = parcel("order-1", DeliveryStatus::Received, Some(200));
    assert!(insert(&bench, &parcel).await);
    assert_eq!(find(&bench, "order-1").await.as_ref(), Some(&parcel));
    assert_eq!(requested(&bench, "order-1").await, Some(request("order-1")));
    let timeline = Timeline { received_at: Some(Time(100)), ..Timeline::default() };
    assert_eq!(find_with_timeline(&bench, "order-1").await, Some((parcel, timeline)));

    assert!(insert_tombstone(&bench, "order-2").await);
    let (tombstone, timeline) = find_with_timeline(&bench, "order-2").await.expect("it is there");
    assert_eq!(tombstone, self::parcel("order-2", DeliveryStatus::Cancelled, None));
    let cancelled = Timeline { cancelled_at: Some(Time(100)), ..Timeline::default() };
    assert_eq!(timeline, cancelled);
    assert_eq!(requested(&bench, "order-2").await, None, "a tombstone has no content");

    assert_eq!(find(&bench, "order-3").await, None);
    assert_eq!(find_with_timeline(&bench, "order-3").await, None);
    assert_eq!(requested(&bench, "order-3").await, None);
}

async fn an_order_has_one_parcel(bench: Bench) {
    let parcel = |order| parcel(order, DeliveryStatus::Received, Some(200));
    assert!(insert(&bench, &parcel("order-1")).await);
    let again = Parcel { sequence: 9, ..parcel("order-1") };
    assert!(!insert(&bench, &again).await);
    assert!(!insert_tombstone(&bench, "order-1").await);
    assert_eq!(find(&bench, "order-1").await, Some(parcel("order-1")));
    assert!(insert_tombstone(&bench, "order-2").await);
    assert!(!insert_tombstone(&bench, "order-2").await);
    assert!(!insert(&bench, &parcel("order-2")).await);
    assert_eq!(find(&bench, "order-2").await.map(|it| it.status), Some(DeliveryStatus::Cancelled));
}

async fn every_change_notes_its_milestone(bench: Bench) {
    type Milestone = fn(&mut Timeline) -> &mut Option<Time>;
    use DeliveryStatus::*;
    let table: [(DeliveryStatus, bool, Milestone); 7] = [
        (Received, false, |it| &mut it.received_at),
        (PickedUp, false, |it| &mut it.picked_up_at),
        (InTransit, false, |it| &mut it.in_transit_at),
        (Delivered, false, |it| &mut it.delivered_at),
        (Lost, false, |it| &mut it.lost_at),
        (Cancelled, false, |it| &mut it.cancelled_at),
        (Lost, true, |it| &mut it.found_at),
    ];
    for (number, (status, found, milestone)) in table.into_iter().enumerate() {
        let order = format!("order-{number}");
        let before = parcel(&order, Received, Some(200));
        assert!(insert(&bench, &before).await);
        let mut after = Parcel {
            status,
            sequence: 2,
            changed_at: Time(300),
            will_be_lost: true,
            next_move_at: Some(Time(400)),
            ..before.clone()
        };
        after.found = found;
        assert!(change(&bench, &before, &after).await);
        let mut timeline = Timeline { received_at: Some(Time(100)), ..Timeline::default() };
        *milestone(&mut timeline) = Some(Time(300));
        let stored = find_with_timeline(&bench, &order).await;
        assert_eq!(stored, Some((after.clone(), timeline)), "{status:?} {found}");
        // Nothing more is planned for it.
        let last = Parcel { sequence: 3, will_be_lost: false, next_move_at: None, ..after.clone() };
        assert!(change(&bench, &after, &last).await);
        assert_eq!(find(&bench, &order).await, Some(last));
    }
}

async fn a_change_of_another_parcel_than_was_seen_is_refused(bench: Bench) {
    let first = parcel("order-1", DeliveryStatus::Received, Some(200));
    let bystander = parcel("order-2", DeliveryStatus::Received, Some(200));
    assert!(insert(&bench, &first).await);
    assert!(insert(&bench, &bystander).await);
    let picked_up = Parcel { status: DeliveryStatus::PickedUp, sequence: 2, ..first.clone() };
    let cancelled = Parcel { status: DeliveryStatus::Cancelled, ..picked_up.clone() };
    assert!(change(&bench, &first, &picked_up).await);
    assert!(!change(&bench, &first, &cancelled).await, "the pick-up was faster");
    let absent = parcel("order-3", DeliveryStatus::Received, None);
    assert!(!change(&bench, &absent, &absent).await);
    assert_eq!(find(&bench, "order-1").await, Some(picked_up));
    assert_eq!(find(&bench, "order-2").await, Some(bystander));
}

async fn the_rounds_find_what_moves_next(bench: Bench) {
    let moves = [("d", 30), ("b", 20), ("c", 20), ("a", 40)];
    for (order, at) in moves {
        assert!(insert(&bench, &parcel(order, DeliveryStatus::Received, Some(at))).await);
    }
    assert!(insert_tombstone(&bench, "at-rest").await);
    let table: [(i64, &[&str]); 4] =
        [(1, &["b"]), (2, &["b", "c"]), (3, &["b", "c", "d"]), (9, &["b", "c", "d", "a"])];
    for (limit, expected) in table {
        let next = bench.once(|transaction| mapper::next(transaction.sql(), limit).scope_boxed());
        let next = next.await.expect("the rows can be read");
        let orders: Vec<_> = next.read.iter().map(|parcel| parcel.order_id.as_str()).collect();
        assert_eq!(orders, expected, "{limit} at most");
        assert_eq!(next.read[0], parcel("b", DeliveryStatus::Received, Some(20)));
    }
}

async fn parcels_are_listed_by_the_page(bench: Bench) {
    for order in ["c", "a", "d", "b"] {
        assert!(insert(&bench, &parcel(order, DeliveryStatus::Received, Some(200))).await);
    }
    let table: [(&str, i64, &[&str]); 6] = [
        ("", 9, &["a", "b", "c", "d"]),
        ("", 2, &["a", "b"]),
        ("b", 2, &["c", "d"]),
        ("bb", 1, &["c"]),
        ("c", 9, &["d"]),
        ("d", 9, &[]),
    ];
    for (after, limit, expected) in table {
        let page =
            bench.once(|transaction| mapper::page(transaction.sql(), after, limit).scope_boxed());
        let page = page.await.expect("the rows can be read");
        let orders: Vec<_> = page.read.iter().map(|(parcel, _)| parcel.order_id.as_str()).collect();
        assert_eq!(orders, expected, "{limit} after {after:?}");
        assert!(page.read.iter().all(|(_, timeline)| timeline.received_at == Some(Time(100))));
    }
}

async fn a_parcel_that_cannot_be_read_is_set_aside_and_stops_no_other(bench: Bench) {
    for order in ["a", "b", "c", "d"] {
        assert!(insert(&bench, &parcel(order, DeliveryStatus::Received, Some(200))).await);
    }
    for broken in [
        "UPDATE parcels SET sequence = 9223372036854775807 WHERE order_id = 'a'",
        "UPDATE parcels SET order_id = 'no id' WHERE order_id = 'b'",
        "UPDATE parcels SET status = 'DELIVERED' WHERE order_id = 'c'",
    ] {
        assert_eq!(bench.execute(broken).await.ok(), Some(1));
    }
    let context = Context::new(bench.ports.clone(), Arc::default());
    let workers = delivery::workers(&context);
    let rounds = workers.iter().find(|worker| worker.name == "rounds").expect("it has rounds");
    assert_eq!(rounds.step().await, Progress::Worked);
    let aside = async || {
        bench
            .rows("SELECT order_id FROM parcels WHERE next_move_at IS NULL ORDER BY order_id")
            .await
    };
    assert_eq!(aside().await, ["a", "c", "no id"]);
    let moved = "SELECT status FROM parcels WHERE order_id = 'd'";
    assert_eq!(bench.rows(moved).await, ["PICKED_UP"]);
    let told = "SELECT order_id FROM alerts WHERE kind = 'unreadable row' ORDER BY order_id";
    assert_eq!(bench.rows(told).await, ["a", "c", "unreadable"]);
    let mails = "SELECT COUNT(*) FROM outbox WHERE schema_name = 'email.support'";
    assert_eq!(bench.rows(mails).await, ["3"]);
    // Nobody comes upon them again, and people put back what they have mended.
    assert!(matches!(rounds.step().await, Progress::Idle(_)));
    let mended = "UPDATE parcels SET sequence = 1, next_move_at = 0 WHERE order_id = 'a'";
    assert_eq!(bench.execute(mended).await.ok(), Some(1));
    assert!(matches!(rounds.step().await, Progress::Idle(_)));
    let moved = "SELECT status FROM parcels WHERE order_id = 'a'";
    assert_eq!(bench.rows(moved).await, ["PICKED_UP"]);
}
