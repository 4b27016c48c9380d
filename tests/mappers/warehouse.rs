//! The Warehouse's shelves, reservations and restocks.

use scoped_futures::ScopedFutureExt as _;
use stormproof_system::error::Error;
use stormproof_system::id::WarehouseId;
use stormproof_system::views::ViewsRequest;
use stormproof_system::warehouse::dto::{ReservationView, Restock};
use stormproof_system::warehouse::mapper;
use stormproof_system::warehouse::reservation::{Line, Reservation, Shift, State};

use super::bench::Bench;
use super::orders::{order_id, sku};

super::checks!("warehouse":
    goods_arrive_on_their_shelf,
    a_restock_key_is_claimed_once,
    availability_is_of_what_was_asked_for,
    no_more_is_held_than_lies_there,
    every_move_shifts_its_own_row,
    a_shelf_is_never_oversold,
    a_reservation_comes_back_with_its_lines,
    an_order_has_one_reservation,
    a_reservation_moves_from_the_version_that_was_seen,
    reservations_are_viewed_by_the_page,
);

fn restock(key: &str, product: &str, warehouse: &str, quantity: i64) -> Restock {
    let warehouse = WarehouseId::parse(warehouse).expect("well formed");
    Restock { key: key.into(), sku: sku(product), warehouse, quantity }
}

fn line(product: &str, warehouse: &str, quantity: i64) -> Line {
    let warehouse = WarehouseId::parse(warehouse).expect("well formed");
    Line { sku: sku(product), warehouse, quantity }
}

async fn receive(bench: &Bench, product: &str, warehouse: &str, quantity: i64) {
    let restock = &restock("first", product, warehouse, quantity);
    let received = bench.once(|transaction| mapper::receive(transaction, restock).scope_boxed());
    received.await.expect("there is room");
}

/// The books: `mug perth: received = on hand (reserved) + committed`.
async fn books(bench: &Bench) -> Vec<String> {
    let rows = bench.once(|transaction| mapper::stock(transaction).scope_boxed()).await;
    let words = rows.expect("the rows can be read").into_iter().map(|row| {
        let (on_hand, reserved) = (row.on_hand, row.reserved);
        let (received, committed) = (row.received, row.committed);
        format!("{} {}: {received} = {on_hand} ({reserved}) + {committed}", row.sku, row.warehouse)
    });
    words.collect()
}

async fn hold(bench: &Bench, line: &Line) -> bool {
    let held = bench.once(|transaction| mapper::hold(transaction, line).scope_boxed()).await;
    held.expect("the question is well formed")
}

async fn shift(bench: &Bench, line: &Line, shift: Shift) -> Result<(), Error> {
    bench.once(|transaction| mapper::shift(transaction, line, shift).scope_boxed()).await
}

async fn reservation(bench: &Bench, order: &str) -> Reservation {
    let order = &order_id(order);
    let found = bench.once(|transaction| mapper::reservation(transaction, order).scope_boxed());
    found.await.expect("the rows can be read")
}

async fn insert(bench: &Bench, order: &str, state: State) -> bool {
    let order = &order_id(order);
    let inserted =
        bench.once(|transaction| mapper::insert(transaction, order, state).scope_boxed());
    inserted.await.expect("a state that may be stored")
}

async fn insert_line(bench: &Bench, order: &str, line: &Line) -> Result<(), Error> {
    let order = &order_id(order);
    bench.once(|transaction| mapper::insert_line(transaction, order, line).scope_boxed()).await
}

async fn goods_arrive_on_their_shelf(bench: Bench) {
    assert_eq!(books(&bench).await, [""; 0]);
    let arrivals =
        [("teapot", "perth", 3), ("mug", "sydney", 5), ("teapot", "perth", 4), ("mug", "perth", 1)];
    for (product, warehouse, quantity) in arrivals {
        receive(&bench, product, warehouse, quantity).await;
    }
    let expected =
        ["mug perth: 1 = 1 (0) + 0", "mug sydney: 5 = 5 (0) + 0", "teapot perth: 7 = 7 (0) + 0"];
    assert_eq!(books(&bench).await, expected);
}

async fn a_restock_key_is_claimed_once(bench: Bench) {
    let (first, second) =
        (restock("key-1", "mug", "perth", 1), restock("key-1", "mug", "perth", 2));
    let claim = async |restock: &Restock| {
        let claimed =
            bench.once(|transaction| mapper::claim_restock(transaction, restock).scope_boxed());
        claimed.await
    };
    assert_eq!(claim(&first).await.ok(), Some(true));
    assert_eq!(claim(&second).await.ok(), Some(false));
    assert_eq!(claim(&first).await.ok(), Some(false));
    assert!(claim(&restock("key-2", "mug", "perth", 0)).await.is_err(), "nothing is no restock");
    let stored = bench.once(|transaction| mapper::restock(transaction, "key-1").scope_boxed());
    assert_eq!(stored.await.ok(), Some(first));
}

