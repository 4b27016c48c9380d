//! Which doors open for whom: support routes behind the role, service routes behind scopes, and no
//! customer's token opens a service's route, nor a service's one of the Store's.

use serde_json::{Value, json};
use stormproof_system::api::Access;
use stormproof_system::context::Context;
use stormproof_system::error::Kind;
use stormproof_system::id::UserId;
use stormproof_system::service::SERVICES;
use stormproof_system::settings::{Auth, Settings};
use stormproof_system::token;

use super::shop::{Ask, Shop, visit};

/// A door: service, method, path, a body it would take, and the scope that opens it.
type Knock = (&'static str, &'static str, &'static str, Value, &'static str);

/// Every route of the four services that only services may use.
fn doors() -> Vec<Knock> {
    let line = json!({ "sku": "mug", "warehouse": "perth", "quantity": 1 });
    let restock = json!({ "key": "k", "sku": "mug", "warehouse": "perth", "quantity": 1 });
    let aud = |minor| json!({ "minor": minor, "currency": "AUD" });
    let debit = json!({ "key": "DEBIT-o", "order_id": "o", "account": "ada", "amount": aud(1) });
    let refund = json!({
        "key": "REFUND-o", "debit_key": "DEBIT-o", "order_id": "o", "amount": aud(1),
    });
    let views = || json!({ "after": "", "limit": 1 });
    vec![
        ("warehouse", "POST", "/views", views(), "reconcile"),
        ("bank", "POST", "/views", views(), "reconcile"),
        ("delivery", "POST", "/views", views(), "reconcile"),
        ("warehouse", "POST", "/availability", json!({ "skus": ["mug"] }), "orders"),
        ("warehouse", "PUT", "/reservations/o", json!({ "lines": [line] }), "orders"),
        ("warehouse", "GET", "/reservations/o", Value::Null, "orders"),
        ("warehouse", "POST", "/reservations/o/commit", Value::Null, "orders"),
        ("warehouse", "POST", "/reservations/o/release", Value::Null, "orders"),
        ("warehouse", "POST", "/reservations/o/return", Value::Null, "orders"),
        ("warehouse", "GET", "/stock", Value::Null, "orders"),
        ("warehouse", "POST", "/stock", restock, "restock"),
        ("warehouse", "POST", "/views", views(), "reconcile"),
        ("bank", "POST", "/accounts", json!({ "owner": "ada", "balance": aud(1) }), "teller"),
        ("bank", "GET", "/accounts/ada", Value::Null, "payments"),
        ("bank", "PUT", "/accounts/ada/status", json!({ "status": "OPEN" }), "teller"),
        ("bank", "POST", "/debits", debit, "payments"),
        ("bank", "POST", "/debits/DEBIT-o/void", json!({ "order_id": "o" }), "payments"),
        ("bank", "POST", "/refunds", refund, "payments"),
        ("bank", "POST", "/views", views(), "reconcile"),
        ("delivery", "GET", "/deliveries", Value::Null, "orders"),
        ("delivery", "GET", "/deliveries/o", Value::Null, "orders"),
        ("delivery", "POST", "/deliveries/o/lost", Value::Null, "driver"),
        ("delivery", "POST", "/deliveries/o/found", Value::Null, "driver"),
        ("delivery", "POST", "/views", views(), "reconcile"),
        ("email", "GET", "/mails", Value::Null, "mailbox"),
    ]
}

/// Every route that the services say they have is knocked at.
#[test]
fn no_service_route_is_left_out() {
    let knocked = |service: &str, method: &str, path: &str, scope: &str| {
        doors().iter().any(|door| {
            // A parameter stands for the segment that the door has in its place.
            let pairs = path.split('/').zip(door.2.split('/'));
            let fits = |(said, knocked)| said == knocked || str::starts_with(said, '{');
            let same_length = path.split('/').count() == door.2.split('/').count();
            let same = (door.0, door.1, door.4) == (service, method, scope);
            same && same_length && pairs.into_iter().all(fits)
        })
    };
    for service in SERVICES.iter().filter(|service| service.name != "store") {
        for endpoint in (service.endpoints)() {
            let Access::Service(scope) = endpoint.access else {
                panic!("{} {} is open", service.name, endpoint.path)
            };
            let method = endpoint.method.as_str();
            let found = knocked(service.name, method, endpoint.path, scope);
            assert!(found, "{} {method} {} for {scope}", service.name, endpoint.path);
        }
    }
}

