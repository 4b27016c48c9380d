//! Registering and logging in (`protocol.md` §8).

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Either, pending, select};
use serde_json::json;
use stormproof_ports::notify::Notify;
use stormproof_ports::{Compute, Ports};
use stormproof_system::context::Context;
use stormproof_system::error::Kind;
use stormproof_system::settings::{Auth, Settings};

use super::shop::{Ask, PASSWORD, Shop, WRONG, settings, visit};

#[test]
fn who_may_register() {
    visit(|shop| async move {
        let long = "x".repeat(129);
        let table = [
            ("ada", PASSWORD, "ada@shop.example", None),
            ("ada", PASSWORD, "ada@shop.example", Some(Kind::Conflict)),
            ("Ada_2.b-c", "8letters", "a+b@c", None),
            ("ad", PASSWORD, "a@b", Some(Kind::Invalid)),
            (&long[..33], PASSWORD, "a@b", Some(Kind::Invalid)),
            ("a b", PASSWORD, "a@b", Some(Kind::Invalid)),
            ("a\u{0}b", PASSWORD, "a@b", Some(Kind::Invalid)),
            ("bob", "7letter", "a@b", Some(Kind::Invalid)),
            ("bob", &long, "a@b", Some(Kind::Invalid)),
            ("bob", PASSWORD, "", Some(Kind::Invalid)),
            ("bob", PASSWORD, "a", Some(Kind::Invalid)),
            ("bob", PASSWORD, "@b", Some(Kind::Invalid)),
            ("bob", PASSWORD, "a@", Some(Kind::Invalid)),
            ("bob", PASSWORD, "a@b\r\nBcc: eve@b", Some(Kind::Invalid)),
            ("bob", PASSWORD, "a@b,c@d", Some(Kind::Invalid)),
        ];
        for (username, password, email, expected) in table {
            let body = json!({ "username": username, "password": password, "email": email });
            let told = shop.tell(Ask::post("store", "/register", &body)).await;
            let case = format!("{username:?} {email:?}: {told:?}");
            match expected {
                None => assert_eq!(told.status, 201, "{case}"),
                Some(kind) => assert_eq!(told.kind(), kind, "{case}"),
            }
        }
        assert_eq!(shop.count("SELECT count(*) FROM users"), 2);
    });
}

#[test]
fn a_login_opens_the_shop() {
    visit(|shop| async move {
        let registered = shop.tell(Ask::register("ada")).await.json();
        let told = shop.tell(Ask::login("ada", PASSWORD)).await;
        assert_eq!(told.status, 200, "{told:?}");
        let login = told.json();
        assert_eq!(login["user_id"], registered["user_id"]);
        assert_eq!(login["expires_in"], 3600);
        let token = login["token"].as_str().expect("a token");
        let orders = shop.tell(Ask::get("store", "/orders").bearer(token)).await;
        assert_eq!((orders.status, orders.json()), (200, json!([])));
    });
}

/// Nobody learns from a login which names there are: status, headers, body and work are the same.
#[test]
fn an_unknown_user_and_a_wrong_password_are_alike() {
    visit(|shop| async move {
        assert_eq!(shop.tell(Ask::register("ada")).await.status, 201);
        let mut answers = Vec::new();
        for name in ["ada", "eve", "ada", "no such name at all", "", "a\u{0}b"] {
            let before = shop.hashes();
            let told = shop.tell(Ask::login(name, WRONG)).await;
            assert_eq!(told.kind(), Kind::Unauthorized);
            assert_eq!(shop.hashes() - before, 1, "{name:?}");
            answers.push(told);
        }
        assert!(answers.iter().all(|told| *told == answers[0]), "{answers:#?}");
        assert_eq!(shop.tell(Ask::login("ada", PASSWORD)).await.status, 200);
    });
}

