//! A planted mistake, found by properties and made small: whose answer is lost buys a second seat.

use std::sync::LazyLock;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use serde::{Deserialize, Serialize};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx_core::sql_str::SqlStr;
use stormproof_explore::declared::{self, Clients, Declared, Invariant, Seen};
use stormproof_explore::{About, Profile};
use stormproof_faults::files::Files;
use stormproof_faults::outcome::Figures;
use stormproof_faults::topology::Topology;
use stormproof_faults::units::At;
use stormproof_ports::client::Client;
use stormproof_ports::story::Fact;
use stormproof_ports::{DatabaseError, Ports};
use stormproof_proptest::{Written, faults, holds, storms};
use stormproof_world::seed::Stream;
use stormproof_world::{ServiceSpec, migrated};

const SECOND: Duration = Duration::from_secs(1);

/// Sells a seat to each visitor, who asks until there is an answer.
#[derive(Clone, Copy)]
struct Theatre {
    /// Whether it forgets who has one.
    forgets: bool,
}

const SOUND: Theatre = Theatre { forgets: false };
const FORGETFUL: Theatre = Theatre { forgets: true };

/// What visitors do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Evening {
    visitors: u32,
}

type Document = declared::Document<Evening>;

static TOPOLOGY: LazyLock<Topology> = LazyLock::new(|| {
    Topology::of(["theatre"])
        .clients("visitor")
        .call("visitor", "theatre", "buy")
        .commits("theatre", ["seat SOLD"])
});

impl Theatre {
    fn router(self, ports: &Ports) -> Router {
        let ports = ports.clone();
        let sell = async move |Path(visitor): Path<String>| match self.sell(&ports, visitor).await {
            Ok(()) => StatusCode::NO_CONTENT,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Router::new().route("/seats/{visitor}", post(sell))
    }

    async fn sell(self, ports: &Ports, visitor: String) -> Result<(), DatabaseError> {
        let mut session = ports.database.begin().await?;
        let seats = sqlx::query_scalar("SELECT count(*) FROM seats WHERE visitor = $1");
        let seats: i64 = seats.bind(visitor.clone()).fetch_one(session.connection()).await?;
        if seats == 0 || self.forgets {
            let sale = sqlx::query("INSERT INTO seats (visitor) VALUES ($1)");
            sale.bind(visitor.clone()).execute(session.connection()).await?;
        }
        session.commit(&[Fact::new("seat", "SOLD", visitor, "sells a seat")]).await
    }
}

/// Buys a seat after so many seconds.
async fn buy(ports: Ports, after: u32) {
    let path = format!("/seats/{}", ports.node);
    ports.clock.sleep(after * SECOND).await;
    loop {
        let asked = Client::new(&ports).post("theatre", &path).operation("buy").timeout(SECOND);
        match asked.send().await.and_then(|answer| answer.error_for_status()) {
            Ok(_) => return,
            Err(_) => ports.clock.sleep(SECOND).await,
        }
    }
}

fn migrator() -> Migrator {
    let sql = SqlStr::from_static("CREATE TABLE seats (visitor TEXT NOT NULL)");
    let kind = MigrationType::Simple;
    Migrator::with_migrations(vec![Migration::new(1, "seats".into(), kind, sql, false)])
}

impl Declared for Theatre {
    type Workload = Evening;

    fn about(&self) -> About {
        let files = Files { built_in: env!("CARGO_MANIFEST_DIR") };
        let (command, purpose) = ("theatre", "Sells seats.");
        About { command, purpose, unit: "seat", files, snapshots_of: "nobody" }
    }

    fn topology(&self) -> &Topology {
        &TOPOLOGY
    }

    fn services(&self) -> Vec<ServiceSpec> {
        let service = *self;
        let theatre = ServiceSpec::new("theatre", migrated("theatre", migrator));
        vec![theatre.serving(move |ports| service.router(ports), |_| Vec::new())]
    }

    fn draw(&self, _: &mut Stream) -> Evening {
        Evening { visitors: 5 }
    }

    fn clients(&self, evening: &Evening) -> Clients {
        (1..=evening.visitors).fold(Clients::default(), |clients, number| {
            clients.and(format!("visitor-{number}"), move |ports| buy(ports, 4 * number))
        })
    }

    fn at_rest(&self, _: &Seen<'_>) -> bool {
        true
    }

    fn invariants(&self) -> Vec<Invariant> {
        vec![Invariant::always("each visitor has one seat", |seen| {
            seen.rows("theatre-db", "SELECT visitor FROM seats").unique()
        })]
    }

    fn figures(&self, _: &Seen<'_>) -> Figures {
        Figures::default()
    }
}

/// The same cases in every run, and no file that remembers them.
fn runner() -> TestRunner {
    TestRunner::new(Config {
        cases: 200,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..Config::default()
    })
}

/// Faults drawn for themselves, in a scenario of a strategy's own.
fn evenings() -> impl Strategy<Value = Written<Document>> {
    let faults = faults(&TOPOLOGY, Profile::Swarm, 20 * SECOND, 0..8);
    (1..=5u32, faults).prop_map(|(visitors, faults)| {
        Written(Document {
            about: "An evening.".to_owned(),
            seed: 7,
            workload: At::from(Evening { visitors }),
            faults: faults.into_iter().map(At::from).collect(),
            ..Document::default()
        })
    })
}

/// What a failed property comes down to.
fn smallest(strategy: impl Strategy<Value = Written<Document>>) -> Document {
    let result = runner().run(&strategy, |storm| holds(&FORGETFUL, &storm).map(drop));
    match result {
        Err(TestError::Fail(why, Written(storm))) => {
            assert!(why.message().contains("each visitor has one seat"), "{why}");
            storm
        }
        other => panic!("the mistake was not found: {other:?}"),
    }
}

#[test]
fn a_storm_that_breaks_comes_down_to_one_fault() {
    let storm = smallest(storms(&FORGETFUL, Profile::Swarm));
    assert_eq!(storm.faults.len(), 1, "{:?}", Written(storm));
    holds(&SOUND, &Written(storm)).expect("whoever remembers sells one seat to each");
}

#[test]
fn faults_of_a_property_come_down_to_one() {
    let evening = smallest(evenings());
    assert_eq!(evening.faults.len(), 1, "{:?}", Written(evening));
    holds(&SOUND, &Written(evening)).expect("whoever remembers sells one seat to each");
}

#[test]
fn what_fails_is_shown_as_a_file() {
    let drawn = evenings().new_tree(&mut runner()).expect("there is something to fail");
    let shown = format!("{:?}", drawn.current());
    let read: Document = toml::from_str(&shown).expect("as it would be written");
    assert_eq!(read, drawn.current().0);
}
