//! The commands `load` and `reconcile` against a shop that is open: a load after which everything
//! holds, and books that somebody has changed.

use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};

use crate::up::customer::text;
use crate::up::process::{Folder, Up, stormproof};

#[tokio::test(flavor = "multi_thread")]
async fn a_load_holds_and_changed_books_are_found() {
    let folder = Folder::new("operations");
    let data = folder.path("data");
    let place = data.to_str().expect("the test's paths are text");
    let run = async |address: &str, arguments: &[&str]| {
        let log = folder.path("command.log");
        let arguments = [arguments, &["--data", place, "--url", address]].concat();
        let output = stormproof(&arguments, &log).output().await.expect("the binary was built");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), said)
    };

    let slow = [("STORMPROOF_CARRIER_PICK_UP_AFTER", "10s")];
    let shop = Up::open(&data, &slow).await;
    let html = folder.path("load.html");
    let page = html.to_str().expect("the test's paths are text");
    let pid = format!("shop={}", std::process::id());
    let load = [
        ["load", "--orders", "40", "--cancel-percent", "20", "--patience", "60"].as_slice(),
        &["--rate", "80", "--arrivals", "poisson", "--lines", "2", "--customers", "10"],
        &["--pid", &pid, "--html", page, "--json"],
    ];
    let (code, figures, said) = run(&shop.address, &load.concat()).await;
    assert_eq!(code, Some(0), "{figures}{said}");
    let figures: Value = serde_json::from_str(&figures).expect("it is JSON");
    assert_eq!(figures["promises_made"], 40);
    assert_eq!(figures["promises_kept"], 40);
    assert_eq!(figures["cancels_accepted"], 8, "{figures:#}");
    assert_eq!(figures["by_status"]["CANCELLED"], 8);
    assert_eq!(figures["by_status"]["DELIVERED"], 32);
    // Late cancels are of orders that were paid.
    assert!(figures["refunds_made"].as_u64() >= Some(1), "{figures:#}");
    assert_eq!(figures["refunds_due"], figures["refunds_made"]);
    assert_eq!(figures["compared"], 40);
    let goods = json!({ "lines_per_order": 2, "products": 4, "supply": null });
    assert_eq!((&figures["goods"], &figures["sales"]), (&goods, &Value::Null));
    assert!(figures["commits_per_order"].is_null());
    for what in ["commits", "statements", "transactions"] {
        let why = text(&figures[format!("{what}_not_measured")]);
        assert!(why.contains("SQLite"), "{what}: {figures:#}");
    }
    let names: Vec<_> = figures["processes"].as_array().expect("there are some").iter().collect();
    assert!(names.iter().any(|it| it["name"] == "shop"), "{figures:#}");
    assert!(text(&figures["remarks"][0]).contains("timelines"), "{figures:#}");
    assert_eq!(figures["passages"][0]["from"], "PENDING_PAYMENT", "{figures:#}");
    let page = std::fs::read_to_string(&html).expect("the load wrote it");
    assert!(page.contains("<svg") && page.contains("40 orders in "), "{page}");
    assert!(page.contains("2 lines an order, of 4 products that the shop has"), "{page}");

    let (code, words, _) = run(&shop.address, &["reconcile", "--quiet", "0"]).await;
    assert!(code == Some(0) && words.contains("40 orders compared: all services agree"), "{words}");
    // Nothing has rested for an hour.
    let (code, words, _) = run(&shop.address, &["reconcile", "--quiet", "3600"]).await;
    assert!(code == Some(0) && words.contains("0 orders compared"), "{words}");
    shop.process.stop().await;

    let bank = stormproof_sqlite::open_file(&data.join("bank.db")).await;
    let mut bank = bank.expect("the shop is closed");
    let sql = "DELETE FROM entries WHERE account LIKE 'shop-%' AND transaction_id = \
               (SELECT transaction_id FROM debits WHERE outcome = 'DEBITED' LIMIT 1)";
    let done = bank.execute(sql).await.expect("it is SQL");
    assert_eq!(done.rows_affected(), 1);
    bank.close().await.expect("it can be closed");

    let shop = Up::open(&data, &[]).await;
    let (code, words, _) = run(&shop.address, &["reconcile", "--quiet", "0"]).await;
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("ledger disagrees") && words.contains(": 1 difference"), "{words}");
    let (code, found, _) = run(&shop.address, &["reconcile", "--quiet", "0", "--json"]).await;
    let found: Value = serde_json::from_str(&found).expect("it is JSON");
    assert_eq!((code, &found["differences"][0]["kind"]), (Some(1), &"ledger disagrees".into()));
    assert_eq!(found["compared"], 40);
    let address = shop.address.clone();
    shop.process.stop().await;

    // What cannot be run is told apart from what was found.
    let (code, _, said) = run(&address, &["reconcile"]).await;
    assert!(code == Some(2) && said.contains("store: "), "{said}");
    let store = stormproof_sqlite::open_file(&data.join("store.db")).await;
    let mut store = store.expect("the shop is closed");
    let alerts = sqlx::query_scalar("SELECT COUNT(*) FROM alerts WHERE kind = 'ledger disagrees'");
    let alerts: i64 = alerts.fetch_one(&mut store).await.expect("the tables are there");
    assert_eq!(alerts, 1, "two looks, one alert");
    store.close().await.expect("it can be closed");
}
