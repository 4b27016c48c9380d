//! What services forget, and what they can do without.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stormproof_faults::FaultKind;
use stormproof_faults::outcome::Broken;
use stormproof_shop::scenario::Scenario;
use stormproof_shop::scenario::tables::FaultTable;
use stormproof_shop::scenario::units::{At, Length};
use stormproof_shop::topology::{self, Replicas};
use stormproof_sim::swarm::{self, Profile};
use stormproof_sim::{Options, simulate, simulate_with};
use stormproof_system::messages::QUEUES;
use stormproof_world::World;

/// What the registry of rare events calls it.
const DUPLICATE: &str = "duplicate dropped by the inbox";

/// Of each message of each queue there are two, and no inbox knows either: what a message does is guarded by a
/// key or a state of its own, so that what the inbox has forgotten may come again.
#[test]
fn what_comes_twice_is_done_once_by_whoever_remembers_nothing() {
    let (mut twice, mut dropped, mut seen) = (0, 0, 0);
    for seed in 1..=20 {
        let mut document = swarm::document(seed, Profile::Swarm);
        for queue in QUEUES {
            let mut fault = FaultTable::aimed(FaultKind::MessageTwice.row(), queue.name);
            fault.from = Some(At::from(Length::seconds(0)));
            fault.until = Some(At::from(Length::seconds(60)));
            fault.times = Some(At::from(1_000));
            document.faults.push(At::from(fault));
        }
        let storm = Scenario::from_document("twice", document).expect("it is a storm, and more");
        let remembered = simulate(&storm, seed, Options::default());
        dropped += remembered.sometimes[DUPLICATE];
        let replicas = storm.world.replicas.clone();
        let forgets = |world| forget_at_once(world, replicas);
        let outcome = simulate_with(&storm, seed, Options::default(), forgets);
        // That inboxes know nothing is seen; that it harms anybody is not.
        let (unknown, harm): (Vec<_>, Vec<_>) =
            outcome.broken.iter().partition(|broken| broken.invariant == "messages taken");
        seen += u32::from(!unknown.is_empty());
        assert_eq!(harm, Vec::<&Broken>::new(), "seed {seed}");
        assert_eq!(outcome.sometimes[DUPLICATE], 0, "seed {seed}");
        twice += outcome.faults_fired[FaultKind::MessageTwice.name()];
    }
    // Where nothing is remembered for long anyway, nobody can say.
    assert!(seen >= 15, "seen in {seen} storms of 20");
    assert!(twice > 2_000 && dropped > 1_000, "{twice} came twice, {dropped} were dropped");
}

/// What is written into an inbox is gone at once.
async fn forget_at_once(world: World, replicas: Replicas) {
    let sql = "CREATE TRIGGER forgets AFTER INSERT ON inbox BEGIN DELETE FROM inbox \
               WHERE queue = NEW.queue AND message_id = NEW.message_id; END";
    for database in topology::databases() {
        let service = topology::service_of_database(&database);
        let node = match replicas.get(service) {
            Some(2..) => format!("{service}-1"),
            _ => service.to_owned(),
        };
        let sessions = world.ports(&node).database;
        let work = world.spawn(&node, async move {
            let mut session = sessions.begin().await.expect("the database is up");
            let done = sqlx::query(sql).execute(session.connection()).await;
            done.expect("the inbox is there");
            session.commit(&[]).await.expect("nothing is in the way");
        });
        work.await.expect("the service stays up");
    }
}

/// The tables of which rows are forgotten.
const FORGOTTEN: [(&str, &str); 3] = [
    ("outbox", "SELECT count(*) FROM outbox"),
    ("inbox", "SELECT count(*) FROM inbox"),
    ("audit", "SELECT count(*) FROM audit"),
];

/// The most rows of each table, day by day.
type Days = BTreeMap<(String, &'static str), Vec<i64>>;

/// An order a day: on the last day each table has as many rows as on the third.
#[test]
fn a_long_life_leaves_no_more_than_a_short_one() {
    let days = 10;
    let order = "{ after = \"24h\", order = { teapot = 1 } }";
    let script = vec![order; days].join(", ");
    let toml = format!(
        "about = \"An order a day.\"\n[world]\nretention = \"6h\"\nstorm = \"{}h\"\n\
         stock = [ {{ sku = \"teapot\", warehouse = \"sydney\", units = 99 }} ]\n\
         [[customer]]\nscript = [ {script} ]",
        24 * days + 23
    );
    let scenario = Scenario::parse("days.toml", &toml).expect("it is one of ours");
    let seen: Arc<Mutex<Days>> = Arc::default();
    let counted = seen.clone();
    let outcome = simulate_with(&scenario, 7, Options::default(), |world| count(world, counted));
    assert_eq!(outcome.broken, []);
    let seen = seen.lock().expect("nobody panics with it");
    assert_eq!(seen.len(), 15);
    for ((database, table), rows) in &*seen {
        assert!(rows.len() >= days, "{rows:?}");
        assert_eq!(rows[days - 1], rows[3], "{table} of {database}, day by day: {rows:?}");
    }
    let of = |table| seen.iter().filter(move |((_, it), _)| *it == table);
    for (table, _) in FORGOTTEN {
        assert!(of(table).any(|(_, rows)| rows[3] > 0), "nothing was ever in {table}");
    }
}

/// Counts all the time.
async fn count(world: World, seen: Arc<Mutex<Days>>) {
    loop {
        world.sleep(Duration::from_secs(600)).await;
        let day = usize::try_from(world.elapsed().as_secs() / (24 * 3600)).expect("a few days");
        let seen = &mut *seen.lock().expect("nobody panics with it");
        for database in topology::databases() {
            for (table, sql) in FORGOTTEN {
                let rows = world.database(&database).peek(sql, &[]).expect("nothing is away");
                let days = seen.entry((database.clone(), table)).or_default();
                days.resize(days.len().max(day + 1), 0);
                days[day] = days[day].max(rows[0][0].as_i64().expect("a count is a number"));
            }
        }
    }
}
