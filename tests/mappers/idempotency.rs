//! The first answer to each client's key.

use scoped_futures::ScopedFutureExt as _;
use stormproof_system::store::mapper::idempotency::{self, Asking, ClientKey, Stored};

use super::accounts;
use super::bench::Bench;
use super::orders::user_id;

super::checks!("store":
    an_answer_is_found_by_user_route_and_key,
    who_asks_is_known_and_what_was_answered,
    a_key_has_one_answer,
);

fn stored(number: u16) -> Stored {
    Stored {
        body_hash: format!("hash {number}"),
        status: 200 + number,
        location: format!("/orders/{number}"),
        body: format!("{{\"number\":{number}}}"),
    }
}

/// A key as a user, a route and a text.
type Key = (&'static str, &'static str, String);

async fn insert(bench: &Bench, (user, route, key): &Key, stored: &Stored) -> bool {
    let key = ClientKey { user: &user_id(user), route, key };
    let inserted =
        bench.once(|transaction| idempotency::insert(transaction, key, stored).scope_boxed()).await;
    inserted.expect("the row can be written")
}

async fn find(bench: &Bench, (user, route, key): &Key) -> Option<Stored> {
    let key = ClientKey { user: &user_id(user), route, key };
    let found = bench.once(|transaction| idempotency::find(transaction, key).scope_boxed()).await;
    found.expect("the row can be read")
}

fn key(text: impl ToString) -> Key {
    ("ada", "POST /orders", text.to_string())
}

async fn an_answer_is_found_by_user_route_and_key(bench: Bench) {
    let keys =
        [key(1), ("bob", "POST /orders", "1".into()), ("ada", "POST /returns", "1".into()), key(2)];
    for (number, key) in (0..).zip(&keys) {
        assert_eq!(find(&bench, key).await, None);
        assert!(insert(&bench, key, &stored(number)).await, "the key is new");
    }
    for (number, key) in (0..).zip(&keys) {
        assert_eq!(find(&bench, key).await, Some(stored(number)));
    }
}

async fn who_asks_is_known_and_what_was_answered(bench: Bench) {
    for name in ["ada", "bob"] {
        accounts::insert(&bench, &accounts::user(name, name, "customer"))
            .await
            .expect("it is free");
    }
    assert!(insert(&bench, &key(1), &stored(1)).await, "the key is new");
    let answered =
        |name: &str, stored| Some(Asking { email: format!("{name}@shop.example"), stored });
    for ((user, route, key), expected) in [
        (key(1), answered("ada", Some(stored(1)))),
        (key(2), answered("ada", None)),
        (("ada", "POST /returns", "1".into()), answered("ada", None)),
        (("bob", "POST /orders", "1".into()), answered("bob", None)),
        (("eve", "POST /orders", "1".into()), None),
    ] {
        let asked = ClientKey { user: &user_id(user), route, key: &key };
        let asking =
            bench.once(|transaction| idempotency::asking(transaction, asked).scope_boxed()).await;
        assert_eq!(asking.expect("the rows can be read"), expected, "{user} {route} {key}");
    }
}

async fn a_key_has_one_answer(bench: Bench) {
    assert!(insert(&bench, &key(1), &stored(1)).await, "the key is new");
    assert!(!insert(&bench, &key(1), &stored(2)).await, "it is taken");
    assert_eq!(find(&bench, &key(1)).await, Some(stored(1)));
}
