//! A ledger of one service: a client books, and books again when it has no answer.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, Method};
use rand::Rng as _;
use scoped_futures::ScopedFutureExt as _;
use serde::{Deserialize, Serialize};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx_core::sql_str::SqlStr;
use stormproof_messaging::transaction::transact;
use stormproof_ports::story::Fact;
use stormproof_ports::{Call, CallError, DatabaseError, Ports};

use super::*;
use crate::testing::smallest_breach;
use crate::{About, Document as _, Options, Profile, Scenario as _, System};
use stormproof_faults::FaultKind;
use stormproof_faults::files::Files;
use stormproof_faults::outcome::{Figure, Outcome};
use stormproof_world::migrated;

const SECOND: Duration = Duration::from_secs(1);

/// Whether a booking that is there already is refused.
#[derive(Clone, Copy)]
struct Ledger {
    refuses_repeats: bool,
}

impl Ledger {
    fn router(self, ports: &Ports) -> Router {
        let ports = ports.clone();
        let book = async move |Path(id): Path<String>| match self.book(&ports, id).await {
            Ok(()) => StatusCode::NO_CONTENT,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Router::new().route("/book/{id}", post(book))
    }

    async fn book(self, ports: &Ports, id: String) -> Result<(), DatabaseError> {
        transact(ports, "book", |transaction| {
            let id = id.clone();
            async move {
                let known = sqlx::query_scalar("SELECT count(*) FROM entries WHERE id = $1");
                let known: i64 = known.bind(id.clone()).fetch_one(transaction.sql()).await?;
                if known == 0 || !self.refuses_repeats {
                    let insert = sqlx::query("INSERT INTO entries (id) VALUES ($1)");
                    insert.bind(id.clone()).execute(transaction.sql()).await?;
                    transaction.tell(Fact::new("entry", "BOOKED", id, "books an entry"));
                }
                Ok(())
            }
            .scope_boxed()
        })
        .await
    }

    fn play(self, faults: &str, seed: u64) -> Outcome {
        let text = format!("about = \"A booking.\"\n{faults}");
        let scenario = self.parse("booking.toml", &text).expect("no mistake");
        let options = Options { story: true, trace: true, ..Options::default() };
        self.simulate(&scenario, seed, options)
    }
}

static TOPOLOGY: LazyLock<Topology> = LazyLock::new(|| {
    Topology::of(["ledger"])
        .clients("user")
        .call("user", "ledger", "book")
        .commits("ledger", ["entry BOOKED"])
});

/// How many entries somebody books.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bookings {
    entries: usize,
}

impl Default for Bookings {
    fn default() -> Bookings {
        Bookings { entries: 1 }
    }
}

impl Declared for Ledger {
    type Workload = Bookings;

    fn about(&self) -> About {
        let files = Files { built_in: env!("CARGO_MANIFEST_DIR") };
        let (command, purpose) = ("ledger", "Books entries.");
        About { command, purpose, unit: "booking", files, snapshots_of: "nobody" }
    }

    fn topology(&self) -> &Topology {
        &TOPOLOGY
    }

    fn services(&self) -> Vec<ServiceSpec> {
        let image = migrated("ledger", || {
            let sql = SqlStr::from_static("CREATE TABLE entries (id TEXT NOT NULL)");
            let kind = MigrationType::Simple;
            Migrator::with_migrations(vec![Migration::new(1, "entries".into(), kind, sql, false)])
        });
        let service = *self;
        let ledger = ServiceSpec::new("ledger", image);
        vec![ledger.serving(move |ports| service.router(ports), |_| Vec::new())]
    }

    fn draw(&self, stream: &mut Stream) -> Bookings {
        Bookings { entries: stream.random_range(1..=8) }
    }

    fn check(&self, workload: &Bookings) -> Result<(), String> {
        match workload.entries {
            0 => Err("0 entries: expected at least one".to_owned()),
            _ => Ok(()),
        }
    }

    fn smaller(&self, workload: &Bookings) -> Vec<Bookings> {
        (1..workload.entries).map(|entries| Bookings { entries }).collect()
    }

    fn clients(&self, workload: &Bookings) -> Clients {
        let entries = workload.entries;
        Clients::at("user-1", move |ports| async move {
            for entry in 1..=entries {
                book_until_answered(&ports, entry).await;
            }
        })
    }

    fn at_rest(&self, seen: &Seen<'_>) -> bool {
        seen.all_messages() == 0
    }

