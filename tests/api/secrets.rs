//! Passwords, hashes and tokens reach no log line and no problem document. Every visit checks both
//! for what it did itself; here is one that does everything, and sees that the checks look.

use serde_json::json;

use super::shop::{Ask, PASSWORD, WRONG, visit};

#[test]
fn a_whole_visit_gives_no_secret_away() {
    visit(|shop| async move {
        let ada = shop.customer("ada").await;
        let told = shop.tell(Ask::order(&ada, "key-1", "mug", 1)).await;
        assert_eq!(told.status, 202);
        // A password wherever it does not belong, a token where none is expected.
        let misplaced = [
            Ask::login("ada", WRONG),
            Ask::login(PASSWORD, PASSWORD),
            Ask::login(&ada, &ada),
            Ask::new("store", "POST", "/login", format!("{PASSWORD:?}")),
            Ask::new("store", "POST", "/login", format!("[{PASSWORD:?}]")),
            Ask::new(
                "store",
                "POST",
                "/login",
                format!(r#"{{"username":"a","password":"{PASSWORD}"#),
            ),
            Ask::post("store", "/login", &json!({ "username": { "a": PASSWORD }, "password": 1 })),
            Ask::post(
                "store",
                "/register",
                &json!({ "username": PASSWORD, "password": "short", "email": WRONG }),
            ),
            Ask::post(
                "store",
                "/register",
                &json!({ "username": "bob", "password": PASSWORD, "email": PASSWORD }),
            ),
            Ask::post("store", "/orders", &json!({ "lines": PASSWORD }))
                .bearer(&ada)
                .with("idempotency-key", "k"),
            Ask::order(&ada, &ada, "mug", 1),
            Ask::order(&ada, WRONG, "mug", 1),
            Ask::get("store", "/orders").bearer(PASSWORD),
            Ask::get("store", "/orders").bearer(&format!("{ada}x")),
        ];
        for ask in misplaced {
            let told = shop.tell(ask).await;
            assert!((400..500).contains(&told.status), "{told:?}");
        }
        let log = shop.log();
        assert!(log.contains("takes the order: 1 mug"), "the log is heard: {log}");
    });
}