/// No parameters can make a hash here, so whoever makes one where requests are served panics. The
/// port only tells that it was asked.
#[test]
fn hashes_are_made_by_the_port_alone() {
    visit(|shop| async move {
        let token = shop.customer("ada").await;
        assert!(!token.is_empty());
        let auth = Auth { hash_passes: 0, ..settings().auth };
        let settings = Arc::new(Settings { auth, ..settings() });
        let asked = Notify::default();
        let compute = Arc::new(Never(asked.clone()));
        let ports = Ports { compute, ..shop.context.ports.clone() };
        let shop = shop.with_store(&Context::new(ports, settings));
        let logins = ["eve", "ada", "eve"].map(|name| Ask::login(name, WRONG));
        for ask in logins.into_iter().chain([Ask::register("bob")]) {
            let answer = shop.tell(ask).boxed();
            let first = select(answer, asked.notified().boxed()).await;
            assert!(matches!(first, Either::Right(_)), "answered without a hash");
        }
    });
}

/// Tells that it was asked, and does nothing.
struct Never(Notify);

impl Compute for Never {
    fn run(&self, _: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()> {
        self.0.notify_one();
        pending().boxed()
    }
}

/// A series of logins by `name` from `address`; the status of each.
async fn logins(shop: &Shop, count: usize, who: impl Fn(usize) -> (String, String)) -> Vec<u16> {
    let mut statuses = Vec::new();
    for number in 0..count {
        let (name, address) = who(number);
        let told = shop.tell(Ask::login(&name, WRONG).from(&address)).await;
        statuses.push(told.status);
    }
    statuses
}

/// So many are let through, and the rest are not.
fn first(allowed: usize, of: usize) -> Vec<u16> {
    (0..of).map(|number| if number < allowed { 401 } else { 429 }).collect()
}

#[test]
fn a_user_may_try_ten_times_a_minute_wherever_from() {
    visit(|shop| async move {
        assert_eq!(shop.tell(Ask::register("ada")).await.status, 201);
        let by_ada = |number| ("ada".to_owned(), format!("10.0.0.{number}"));
        assert_eq!(logins(&shop, 12, by_ada).await, first(10, 12));
        // Not with the right password either, and no password is looked at.
        let hashes = shop.hashes();
        let told = shop.tell(Ask::login("ada", PASSWORD)).await;
        assert_eq!((told.kind(), shop.hashes()), (Kind::TooManyRequests, hashes));
        let other = shop.tell(Ask::login("bob", WRONG).from("10.0.0.1")).await;
        assert_eq!(other.status, 401, "another user is not concerned");
    });
}

#[test]
fn an_address_may_try_ten_times_a_minute_whoever_it_is() {
    visit(|shop| async move {
        let by_all = |number| (format!("user-{number}"), "10.0.0.1".to_owned());
        assert_eq!(logins(&shop, 12, by_all).await, first(10, 12));
        let elsewhere = shop.tell(Ask::login("user-99", WRONG).from("10.0.0.2")).await;
        assert_eq!(elsewhere.status, 401, "another address is not concerned");
    });
}

/// By the injected clock: the world's, in which a minute passes when it is told to.
#[test]
fn the_door_opens_again_after_a_minute() {
    visit(|shop| async move {
        assert_eq!(shop.tell(Ask::register("ada")).await.status, 201);
        let opened = shop.context.ports.clock.now();
        let by_ada = |_| ("ada".to_owned(), "10.0.0.1".to_owned());
        assert_eq!(logins(&shop, 11, by_ada).await, first(10, 11));
        let until = async |seconds: u64| {
            let passed = shop.context.ports.clock.now().since(opened);
            shop.world.sleep(Duration::from_secs(seconds).saturating_sub(passed)).await;
        };
        until(59).await;
        assert_eq!(shop.tell(Ask::login("ada", PASSWORD).from("10.0.0.1")).await.status, 429);
        until(60).await;
        // The attempts that were refused do not keep it shut.
        assert_eq!(shop.tell(Ask::login("ada", PASSWORD).from("10.0.0.1")).await.status, 200);
        assert_eq!(logins(&shop, 10, by_ada).await, first(9, 10));
    });
}