    fn invariants(&self) -> Vec<Invariant> {
        vec![
            Invariant::always("booked once", |seen| {
                seen.rows("ledger-db", "SELECT id FROM entries").unique()
            }),
            Invariant::at_rest("what was asked for is booked", |seen| {
                match seen.number("ledger-db", "SELECT count(*) FROM entries") {
                    0 => Err("nothing is".to_owned()),
                    _ => Ok(()),
                }
            }),
        ]
    }

    fn sometimes(&self) -> Vec<(&'static str, &'static str)> {
        vec![("entry", "BOOKED"), ("entry", "UNDONE")]
    }

    fn figures(&self, seen: &Seen<'_>) -> Figures {
        let entries = seen.number("ledger-db", "SELECT count(*) FROM entries");
        let entries = u64::try_from(entries).unwrap_or_default();
        Figures::from([("bookings", Figure::Number(entries))])
    }
}

async fn book_until_answered(ports: &Ports, entry: usize) {
    let call = || Call {
        to: "ledger".into(),
        operation: "book".into(),
        method: Method::POST,
        path: format!("/book/{entry}"),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: 2 * SECOND,
    };
    let answered = |answer: Result<_, CallError>| answer.is_ok();
    while !answered(ports.http.call(call()).await) {
        ports.clock.sleep(SECOND).await;
    }
}

const REPLY_LOST: &str = "[[fault]]\nreply_lost = \"user -> ledger\"\n";

#[test]
fn a_run_without_faults_holds_and_is_told() {
    let outcome = Ledger { refuses_repeats: false }.play("", 7);
    assert_eq!((outcome.broken.as_slice(), outcome.seed), (&[][..], 7));
    assert_eq!(outcome.figures.number("bookings"), 1);
    assert_eq!((outcome.sometimes["entry BOOKED"], outcome.sometimes["entry UNDONE"]), (1, 0));
    let story = outcome.story.to_string();
    assert!(story.contains("ledger      books an entry\nat rest at "), "{story}");
}

#[test]
fn what_is_booked_twice_breaks_its_invariant_alone() {
    let outcome = Ledger { refuses_repeats: false }.play(REPLY_LOST, 7);
    let broken: Vec<_> = outcome.broken.iter().map(|it| (&*it.invariant, &*it.what)).collect();
    assert_eq!(broken, [("booked once", "1 is there twice")], "{}", outcome.story);
    assert_eq!(outcome.unfired, Vec::<String>::new());
    let held = Ledger { refuses_repeats: true }.play(REPLY_LOST, 7);
    assert_eq!((held.broken.as_slice(), held.faults_fired["reply lost"]), (&[][..], 1));
}

#[test]
fn the_same_seed_is_the_same_run() {
    let play = |seed| Ledger { refuses_repeats: true }.play(REPLY_LOST, seed);
    let first = play(7);
    assert_eq!(play(7), first);
    assert_ne!(play(8).fingerprint, first.fingerprint);
}

#[test]
fn a_fault_that_never_fires_is_told_with_its_line() {
    let late = format!("{REPLY_LOST}from = \"25s\"\nuntil = \"26s\"\n");
    let outcome = Ledger { refuses_repeats: true }.play(&late, 7);
    let asked = "reply lost user-1 -> ledger: any from 25s until 26s (line 2)".to_owned();
    assert_eq!((outcome.unfired, outcome.unfired_places), (vec![asked], vec![0]));
}

#[test]
fn what_a_client_asks_can_be_aimed_at() {
    let aimed = |operation: &str| format!("{REPLY_LOST}when = \"after call {operation}\"\n");
    let ledger = Ledger { refuses_repeats: true };
    let outcome = ledger.play(&aimed("book"), 7);
    assert_eq!((outcome.faults_fired["reply lost"], outcome.unfired.len()), (1, 0));
    let text = format!("about = \"A booking.\"\n{}", aimed("burn"));
    let mistake = ledger.parse("burn.toml", &text).expect_err("nobody burns").to_string();
    let expected = "user never passes `after call burn`; expected as its last words book";
    assert!(mistake.contains(expected), "{mistake}");
}

/// What clients are told no database knows: who judges it asserts.
#[test]
#[should_panic(expected = "the answer came twice")]
fn a_client_that_asserts_ends_the_run() {
    let ledger = Ledger { refuses_repeats: true };
    let scenario = ledger.parse("booking.toml", "about = \"A booking.\"\n").expect("no mistake");
    let spec = system::spec(&ledger, &scenario);
    let clients = Clients::at("user-1", async |_| panic!("the answer came twice"));
    let run = Run {
        scenario: "assert".to_owned(),
        spec,
        asked: Vec::new(),
        storm: SECOND,
        calm: SECOND,
        clients,
        at_rest: Box::new(|_| true),
        invariants: Vec::new(),
        sometimes: Vec::new(),
        figures: Box::new(|_| Figures::default()),
    };
    run.play(7, Options::default());
}