/// The status at a door.
async fn knock(shop: &Shop, door: &Knock, token: Option<&str>) -> u16 {
    let (service, method, path, body, _) = door;
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let mut ask = Ask::new(service, method, path, body);
    if let Some(token) = token {
        ask = ask.bearer(token);
    }
    shop.tell(ask).await.status
}

/// The Store's context with other secrets.
fn context_with(shop: &Shop, change: fn(&mut Auth)) -> Context {
    let mut settings = Settings::clone(&shop.context.settings);
    change(&mut settings.auth);
    Context::new(shop.context.ports.clone(), settings.into())
}

#[test]
fn a_service_route_opens_for_its_scope_only() {
    visit(|shop| async move {
        let customer = shop.customer("ada").await;
        let support = shop.support();
        // Should one secret ever serve for both, the audience still keeps the doors shut.
        let same_secret =
            context_with(&shop, |auth| auth.customer_secret = auth.service_secret.clone());
        let ada = UserId::parse("ada").expect("well formed");
        for door in doors() {
            let (service, method, path, _, scope) = &door;
            let wrong_secret =
                context_with(&shop, |auth| auth.service_secret = auth.customer_secret.clone());
            let elsewhere = if *service == "bank" { "warehouse" } else { "bank" };
            let for_service = |context: &Context, to: &str, scope: &str| {
                token::for_service(context, "store", to, scope)
            };
            let table = [
                ("nobody", None, 401),
                ("a customer", Some(customer.clone()), 401),
                ("the support team", Some(support.clone()), 401),
                (
                    "a customer, with the services' secret",
                    Some(token::for_user(&same_secret, &ada, "ada", scope)),
                    401,
                ),
                (
                    "a service, with the customers' secret",
                    Some(for_service(&wrong_secret, service, scope)),
                    401,
                ),
                ("for another service", Some(for_service(&shop.context, elsewhere, scope)), 401),
                ("with another scope", Some(for_service(&shop.context, service, "customer")), 403),
                ("with no scope", Some(for_service(&shop.context, service, "")), 403),
            ];
            for (who, token, expected) in table {
                let status = knock(&shop, &door, token.as_deref()).await;
                assert_eq!(status, expected, "{who} at {service} {method} {path}");
            }
            let right = for_service(&shop.context, service, scope);
            let status = knock(&shop, &door, Some(&right)).await;
            assert!(![400, 401, 403].contains(&status), "{status} at {service} {method} {path}");
        }
    });
}

#[test]
fn a_services_token_opens_no_route_of_the_store() {
    visit(|shop| async move {
        for scope in ["orders", token::CUSTOMER, token::SUPPORT] {
            for audience in ["store", "shop", "warehouse"] {
                let token = token::for_service(&shop.context, "warehouse", audience, scope);
                for path in ["/orders", "/support/alerts", "/support/refunds"] {
                    let told = shop.tell(Ask::get("store", path).bearer(&token)).await;
                    assert_eq!(told.kind(), Kind::Unauthorized, "{audience} {scope}: {told:?}");
                }
            }
        }
    });
}

#[test]
fn support_routes_open_for_the_support_team_only() {
    visit(|shop| async move {
        let (customer, support) = (shop.customer("ada").await, shop.support());
        let order = shop.tell(Ask::order(&customer, "k", "mug", 1)).await.json();
        let retry =
            format!("/support/refunds/{}/retry", order["order_id"].as_str().expect("an id"));
        let product = json!({
            "sku": "cup", "name": "cup", "price": { "minor": 1, "currency": "AUD" },
        });
        let table = [
            ("GET", "/support/refunds", Value::Null, 200),
            ("GET", "/support/alerts", Value::Null, 200),
            ("POST", "/support/reconciliations", json!({}), 200),
            // There is nothing to retry: not parked, not there.
            ("POST", &retry, Value::Null, 409),
            ("POST", "/support/refunds/none/retry", Value::Null, 404),
            ("POST", "/products", product, 204),
        ];
        for (method, path, body, expected) in table {
            let ask = |token: &str| Ask::new("store", method, path, body.to_string()).bearer(token);
            let told = shop.tell(ask(&customer)).await;
            assert_eq!(told.kind(), Kind::Forbidden, "{told:?}");
            let told = shop.tell(ask(&support)).await;
            assert_eq!(told.status, expected, "{told:?}");
        }
    });
}
