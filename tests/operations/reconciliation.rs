//! Reconciliation, judged in the seeded world: it finds what was tampered with, and nothing else.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use stormproof_faults::outcome::Story;
use stormproof_shop::scenario::Scenario;
use stormproof_shop::service_settings::settings;
use stormproof_sim::swarm::{Profile, draw};
use stormproof_sim::{Options, simulate, simulate_with};
use stormproof_system::context::Context;
use stormproof_system::settings::Settings;
use stormproof_system::store::reconciliation::differences::KINDS;
use stormproof_system::store::reconciliation::page;
use stormproof_world::World;

const AN_HOUR: &str = r#"
about = "An order is delivered, one is cancelled, and an hour passes."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
carrier = { pick_up = "5m" }
storm = "2h"
[[customer]]
script = [
    { order = { teapot = 1 } },
    { order = { teapot = 1 } },
    { wait_until = "RECEIVED", cancel = "last" },
    { after = "75m", poll = true },
]
"#;

/// Everybody's view agrees, and reconciliation says so.
#[test]
fn an_honest_hour_is_quiet() {
    let outcome = simulate(&scenario(), 7, STORY);
    assert_eq!(outcome.broken, []);
    assert_eq!(told(&outcome.story, "reconciles 2 orders: all services agree"), 1);
    assert_eq!(told(&outcome.story, "disagree"), 0, "{}", outcome.story);
}

#[test]
fn a_reservation_set_back_is_found() {
    finds(hold_again, "reservation disagrees");
}

#[test]
fn a_ledger_entry_that_is_gone_is_found() {
    finds(lose_an_entry, "ledger disagrees");
}

#[test]
fn a_refund_that_is_gone_is_found() {
    finds(lose_the_refund, "refund disagrees");
}

#[test]
fn a_parcel_that_went_another_way_is_found() {
    finds(lose_the_parcel, "delivery disagrees");
}

#[test]
fn what_only_one_of_the_others_knows_is_found() {
    finds(reserve_for_nobody, "order unknown");
    finds(void_for_nobody, "order unknown");
    finds(deliver_to_nobody, "order unknown");
}

async fn hold_again(world: World) {
    at_rest(&world).await;
    change(&world, "warehouse", "UPDATE reservations SET state = 'HELD' WHERE state = 'COMMITTED'")
        .await;
}

async fn lose_an_entry(world: World) {
    at_rest(&world).await;
    let sql = "DELETE FROM entries WHERE account LIKE 'shop-%' AND transaction_id = \
               (SELECT transaction_id FROM refunds)";
    change(&world, "bank", sql).await;
}

async fn lose_the_refund(world: World) {
    at_rest(&world).await;
    change(&world, "bank", "DELETE FROM refunds").await;
}

async fn lose_the_parcel(world: World) {
    at_rest(&world).await;
    change(&world, "delivery", "UPDATE parcels SET status = 'LOST' WHERE status = 'DELIVERED'")
        .await;
}

async fn reserve_for_nobody(world: World) {
    at_rest(&world).await;
    let sql = "INSERT INTO reservations VALUES ('nobody', 'HELD', 1, 0, 0)";
    change(&world, "warehouse", sql).await;
}

async fn void_for_nobody(world: World) {
    at_rest(&world).await;
    let sql = "INSERT INTO debits (key, order_id, outcome, at) \
               VALUES ('DEBIT-nobody', 'nobody', 'VOIDED', 0)";
    change(&world, "bank", sql).await;
}

async fn deliver_to_nobody(world: World) {
    at_rest(&world).await;
    let sql = "INSERT INTO parcels (order_id, status, sequence, changed_at, will_be_lost, \
               cancelled_at) VALUES ('nobody', 'CANCELLED', 1, 0, 0, 0)";
    change(&world, "delivery", sql).await;
}

/// Exactly this difference is found, once, though two passes see it; and people are told.
fn finds<F>(meddler: fn(World) -> F, kind: &str)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut scenario = scenario();
    scenario.customers[0].script.last_mut().expect("it waits").after = Duration::from_secs(8000);
    let outcome = simulate_with(&scenario, 7, STORY, meddler);
    let story = &outcome.story;
    assert_eq!(told(&outcome.story, "reconciles 2 orders: differences: 1"), 2, "{story}");
    assert_eq!(told(&outcome.story, &format!("alerts support: {kind}")), 1, "{story}");
    assert_eq!(told(&outcome.story, "alerts support"), 1, "{story}");
    assert_eq!(told(&outcome.story, &format!("mails support: {kind}")), 1, "{story}");
}

/// An order in motion is ahead of one service and behind another. Reconciling all the time, in the
/// middle of storms, finds nothing; so an order that moves is never compared.
#[test]
fn storms_are_no_differences() {
    for seed in 1..=5 {
        let storm = draw(seed, Profile::Swarm);
        let several = storm.world.replicas.get("store").is_some_and(|count| *count > 1);
        let store = if several { "store-1" } else { "store" };
        let settings = Arc::new(settings(&storm));
        let outcome = simulate_with(&storm, seed, STORY, move |world| {
            reconcile_all_the_time(world, store, settings.clone())
        });
        assert_eq!(outcome.broken, [], "seed {seed}");
        for kind in KINDS {
            let found = told(&outcome.story, &format!("alerts support: {kind}"));
            assert_eq!(found, 0, "seed {seed}: {kind}\n{}", outcome.story);
        }
        assert!(told(&outcome.story, "have compared") > 10, "seed {seed}");
    }
}

async fn reconcile_all_the_time(world: World, store: &'static str, settings: Arc<Settings>) {
    loop {
        world.sleep(Duration::from_millis(300)).await;
        let context = Context::new(world.ports(store), settings.clone());
        let work = world.spawn(store, async move {
            page::compared(&context, "", Duration::ZERO).await.map_or(0, |page| page.compared)
        });
        // A Store that dies takes the question along.
        if work.await.is_ok_and(|compared| compared > 0) {
            world.say("staff", "", "have compared");
        }
    }
}

const STORY: Options =
    Options { story: true, trace: false, passages: false, reseed: None, serial: false };

fn scenario() -> Scenario {
    Scenario::parse("hour.toml", AN_HOUR).unwrap_or_else(|mistake| panic!("{mistake}"))
}

fn told(story: &Story, words: &str) -> usize {
    story.lines.iter().filter(|line| line.words.contains(words)).count()
}

/// Waits until both orders have their last status.
async fn at_rest(world: &World) {
    let sql = "SELECT count(*) FROM orders WHERE status IN ('DELIVERED', 'CANCELLED')";
    loop {
        let rows = world.database("store-db").peek(sql, &[]).expect("the database is up");
        if rows[0][0].as_i64() == Some(2) {
            return;
        }
        world.sleep(Duration::from_millis(100)).await;
    }
}

/// A commit that the service knows nothing of.
async fn change(world: &World, service: &str, sql: &'static str) {
    let database = world.ports(service).database;
    let work = world.spawn(service, async move {
        let mut session = database.begin().await.expect("the database is up");
        let done = sqlx::query(sql).execute(session.connection()).await.expect("it is SQL");
        assert_eq!(done.rows_affected(), 1);
        session.commit(&[]).await.expect("nothing is in the way");
    });
    work.await.expect("the service stays up");
}