/// An invariant that asks nonsense must not pass for one that holds.
#[test]
#[should_panic(expected = "ledger-db was asked \"SELECT id FROM entrys\"")]
fn a_query_that_is_refused_ends_the_run() {
    let ledger = Ledger { refuses_repeats: true };
    let scenario = ledger.parse("look.toml", "about = \"A look.\"").expect("no mistake");
    let mut spec = system::spec(&ledger, &scenario);
    spec.clients = vec!["user-1".to_owned()];
    stormproof_world::run(spec, |world| async move {
        let ports = world.ports("user-1");
        let booking = async move { book_until_answered(&ports, 1).await };
        world.spawn("user-1", booking).await.expect("nobody kills the user");
        Seen::of(&world).rows("ledger-db", "SELECT id FROM entrys")
    });
}

/// What `text` is answered.
fn mistake(text: &str) -> String {
    let ledger = Ledger { refuses_repeats: true };
    let text = format!("about = \"A booking.\"\n{text}");
    ledger.parse("scenarios/booking.toml", &text).expect_err("refused").to_string()
}

#[test]
fn mistakes_say_where_they_stand_and_what_was_expected() {
    let told = mistake("[workload]\nentries = 0\n");
    assert!(told.ends_with(": 0 entries: expected at least one"), "{told}");
    assert!(told.starts_with("scenarios/booking.toml:2:"), "{told}");
    let told = mistake("[world]\nreplicas = { mailer = 2 }\n");
    assert_eq!(told, "scenarios/booking.toml:3:23: service \"mailer\": expected ledger");
    let told = mistake("[world]\nclocks = { ledger-2 = \"1s\" }\n");
    assert!(told.contains("node \"ledger-2\": expected ledger, ledger-1"), "{told}");
    let told = mistake("[[fault]]\nreply_lost = \"ledger -> user-1\"\n");
    assert!(told.contains("ledger never calls user-1; expected one of: user -> ledger"), "{told}");
    let told = mistake("[[fault]]\ncrash = \"ledger\"\nrestart = \"1s\"\n");
    assert!(told.contains("`crash` without a time"), "{told}");
    assert!(told.contains("`when = \"after commit of entry BOOKED\"`"), "{told}");
}

#[test]
fn every_storm_can_run_and_is_read_as_it_is_written() {
    let ledger = Ledger { refuses_repeats: true };
    let mut kinds = BTreeSet::new();
    for profile in [Profile::Swarm, Profile::Uniform, Profile::Priority] {
        for seed in 0..200 {
            let document = System::draw(&ledger, seed, profile);
            let text = document.to_toml();
            let read = ledger.parse("storm.toml", &text);
            let read = read.unwrap_or_else(|mistake| panic!("{mistake}\n{text}"));
            assert_eq!(*read.document(), document);
            let faults = document.faults.iter();
            kinds.extend(faults.flat_map(|fault| fault.value.kinds.iter().map(|it| it.0.key)));
        }
    }
    // There is no queue and no connection but the kept one to the database.
    let aimed = |key: &&str| !key.starts_with("message") && *key != "confirm_lost";
    let expected = FaultKind::ALL.iter().map(|kind| kind.key()).filter(aimed);
    assert_eq!(kinds, expected.collect());
}

#[test]
fn faults_follow_into_a_smaller_world() {
    let ledger = Ledger { refuses_repeats: true };
    let text = "about = \"Two.\"\n[world]\nreplicas = { ledger = 2 }\n[[fault]]\ncrash = \
                \"ledger-2\"\nat = \"1s\"\nrestart = \"1s\"\n";
    let scenario = ledger.parse("two.toml", text).expect("no mistake");
    let [alone] = smaller::worlds(&ledger, scenario.document()).try_into().expect("one form");
    assert_eq!(alone.faults[0].value.kinds[0].1.value, "ledger-1");
    System::check(&ledger, "alone", alone).expect("it can run");
}

#[test]
fn a_storm_that_breaks_comes_down_to_one_fault() {
    let ledger = Ledger { refuses_repeats: false };
    let smallest = smallest_breach(&ledger, 1..=50, "booked once").smallest;
    assert_eq!((smallest.faults.len(), smallest.workload.value.entries), (1, 1));
    assert_eq!(smallest.world, WorldTable::default(), "{}", smallest.to_toml());
}
