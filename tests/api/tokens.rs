//! Which tokens open the Store (`protocol.md` §8, RFC 7519).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::digest::Digest;
use hmac::digest::core_api::BlockSizeUser;
use hmac::{Mac, SimpleHmac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};
use stormproof_system::api::Access;
use stormproof_system::context::Context;
use stormproof_system::error::Kind;
use stormproof_system::id::UserId;
use stormproof_system::settings::{Auth, Settings};
use stormproof_system::token;

use super::shop::{Ask, Shop, visit};

/// `{"alg":"none","typ":"JWT"}` and `{"alg":"RS256","typ":"JWT"}` in base64url.
const NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
const RS256: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9";

/// A customer's claims as the Store signs them.
fn claims(shop: &Shop) -> Value {
    let now = shop.context.ports.clock.now().seconds();
    json!({
        "iss": "stormproof", "aud": "shop", "sub": "ada", "name": "ada", "scope": "customer",
        "iat": now, "exp": now + 3600,
    })
}

/// `claims` with one of them changed, or taken away by null.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let members = claims.as_object_mut().expect("claims are an object");
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    claims
}

/// By hand, and not by what the Store signs with.
fn signed<D: Digest + BlockSizeUser>(algorithm: &str, claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": algorithm, "typ": "JWT" });
    let text = format!("{}.{}", part(&header), part(claims));
    format!("{text}.{}", signature::<D>(&text, secret))
}

fn signature<D: Digest + BlockSizeUser>(text: &str, secret: &[u8]) -> String {
    let mac = SimpleHmac::<D>::new_from_slice(secret).expect("a secret of any length is one");
    URL_SAFE_NO_PAD.encode(mac.chain_update(text).finalize().into_bytes())
}

async fn opens(shop: &Shop, token: &str) -> bool {
    let told = shop.tell(Ask::get("store", "/orders").bearer(token)).await;
    match told.status {
        200 => true,
        _ => {
            assert_eq!(told.kind(), Kind::Unauthorized, "{told:?}");
            false
        }
    }
}

#[test]
fn only_our_own_customers_tokens_open_the_store() {
    visit(|shop| async move {
        let auth = &shop.context.settings.auth;
        let (secret, services) = (&auth.customer_secret[..], &auth.service_secret[..]);
        let good = claims(&shop);
        let hs256 = |claims: &Value| signed::<Sha256>("HS256", claims, secret);
        let changed = |name: &str, value: Value| hs256(&with(good.clone(), name, value));
        let now = shop.context.ports.clock.now().seconds();
        let table = [
            ("as the Store signs it", true, hs256(&good)),
            ("another audience", false, changed("aud", json!("warehouse"))),
            ("no audience", false, changed("aud", Value::Null)),
            ("another issuer", false, changed("iss", json!("elsewhere"))),
            ("no issuer", false, changed("iss", Value::Null)),
            ("expired", false, changed("exp", json!(now - 60))),
            ("expired in 1970", false, changed("exp", json!(0))),
            ("expired before", false, changed("exp", json!(i64::MIN))),
            ("no expiry", false, changed("exp", Value::Null)),
            ("nobody", false, changed("sub", Value::Null)),
            ("a word for an expiry", false, changed("exp", json!("never"))),
            ("the services' secret", false, signed::<Sha256>("HS256", &good, services)),
            ("an empty secret", false, signed::<Sha256>("HS256", &good, b"")),
            ("HS384", false, signed::<Sha384>("HS384", &good, secret)),
            ("HS512", false, signed::<Sha512>("HS512", &good, secret)),
        ];
        for (what, expected, token) in table {
            assert_eq!(opens(&shop, &token).await, expected, "{what}");
        }
    });
}

