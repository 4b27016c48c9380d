//! Every refusal is a problem document (RFC 9457), whatever was wrong with the request. That each
//! is one, is checked wherever something is asked; here are the requests that no handler sees.

use stormproof_system::error::Kind;
use stormproof_system::token;

use super::shop::{Ask, visit};

#[test]
fn unknown_routes_and_methods_are_refused() {
    visit(|shop| async move {
        let table = [
            ("store", "GET", "/", Kind::NotFound),
            ("store", "GET", "/nowhere", Kind::NotFound),
            ("store", "GET", "/orders/", Kind::NotFound),
            ("store", "GET", "/orders/a/b/c", Kind::NotFound),
            ("store", "GET", "/login", Kind::MethodNotAllowed),
            ("store", "PUT", "/orders", Kind::MethodNotAllowed),
            ("store", "DELETE", "/orders/a", Kind::MethodNotAllowed),
            ("store", "GET", "/orders/a/cancel", Kind::MethodNotAllowed),
            ("store", "BREW", "/products", Kind::MethodNotAllowed),
            ("warehouse", "GET", "/shelves", Kind::NotFound),
            ("warehouse", "DELETE", "/stock", Kind::MethodNotAllowed),
            ("bank", "GET", "/vault", Kind::NotFound),
            ("bank", "GET", "/debits", Kind::MethodNotAllowed),
            ("delivery", "GET", "/vans", Kind::NotFound),
            ("delivery", "POST", "/deliveries", Kind::MethodNotAllowed),
            ("email", "GET", "/", Kind::NotFound),
            ("email", "POST", "/mails", Kind::MethodNotAllowed),
        ];
        for (service, method, path, expected) in table {
            let told = shop.tell(Ask::new(service, method, path, "")).await;
            assert_eq!(told.kind(), expected, "{told:?}");
            // A 405 says what there is (RFC 9110 §15.5.6).
            assert_eq!(
                told.header("allow").is_some(),
                expected == Kind::MethodNotAllowed,
                "{told:?}"
            );
        }
    });
}

#[test]
fn paths_that_are_no_ids_are_refused() {
    visit(|shop| async move {
        let ada = shop.customer("ada").await;
        let token = |service, scope| token::for_service(&shop.context, "store", service, scope);
        let routes = [
            ("store", "GET", "/orders/{}", ada.clone()),
            ("store", "GET", "/orders/{}/timeline", ada.clone()),
            ("store", "POST", "/orders/{}/cancel", ada.clone()),
            ("store", "POST", "/support/refunds/{}/retry", shop.support()),
            ("warehouse", "GET", "/reservations/{}", token("warehouse", "orders")),
            ("warehouse", "POST", "/reservations/{}/commit", token("warehouse", "orders")),
            ("bank", "GET", "/accounts/{}", token("bank", "payments")),
            ("delivery", "GET", "/deliveries/{}", token("delivery", "orders")),
            ("delivery", "POST", "/deliveries/{}/lost", token("delivery", "driver")),
        ];
        let long = "x".repeat(65);
        for (service, method, path, token) in routes {
            for segment in ["%ff", "%00", "a%20b", "a%2Fb", "%C3%BC", "'or'1'='1", &long] {
                let ask = Ask::new(service, method, &path.replace("{}", segment), "");
                let told = shop.tell(ask.bearer(&token)).await;
                assert_eq!(told.kind(), Kind::Invalid, "{told:?}");
            }
        }
        for query in ["limit=0", "limit=1001", "limit=all", "limit=1&limit=2", "after=%00"] {
            let ask = Ask::get("delivery", &format!("/deliveries?{query}"));
            let told = shop.tell(ask.bearer(&token("delivery", "orders"))).await;
            assert_eq!(told.kind(), Kind::Invalid, "{told:?}");
        }
    });
}

#[test]
fn bodies_that_no_memory_should_hold_are_refused() {
    visit(|shop| async move {
        let ada = shop.customer("ada").await;
        let teller = token::for_service(&shop.context, "staff", "bank", "teller");
        let restock = token::for_service(&shop.context, "staff", "warehouse", "restock");
        let huge = || vec![b' '; 3 << 20];
        for (service, path, token) in [
            ("store", "/register", &ada),
            ("store", "/login", &ada),
            ("store", "/orders", &ada),
            ("store", "/products", &shop.support()),
            ("warehouse", "/stock", &restock),
            ("bank", "/accounts", &teller),
        ] {
            let ask = Ask::new(service, "POST", path, huge()).bearer(token);
            let told = shop.tell(ask.with("idempotency-key", "key-1")).await;
            assert_eq!(told.kind(), Kind::TooLarge, "{service} {path}");
        }
    });
}

/// A mistake in a document is told by its place and by what was expected, never by its value.
#[test]
fn mistakes_are_told_without_the_value() {
    visit(|shop| async move {
        let table = [
            ("", "the body: expected JSON, which ends or breaks at line 1 column 0"),
            ("{", "the body: expected JSON, which ends or breaks at line 1 column 1"),
            (r#""correct horse battery""#, "the body: expected struct Login at line 1 column 23"),
            (
                r#"{"username":"ada","password":["correct horse battery"]}"#,
                "the body: expected a string at line 1 column 29",
            ),
            (
                r#"{"username":"ada","password":12345678}"#,
                "the body: expected a string at line 1 column 37",
            ),
            (r#"{"username":"ada"}"#, "the body: missing field `password` at line 1 column 18"),
        ];
        for (body, expected) in table {
            for path in ["/login", "/register"] {
                let told = shop.tell(Ask::new("store", "POST", path, body)).await;
                assert_eq!(told.kind(), Kind::Invalid);
                let detail =
                    told.json()["detail"].as_str().map(|it| it.replace("Register", "Login"));
                assert_eq!(detail.as_deref(), Some(expected), "{path}");
            }
        }
        let nul =
            r#"{"username":"a\u0000da","password":"correct horse","email":"ada@shop.example"}"#;
        let told = shop.tell(Ask::new("store", "POST", "/register", nul)).await;
        assert_eq!(told.kind(), Kind::Invalid, "{told:?}");
    });
}
