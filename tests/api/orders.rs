//! Placing, finding and cancelling orders: keys, refusals, and whose order it is (`protocol.md` §3).

use std::time::Duration;

use futures::future::join;
use serde_json::json;
use stormproof_system::error::Kind;
use stormproof_world::faults::{Fault, FaultKind, Target};

use super::shop::{Ask, Shop, Told, visit};

/// The id in an order's `Location`.
fn id(told: &Told) -> String {
    let location = told.header("location").expect("a location");
    location.strip_prefix("/orders/").expect("an order's address").to_owned()
}

fn is_replay(told: &Told) -> bool {
    told.header("idempotent-replayed") == Some("true")
}

fn orders(shop: &Shop) -> i64 {
    shop.count("SELECT count(*) FROM orders")
}

#[test]
fn an_order_is_accepted_and_found_where_it_says() {
    visit(|shop| async move {
        let ada = shop.customer("ada").await;
        let told = shop.tell(Ask::order(&ada, "key-1", "teapot", 2)).await;
        assert_eq!((told.status, is_replay(&told)), (202, false), "{told:?}");
        assert_eq!(told.header("content-type"), Some("application/json"));
        let expected = json!({
            "order_id": id(&told), "status": "PENDING_PAYMENT", "payment": "NONE",
            "total": { "minor": 20_00, "currency": "AUD" }, "explanation": "",
            "lines": [{
                "sku": "teapot", "name": "teapot", "quantity": 2,
                "price": { "minor": 10_00, "currency": "AUD" },
            }],
        });
        assert_eq!(told.json(), expected);
        let found = Ask::get("store", told.header("location").expect("a location")).bearer(&ada);
        assert_eq!(shop.tell(found).await.json(), expected);
        let listed = shop.tell(Ask::get("store", "/orders").bearer(&ada)).await;
        assert_eq!((listed.json(), listed.header("link")), (json!([expected]), None));
        for (path, status) in
            [(format!("/orders?after={}", id(&told)), 200), ("/orders?after=a%20b".into(), 400)]
        {
            let page = shop.tell(Ask::get("store", &path).bearer(&ada)).await;
            assert_eq!(page.status, status, "{page:?}");
            assert!(status != 200 || page.json() == json!([]), "{page:?}");
        }
        let path = format!("/orders/{}/timeline", id(&told));
        let timeline = shop.tell(Ask::get("store", &path).bearer(&ada)).await.json();
        assert_eq!(timeline[0]["status"], "PENDING_PAYMENT");
        assert_eq!(timeline.as_array().map(Vec::len), Some(1));
    });
}