/// The header is the caller's to write: what it says must not choose how the rest is checked.
#[test]
fn the_algorithm_is_not_the_callers_to_choose() {
    visit(|shop| async move {
        let secret = &shop.context.settings.auth.customer_secret;
        let good = signed::<Sha256>("HS256", &claims(&shop), secret);
        assert!(opens(&shop, &good).await);
        let (head, rest) = good.split_once('.').expect("three parts");
        let (body, signed_before) = rest.split_once('.').expect("three parts");
        let confused = format!("{RS256}.{body}");
        let confused_signature = signature::<Sha256>(&confused, secret);
        for (what, token) in [
            ("none, unsigned", format!("{NONE}.{body}.")),
            ("none, without the last part", format!("{NONE}.{body}")),
            ("none, signed as before", format!("{NONE}.{body}.{signed_before}")),
            ("RS256, with the secret for a key", format!("{confused}.{confused_signature}")),
            ("unsigned", format!("{head}.{body}.")),
            ("cut short", format!("{head}.{body}.{}", &signed_before[1..])),
            ("no token", "Bearer".to_owned()),
            ("dots", "..".to_owned()),
        ] {
            assert!(!opens(&shop, &token).await, "{what}");
        }
    });
}

/// Expiry is judged by the Store's clock, with an explicit leeway.
#[test]
fn a_token_lives_as_long_as_it_says() {
    visit(|shop| async move {
        let ada = UserId::parse("ada").expect("well formed");
        let issued = shop.context.ports.clock.now();
        let token = token::for_user(&shop.context, &ada, "ada", token::CUSTOMER);
        let auth = &shop.context.settings.auth;
        let end = auth.token_lifetime + auth.leeway;
        assert_eq!(end, Duration::from_secs(3630));
        for (after, expected) in [
            (Duration::ZERO, true),
            (Duration::from_secs(3600), true),
            (end - Duration::from_secs(2), true),
            (end + Duration::from_secs(1), false),
        ] {
            let passed = shop.context.ports.clock.now().since(issued);
            shop.world.sleep(after.saturating_sub(passed)).await;
            assert_eq!(opens(&shop, &token).await, expected, "after {after:?}");
        }
    });
}

/// Every customers' route asks for a token, in the one way that RFC 6750 §2.1 names.
#[test]
fn customers_routes_ask_who_it_is() {
    visit(|shop| async move {
        let good =
            signed::<Sha256>("HS256", &claims(&shop), &shop.context.settings.auth.customer_secret);
        let routes = [
            ("GET", "/orders"),
            ("POST", "/orders"),
            ("GET", "/orders/order-1"),
            ("GET", "/orders/order-1/timeline"),
            ("POST", "/orders/order-1/cancel"),
            ("POST", "/products"),
            ("GET", "/support/refunds"),
            ("POST", "/support/refunds/order-1/retry"),
            ("GET", "/support/alerts"),
            ("POST", "/support/reconciliations"),
        ];
        let endpoints = stormproof_system::store::endpoints().into_iter();
        let closed = endpoints.filter(|endpoint| endpoint.access != Access::Open).count();
        assert_eq!(closed, routes.len(), "every route that is not open is in the table");
        let product = br#"{"sku":"a","name":"a","price":{"minor":1,"currency":"AUD"}}"#;
        let credentials =
            [None, Some(format!("Basic {good}")), Some(good.clone()), Some("Bearer ".into())];
        for (method, path) in routes {
            for credential in &credentials {
                let body = if path == "/products" { &product[..] } else { b"{}" };
                let mut ask = Ask::new("store", method, path, body);
                if let Some(credential) = credential {
                    ask = ask.with("authorization", credential);
                }
                let told = shop.tell(ask).await;
                assert_eq!(told.kind(), Kind::Unauthorized, "{credential:?}: {told:?}");
            }
        }
        assert_eq!(shop.tell(Ask::get("store", "/products")).await.status, 200, "for everybody");
    });
}

/// A token that somebody else issues in the same way, with another name or another secret.
#[test]
fn another_shops_tokens_open_nothing() {
    visit(|shop| async move {
        let ada = UserId::parse("ada").expect("well formed");
        let shop_like = |change: fn(&mut Auth)| {
            let mut settings = Settings::clone(&shop.context.settings);
            change(&mut settings.auth);
            let context = Context::new(shop.context.ports.clone(), Arc::new(settings));
            token::for_user(&context, &ada, "ada", token::CUSTOMER)
        };
        assert!(opens(&shop, &shop_like(|_| ())).await);
        assert!(!opens(&shop, &shop_like(|auth| auth.issuer = "another shop".into())).await);
        assert!(!opens(&shop, &shop_like(|auth| auth.customer_secret[0] ^= 1)).await);
    });
}
