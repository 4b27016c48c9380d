//! `stormproof rehearse`: the scenarios of the seeded world on real processes, Postgres and RabbitMQ.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::process::{Folder, Process, run_aloud, stormproof};
use crate::servers::shop::addresses;

/// Rehearsals at once: most of each is waiting, but Postgres has a hundred connections for everybody,
/// and each takes about twenty.
static PLACES: Semaphore = Semaphore::const_new(3);

/// Scenario seconds in one of ours.
const PACE: &str = "4";
/// Played as slowly as they are written: their faults have a few seconds to fire in, which a busy
/// machine lets go by at that pace.
const NARROW: [&str; 1] = ["cancel_after_the_pick_up"];

/// Scenarios, and what their stories must tell: every family of faults, fired where it was aimed.
const REHEARSED: [(&str, &[&str]); 20] = [
    ("order_delivered", &["hears of the delivery"]),
    ("payment_reply_lost", &["reply lost store -> bank: debit fires", "asks again for the debit"]),
    ("order_reply_lost", &["reply lost customer-1 -> store: order fires"]),
    ("store_crashes_after_the_debit", &["crash store-", "takes over"]),
    ("owner_stands_still_beyond_its_lease", &["pause store-", "takes over"]),
    ("debit_by_queue", &["stop bank fires", "stop bank heals"]),
    ("bank_cut_off", &["cut bank -> store fires", "cut bank -> store heals"]),
    ("bank_hangs_on_connect", &["connect hangs store -> bank fires"]),
    ("everything_is_slow", &["slow bank fires", "slow link store -> bank fires"]),
    ("reserve_arrives_after_its_release", &["request late store -> warehouse: reserve fires"]),
    ("requests_twice", &["request twice store -> bank: debit fires"]),
    ("broker_crashes", &["crash broker fires", "crash broker heals"]),
    ("bank_loses_power_after_the_debit", &["crash bank-db fires"]),
    ("commit_in_doubt", &["connection lost after commit at store-db fires"]),
    (
        "transactions_lose_races",
        &[
            "serialization failure at store-db fires",
            "serialization failure at warehouse-db fires",
            "connection lost before commit at bank-db fires",
        ],
    ),
    ("confirm_lost", &["confirm lost in delivery.request.queue fires"]),
    ("update_twice", &["message twice in delivery.update.queue fires"]),
    ("cancel_after_the_pick_up", &["message late in delivery.update.queue fires"]),
    ("crash_between_effect_and_ack", &["crash store fires", "crash store heals"]),
    ("email_crashes_after_sending", &["crash email fires"]),
];

/// What no scenario of the project asks for.
const SHUFFLED: &str = r#"
about = "Updates are turned round while the carrier's way to the broker is cut for a while."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
balance = 100_00
script = [ { order = { teapot = 2 } } ]
[[fault]]
messages_reordered = "delivery.update.queue"
[[fault]]
cut = "delivery <-> broker"
from = "0s"
until = "30s"
[[fault]]
pause = "warehouse-db"
at = "0s"
for = "2s"
[[fault]]
stop = "warehouse"
when = "after commit of reservation COMMITTED"
restart = "1s"
[[fault]]
crash = "delivery"
when = "after publish of delivery.update"
nth = 2
restart = "2s"
[expect]
orders = { DELIVERED = 1 }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn scenarios_hold_on_real_machines_and_each_fault_fires_where_it_was_aimed() {
    let Some(servers) = addresses("rehearsals") else { return };
    let folder = Arc::new(Folder::new("rehearsals"));
    let shuffled = folder.path("shuffled.toml");
    fs::write(&shuffled, SHUFFLED).expect("the test's folder can be written");
    let shuffled = shuffled.to_str().expect("the test's paths are text").to_owned();
    let told: &[&str] = &[
        "messages reordered in delivery.update.queue fires",
        "cut delivery <-> broker fires",
        "pause warehouse-db heals",
        "stop warehouse fires",
        "crash delivery fires",
    ];
    let named = REHEARSED.map(|(name, told)| (name.to_owned(), told));
    let mut rehearsals = JoinSet::new();
    for (scenario, told) in named.into_iter().chain([(shuffled, told)]) {
        let (folder, servers) = (folder.clone(), servers.clone());
        rehearsals.spawn(async move {
            let report = rehearse(&folder, &servers, &scenario, 0).await;
            let story = report["story"].as_array().expect("a story");
            let tells = |words: &str| {
                story.iter().any(|line| line.as_str().is_some_and(|line| line.contains(words)))
            };
            for words in told {
                assert!(tells(words), "{scenario} does not tell {words:?}: {report:#}");
            }
            assert_eq!(report["skipped"], Value::Array(vec![]), "{scenario}");
        });
    }
    while let Some(rehearsed) = rehearsals.join_next().await {
        rehearsed.expect("it holds");
    }
}