/// Whatever is refused leaves nothing behind, and its key is free.
#[test]
fn what_no_order_can_be_is_refused() {
    visit(|shop| async move {
        let ada = shop.customer("ada").await;
        let line = |sku: &str, quantity: &str| {
            format!(r#"{{"lines":[{{"sku":{sku},"quantity":{quantity}}}]}}"#)
        };
        let mug = |quantity: &str| line(r#""mug""#, quantity);
        let lines = |count: usize| {
            let line = |number| json!({ "sku": format!("sku-{number}"), "quantity": 1 });
            json!({ "lines": (0..count).map(line).collect::<Vec<_>>() }).to_string()
        };
        let bodies = [
            ("nothing", String::new()),
            ("no JSON", "lines".to_owned()),
            ("half of it", mug("1").split_at(20).0.to_owned()),
            ("something behind it", format!("{} {{}}", mug("1"))),
            ("null", "null".to_owned()),
            ("a list", "[]".to_owned()),
            ("an empty object", "{}".to_owned()),
            ("no lines", r#"{"lines":[]}"#.to_owned()),
            ("too many lines", lines(51)),
            ("unknown member", r#"{"lines":[{"sku":"mug","quantity":1,"price":1}]}"#.to_owned()),
            ("no quantity", r#"{"lines":[{"sku":"mug"}]}"#.to_owned()),
            (
                "a product twice",
                format!(r#"{{"lines":[{0},{0}]}}"#, r#"{"sku":"mug","quantity":1}"#),
            ),
            ("unknown product", line(r#""spoon""#, "1")),
            ("a product beyond ids", line(r#""mu g""#, "1")),
            ("no product's name", line(r#""""#, "1")),
            ("a number for a product", line("1", "1")),
            ("zero", mug("0")),
            ("negative", mug("-1")),
            ("one too many", mug("1001")),
            ("huge", mug("9223372036854775807")),
            ("beyond 64 bits", mug("9223372036854775808")),
            ("beyond all bounds", mug("1e999")),
            ("half a mug", mug("0.5")),
            ("one and a bit", mug("1.0")),
            ("words", mug(r#""1""#)),
            ("no UTF-8", "\u{0}".to_owned()),
        ];
        for (what, body) in bodies {
            let ask = Ask::new("store", "POST", "/orders", body).bearer(&ada);
            let told = shop.tell(ask.with("idempotency-key", "key-1")).await;
            assert_eq!(told.kind(), Kind::Invalid, "{what}: {told:?}");
        }
        assert_eq!(orders(&shop), 0);
        assert_eq!(shop.count("SELECT count(*) FROM idempotency"), 0);
        let most = shop.tell(Ask::order(&ada, "key-1", "mug", 500)).await;
        assert_eq!((most.status, is_replay(&most)), (202, false), "{most:?}");
    });
}

#[test]
fn an_order_needs_a_key() {
    visit(|shop| async move {
        let ada = shop.customer("ada").await;
        let body = json!({ "lines": [{ "sku": "mug", "quantity": 1 }] });
        let told = shop.tell(Ask::post("store", "/orders", &body).bearer(&ada)).await;
        assert_eq!((told.status, told.kind()), (400, Kind::MissingKey));
        let long = "k".repeat(65);
        for key in ["", "\"\"", "two words", "a/b", "\"a", &long] {
            let ok = key == "\"a";
            let told = shop.tell(Ask::order(&ada, key, "mug", 1)).await;
            match ok {
                // A quote that does not close is forgiven, like quotes that do.
                true => assert_eq!(told.status, 202, "{key:?}"),
                false => assert_eq!(told.kind(), Kind::MissingKey, "{key:?}"),
            }
        }
        assert_eq!(orders(&shop), 1);
    });
}

#[test]
fn a_key_has_one_answer() {
    visit(|shop| async move {
        let (ada, bob) = (shop.customer("ada").await, shop.customer("bob").await);
        let first = shop.tell(Ask::order(&ada, "key-1", "teapot", 1)).await;
        assert_eq!((first.status, is_replay(&first)), (202, false));
        // The shelf empties meanwhile, and the price changes: the answer does not.
        let last = shop.tell(Ask::order(&bob, "key-9", "teapot", 3)).await;
        assert_eq!(last.status, 202);
        let again = shop.tell(Ask::order(&ada, "key-1", "teapot", 1)).await;
        assert!(is_replay(&again), "{again:?}");
        assert_eq!((again.status, &again.body, id(&again)), (202, &first.body, id(&first)));
        let quoted = shop.tell(Ask::order(&ada, "\"key-1\"", "teapot", 1)).await;
        assert_eq!((quoted.status, id(&quoted)), (202, id(&first)), "RFC 8941 strings have quotes");
        let words = "{ \"lines\": [ { \"quantity\": 1, \"sku\": \"teapot\" } ] }\n";
        let ask = Ask::new("store", "POST", "/orders", words).bearer(&ada);
        let told = shop.tell(ask.with("idempotency-key", "key-1")).await;
        assert_eq!((told.status, is_replay(&told), id(&told)), (202, true, id(&first)));
        // Another body is another order, whatever its key.
        for ask in [Ask::order(&ada, "key-1", "teapot", 2), Ask::order(&ada, "key-1", "mug", 1)] {
            let told = shop.tell(ask).await;
            assert_eq!((told.status, told.kind()), (422, Kind::KeyReused));
        }
        assert_eq!(orders(&shop), 2);
        // Keys are each customer's own.
        let bobs = shop.tell(Ask::order(&bob, "key-1", "mug", 1)).await;
        assert_eq!((bobs.status, is_replay(&bobs)), (202, false), "{bobs:?}");
        let next = shop.tell(Ask::order(&ada, "key-2", "teapot", 1)).await;
        assert_eq!((next.status, is_replay(&next)), (202, false), "another key, another order");
        assert_eq!(orders(&shop), 4);
    });
}

/// A refusal for want of stock is an answer like any other: kept, and given again.
#[test]
fn too_little_stock_is_the_keys_answer_too() {
    visit(|shop| async move {
        let ada = shop.customer("ada").await;
        let first = shop.tell(Ask::order(&ada, "key-1", "teapot", 4)).await;
        assert_eq!((first.status, first.kind()), (409, Kind::NotEnoughStock));
        assert_eq!(first.json()["order_id"], id(&first));
        let path = format!("/orders/{}", id(&first));
        let order = shop.tell(Ask::get("store", &path).bearer(&ada)).await.json();
        assert_eq!(order["status"], "FAILED");
        let again = shop.tell(Ask::order(&ada, "key-1", "teapot", 4)).await;
        assert!(is_replay(&again) && !is_replay(&first), "{again:?}");
        assert_eq!(
            (again.kind(), &again.body, id(&again)),
            (first.kind(), &first.body, id(&first))
        );
        assert_eq!(orders(&shop), 1);
    });
}

/// Two at once: nobody is told to wait, for a key is unknown or answered.
#[test]
fn twins_get_one_answer() {
    visit(|shop| async move {
        let ada = shop.customer("ada").await;
        for number in 0..5 {
            let key = format!("same-{number}");
            let twin = || shop.tell(Ask::order(&ada, &key, "mug", 1));
            let (first, second) = join(twin(), twin()).await;
            assert_eq!((first.status, second.status), (202, 202), "{first:?} {second:?}");
            assert_eq!((id(&first), &first.body), (id(&second), &second.body));
            assert_ne!(is_replay(&first), is_replay(&second), "one of them is the first");

            let key = format!("other-{number}");
            let twin = |quantity| shop.tell(Ask::order(&ada, &key, "mug", quantity));
            let (first, second) = join(twin(1), twin(2)).await;
            let mut statuses = [first.status, second.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [202, 422], "{first:?} {second:?}");
            assert_eq!(orders(&shop), 2 * (number + 1));
        }
    });
}

/// While the Warehouse is away nothing happens, and nothing is remembered.
#[test]
fn a_failure_that_passes_is_no_answer() {
    visit(|shop| async move {
        let ada = shop.customer("ada").await;
        let restart = Duration::from_secs(60);
        let stop = Fault::new(FaultKind::Stop, Target::node("warehouse"));
        shop.world.strike(&stop.by(restart));
        let told = shop.tell(Ask::order(&ada, "key-1", "mug", 1)).await;
        assert_eq!((told.status, told.kind()), (503, Kind::Unavailable));
        assert_eq!(shop.count("SELECT count(*) FROM idempotency"), 0);
        shop.world.sleep(restart + Duration::from_secs(1)).await;
        let told = shop.tell(Ask::order(&ada, "key-1", "mug", 1)).await;
        assert_eq!((told.status, is_replay(&told)), (202, false), "{told:?}");
    });
}

/// Nobody learns that an order exists which is not theirs.
#[test]
fn a_foreign_order_is_as_good_as_none() {
    visit(|shop| async move {
        let (ada, bob) = (shop.customer("ada").await, shop.customer("bob").await);
        let adas = id(&shop.tell(Ask::order(&ada, "key-1", "mug", 1)).await);
        let support = shop.support();
        for (method, rest) in [("GET", ""), ("GET", "/timeline"), ("POST", "/cancel")] {
            let ask = |order: &str, token: &str| {
                Ask::new("store", method, &format!("/orders/{order}{rest}"), "").bearer(token)
            };
            let none = shop.tell(ask("no-such-order", &bob)).await;
            assert_eq!((none.status, none.kind()), (404, Kind::NotFound));
            for stranger in [&bob, &support] {
                let foreign = shop.tell(ask(&adas, stranger)).await;
                let told = (foreign.status, foreign.headers, foreign.body);
                assert_eq!(told, (none.status, none.headers.clone(), none.body.clone()), "{rest}");
            }
        }
        let mine = shop.tell(Ask::get("store", &format!("/orders/{adas}")).bearer(&ada)).await;
        assert_eq!(mine.json()["status"], "PENDING_PAYMENT", "nothing came of the cancel");
        let bobs = shop.tell(Ask::get("store", "/orders").bearer(&bob)).await;
        assert_eq!(bobs.json(), json!([]));
    });
}

#[test]
fn a_cancel_is_accepted_once_and_told_again() {
    visit(|shop| async move {
        let ada = shop.customer("ada").await;
        let order = id(&shop.tell(Ask::order(&ada, "key-1", "mug", 1)).await);
        let cancel = async |order: &str| {
            let path = format!("/orders/{order}/cancel");
            shop.tell(Ask::new("store", "POST", &path, "").bearer(&ada)).await
        };
        let first = cancel(&order).await;
        assert_eq!((first.status, &first.json()["status"]), (202, &json!("CANCEL_PENDING")));
        let again = cancel(&order).await;
        assert_eq!((again.status, again.json()), (202, first.json()));
        let failed = id(&shop.tell(Ask::order(&ada, "key-2", "teapot", 9)).await);
        let late = cancel(&failed).await;
        assert_eq!((late.status, late.kind()), (409, Kind::Conflict));
        assert_eq!(late.json()["order_status"], "FAILED");
    });
}