async fn availability_is_of_what_was_asked_for(bench: Bench) {
    let shelves =
        [("mug", "sydney", 5), ("teapot", "perth", 3), ("mug", "perth", 2), ("cup", "perth", 9)];
    for (product, warehouse, quantity) in shelves {
        receive(&bench, product, warehouse, quantity).await;
    }
    assert!(hold(&bench, &line("mug", "sydney", 4)).await);
    assert!(hold(&bench, &line("teapot", "perth", 3)).await);
    let table: [(&[&str], &[&str]); 4] = [
        (&["mug"], &["mug perth 2", "mug sydney 1"]),
        (&["teapot", "mug"], &["mug perth 2", "mug sydney 1", "teapot perth 0"]),
        (&["spoon"], &[]),
        (&["spoon", "cup", "fork"], &["cup perth 9"]),
    ];
    for (asked, expected) in table {
        let skus: Vec<_> = asked.iter().map(|name| sku(name)).collect();
        let skus = &skus[..];
        let rows = bench.once(|transaction| mapper::availability(transaction, skus).scope_boxed());
        let rows = rows.await.expect("the rows can be read").into_iter();
        let words = rows.map(|row| format!("{} {} {}", row.sku, row.warehouse, row.available));
        assert_eq!(words.collect::<Vec<_>>(), expected, "{asked:?}");
    }
}

async fn no_more_is_held_than_lies_there(bench: Bench) {
    receive(&bench, "mug", "perth", 5).await;
    let table = [
        (line("mug", "perth", 6), false),
        (line("mug", "perth", 3), true),
        (line("mug", "perth", 3), false),
        (line("mug", "sydney", 1), false),
        (line("cup", "perth", 1), false),
        (line("mug", "perth", 2), true),
        (line("mug", "perth", 1), false),
    ];
    for (line, expected) in table {
        assert_eq!(hold(&bench, &line).await, expected, "{line:?}");
    }
    assert_eq!(books(&bench).await, ["mug perth: 5 = 5 (5) + 0"]);
}

async fn every_move_shifts_its_own_row(bench: Bench) {
    for (product, warehouse) in [("mug", "perth"), ("mug", "sydney"), ("cup", "perth")] {
        receive(&bench, product, warehouse, 10).await;
    }
    let mug = line("mug", "perth", 4);
    assert!(hold(&bench, &mug).await);
    let journey = [
        (State::Held, State::Committed, "mug perth: 10 = 6 (0) + 4"),
        (State::Committed, State::Returned, "mug perth: 10 = 10 (0) + 0"),
        (State::Absent, State::Held, "mug perth: 10 = 10 (4) + 0"),
        (State::Held, State::Released, "mug perth: 10 = 10 (0) + 0"),
    ];
    for (from, to, expected) in journey {
        shift(&bench, &mug, from.shift(to)).await.expect("the books allow it");
        let others = ["cup perth: 10 = 10 (0) + 0", "mug sydney: 10 = 10 (0) + 0"];
        assert_eq!(books(&bench).await, [others[0], expected, others[1]], "{from:?} to {to:?}");
    }
}

/// What a service would have to get wrong first, the database still refuses.
async fn a_shelf_is_never_oversold(bench: Bench) {
    receive(&bench, "mug", "perth", 5).await;
    assert!(hold(&bench, &line("mug", "perth", 2)).await);
    let shifts = [(0, 4, 0), (0, -3, 0), (-1, 0, 0), (1, 0, 0), (1, 0, -1), (-4, 0, 4)];
    for (on_hand, reserved, committed) in shifts {
        let wrong = Shift { on_hand, reserved, committed };
        let refused = shift(&bench, &line("mug", "perth", 1), wrong).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{wrong:?}: {refused:?}");
    }
    assert_eq!(books(&bench).await, ["mug perth: 5 = 5 (2) + 0"]);
}