/// Runs a rehearsal that ends with this exit code; its report.
async fn rehearse(
    folder: &Folder,
    (postgres, broker): &(String, String),
    scenario: &str,
    expected: i32,
) -> Value {
    let _place = PLACES.acquire().await.expect("nobody closes it");
    let stem = scenario.rsplit('/').next().unwrap_or(scenario);
    let log = folder.path(&format!("{stem}.log"));
    let pace = if NARROW.contains(&scenario) { "1" } else { PACE };
    let arguments =
        ["rehearse", scenario, "--pace", pace, "--json", "--postgres", postgres, "--amqp", broker];
    let (code, printed, said) = run_aloud(stormproof(&arguments, &log), &log).await;
    assert_eq!(code, Some(expected), "{scenario}: {printed}\n{said}");
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{scenario}: {error}: {printed}"))
}

fn scenario(folder: &Folder, name: &str, rest: &str) -> String {
    let text = format!(
        "about = \"It is played.\"\n[world]\nstock = [ {{ sku = \"lamp\", warehouse = \"perth\", units \
         = 1 }} ]\n[[customer]]\nbalance = 100_00\nscript = [ {{ order = {{ lamp = 1 }} }} ]\n{rest}"
    );
    let path = folder.path(name);
    fs::write(&path, text).expect("the test's folder can be written");
    path.to_str().expect("the test's paths are text").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_does_not_fire_or_is_skipped_is_told() {
    let Some(servers) = addresses("rehearsals") else { return };
    let folder = Folder::new("rehearsals-told");
    let wrong = scenario(&folder, "wrong.toml", "[expect]\nrefunds = 1\n");
    let idle = "[[fault]]\nreply_lost = \"store -> bank\"\nof = \"refund\"\n";
    let idle = scenario(&folder, "idle.toml", idle);
    let skipped = "[[fault]]\ncrash = \"store\"\nwhen = \"after commit of saga TAKEN_OVER\"\n\
                   restart = \"1s\"\n[expect]\nrefunds = 1\n";
    let skipped = scenario(&folder, "skipped.toml", skipped);
    let (wrong, idle, skipped) = tokio::join!(
        rehearse(&folder, &servers, &wrong, 1),
        rehearse(&folder, &servers, &idle, 1),
        rehearse(&folder, &servers, &skipped, 0),
    );
    assert_eq!(wrong["broken"][0]["what"], "0 refunds, expected 1", "{wrong:#}");
    assert_eq!(wrong["orders_by_status"]["DELIVERED"], 1);
    let unfired = idle["unfired"][0].as_str().expect("a fault");
    assert!(unfired.starts_with("reply lost store -> bank: refund"), "{unfired}");
    assert_eq!(idle["broken"], Value::Array(vec![]));
    let why = skipped["skipped"][0].as_str().expect("a fault");
    assert!(why.contains("`saga TAKEN_OVER` leaves no row in `audit`"), "{why}");
    assert_eq!(skipped["expect_judged"], false);
}

#[tokio::test]
async fn what_cannot_be_rehearsed_is_told_with_exit_code_2() {
    let folder = Folder::new("rehearsals-not");
    let log = folder.path("run.log");
    let play = scenario(&folder, "play.toml", "");
    let slip = scenario(&folder, "slip.toml", "[[fault]]\ncrush = \"store\"\n");
    let nowhere = "postgres://postgres@127.0.0.1:1";
    let table: [(&[&str], &str); 5] = [
        (&["rehearse"], "SCENARIO"),
        (&["rehearse", "no_such"], "no such scenario"),
        (&["rehearse", &slip], "slip.toml:8"),
        (
            &["rehearse", &play, "--postgres", nowhere],
            "cannot make the database stormproof_rehearsal",
        ),
        (&["rehearse", &play, "--amqp", "http://127.0.0.1"], "broker.url: expected amqp://"),
    ];
    for (arguments, words) in table {
        fs::remove_file(&log).ok();
        let (code, _, said) = run_aloud(stormproof(arguments, &log), &log).await;
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: expected {words:?} in: {said}");
    }
}

/// Stopped in the middle it ends its processes and takes its databases away.
#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_that_is_stopped_leaves_nothing_behind() {
    let Some((postgres, broker)) = addresses("rehearsals") else { return };
    let _place = PLACES.acquire().await.expect("nobody closes it");
    let folder = Folder::new("rehearsals-stopped");
    let log = folder.path("run.log");
    let arguments = ["rehearse", "order_delivered", "--postgres", &postgres, "--amqp", &broker];
    let mut process = Process::spawn(stormproof(&arguments, &log), &log);
    let deadline = Instant::now() + Duration::from_secs(60);
    let parent = process.id().expect("it was just started");
    let served = loop {
        let served = children(parent);
        if served.len() == 5 {
            break served;
        }
        assert!(Instant::now() < deadline, "five processes do not start: {}", process.log());
        sleep(Duration::from_millis(50)).await;
    };
    process.signal(Signal::SIGINT);
    let status = process.ended().await;
    assert_eq!(status.code(), Some(2), "{}", process.log());
    assert!(process.log().contains("it was stopped before its end"), "{}", process.log());
    for (id, _) in &served {
        assert!(!fs::exists(format!("/proc/{id}")).expect("it can be looked for"), "{id} lives on");
    }
    let made: Vec<&str> =
        served.iter().filter_map(|(_, database)| database.rsplit('/').next()).collect();
    assert!(made.iter().all(|name| name.starts_with("stormproof_rehearsal_")), "{made:?}");
    let there = databases(&postgres).await;
    let left: Vec<_> = there
        .iter()
        .filter(|name| made.iter().any(|made| made.starts_with(name.as_str())))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The processes that `parent` started: their numbers, and the database that each was told.
fn children(parent: u32) -> Vec<(u32, String)> {
    let entries = fs::read_dir("/proc").expect("processes can be listed");
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let of = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        let is_ours = of.trim().parse() == Ok(parent);
        let told = fs::read(format!("/proc/{id}/environ")).ok()?;
        let told = String::from_utf8_lossy(&told).into_owned();
        let database =
            told.split('\0').find_map(|it| it.strip_prefix("STORMPROOF_DATABASE_URL="))?;
        is_ours.then(|| (id, database.split('?').next().unwrap_or_default().to_owned()))
    })
    .collect()
}

async fn databases(server: &str) -> Vec<String> {
    use sqlx::Connection as _;
    let options: sqlx_postgres::PgConnectOptions = server.parse().expect("a URL of Postgres");
    let connection = sqlx_postgres::PgConnection::connect_with(&options.database("postgres")).await;
    let mut connection = connection.expect("the server answered before");
    let names = sqlx::query_scalar("SELECT datname::TEXT FROM pg_database");
    let names = names.fetch_all(&mut connection).await.expect("it can be asked");
    connection.close().await.ok();
    names
}