async fn a_reservation_comes_back_with_its_lines(bench: Bench) {
    assert_eq!(reservation(&bench, "order-1").await, Reservation::absent());
    let lines = [line("mug", "perth", 1), line("mug", "sydney", 2), line("teapot", "perth", 3)];
    assert!(insert(&bench, "order-1", State::Held).await);
    for line in lines.iter().rev() {
        insert_line(&bench, "order-1", line).await.expect("a new line");
    }
    assert!(
        insert_line(&bench, "order-1", &line("mug", "perth", 9)).await.is_err(),
        "a shelf once"
    );
    assert!(insert_line(&bench, "order-1", &line("cup", "perth", 0)).await.is_err(), "of nothing");
    let expected = Reservation { state: State::Held, version: 1, lines: lines.to_vec() };
    assert_eq!(reservation(&bench, "order-1").await, expected);
    // A tombstone has no lines.
    assert!(insert(&bench, "order-2", State::Released).await);
    let tombstone = Reservation { state: State::Released, version: 1, lines: Vec::new() };
    assert_eq!(reservation(&bench, "order-2").await, tombstone);
}

async fn an_order_has_one_reservation(bench: Bench) {
    for (order, state, expected) in [
        ("order-1", State::Held, true),
        ("order-1", State::Held, false),
        ("order-1", State::Released, false),
        ("order-2", State::Released, true),
        ("order-2", State::Held, false),
    ] {
        assert_eq!(insert(&bench, order, state).await, expected, "{order} {state:?}");
    }
    assert_eq!(reservation(&bench, "order-1").await.state, State::Held);
    assert_eq!(reservation(&bench, "order-2").await.state, State::Released);
}

async fn a_reservation_moves_from_the_version_that_was_seen(bench: Bench) {
    for order in ["order-1", "order-2"] {
        assert!(insert(&bench, order, State::Held).await);
    }
    let advance = async |order: &str, version, state| {
        let order = &order_id(order);
        let moved = bench
            .once(|transaction| mapper::advance(transaction, order, version, state).scope_boxed());
        moved.await.expect("a state that may be stored")
    };
    for (order, version, state, expected) in [
        ("order-1", 0, State::Committed, false),
        ("order-1", 2, State::Committed, false),
        ("order-1", 1, State::Committed, true),
        ("order-1", 1, State::Released, false),
        ("order-1", 2, State::Returned, true),
        ("order-3", 1, State::Released, false),
    ] {
        let moved = advance(order, version, state).await;
        assert_eq!(moved, expected, "{order} {version} {state:?}");
    }
    let first = reservation(&bench, "order-1").await;
    assert_eq!((first.state, first.version), (State::Returned, 3));
    let second = reservation(&bench, "order-2").await;
    assert_eq!((second.state, second.version), (State::Held, 1));
}

async fn reservations_are_viewed_by_the_page(bench: Bench) {
    for (order, state) in [("c", State::Held), ("a", State::Held), ("b", State::Released)] {
        assert!(insert(&bench, order, state).await);
    }
    let lines = [line("mug", "perth", 1), line("teapot", "perth", 3)];
    for line in lines.iter().rev() {
        insert_line(&bench, "a", line).await.expect("a new line");
    }
    insert_line(&bench, "c", &lines[0]).await.expect("a new line");
    let table: [(&str, i64, &[&str]); 4] = [
        ("", 9, &["a Held 2", "b Released 0", "c Held 1"]),
        // As many orders, however many lines they have.
        ("", 2, &["a Held 2", "b Released 0"]),
        ("aa", 1, &["b Released 0"]),
        ("c", 9, &[]),
    ];
    for (after, limit, expected) in table {
        let page = &ViewsRequest { after: after.into(), limit };
        let views = bench.once(|transaction| mapper::views(transaction, page).scope_boxed());
        let views = views.await.expect("the rows can be read");
        let words = |view: &ReservationView| {
            format!("{} {:?} {}", view.order_id, view.state, view.lines.len())
        };
        let views = views.read;
        assert_eq!(views.iter().map(words).collect::<Vec<_>>(), expected, "{page:?}");
        if let Some(view) = views.iter().find(|view| view.order_id.as_str() == "a") {
            assert_eq!(view.lines, lines);
        }
    }
    // One that cannot be read is left out, and said to be.
    let broken = "UPDATE reservation_lines SET sku = 'no sku' WHERE order_id = 'c'";
    assert_eq!(bench.execute(broken).await.ok(), Some(1));
    let page = &ViewsRequest { after: String::new(), limit: 9 };
    let views = bench.once(|transaction| mapper::views(transaction, page).scope_boxed());
    let views = views.await.expect("the others can be read");
    assert_eq!((views.read.len(), &*views.unreadable[0].key), (2, "c"));
    assert_eq!(views.last.as_deref(), Some("c"));
}
