//! The explorer: one scenario, many seeds, every fault at every moment; the smallest scenario that
//! still breaks, and what a broken run depends on. Over any [`System`].
//!
//! `system.rs` is what a system has to say of itself and of its scenarios; `registries.rs` what there
//! is of it to list and to cover. [`swarm`] draws the faults of storms, [`sweep`] places one at every
//! moment; `shrink.rs` makes anything smaller that fails, `smaller.rs` scenarios, by [`passes`].
//! [`declared`] is for what brings no phases and no judge of its own; [`bugs`] are mistakes to plant, so
//! that the simulator can be judged too, and [`mutants`] mistakes that a machine makes in its SQL; [`cli`] is the command line, [`testing`] what tests of a
//! system are made of.
//!
//! It does not know what a system does, how a run works, or what is judged in it.
//!
//! # A system, its command line and its tests
//!
//! A theatre of one service sells a seat to each visitor, who asks until there is an answer:
//!
//! ```test_harness
//! # use std::process::ExitCode;
//! # use std::sync::LazyLock;
//! # use std::time::Duration;
//! # use axum::Router;
//! # use axum::extract::Path;
//! # use axum::http::StatusCode;
//! # use axum::routing::post;
//! # use rand::Rng as _;
//! # use serde::{Deserialize, Serialize};
//! # use sqlx::migrate::{Migration, MigrationType, Migrator};
//! # use sqlx_core::sql_str::SqlStr;
//! use stormproof_explore::declared::{Clients, Declared, Invariant, Seen};
//! use stormproof_explore::{About, Outcome, scenario_tests, sim_test};
//! # use stormproof_faults::files::Files;
//! # use stormproof_faults::outcome::{Figure, Figures};
//! # use stormproof_faults::topology::Topology;
//! # use stormproof_ports::client::Client;
//! # use stormproof_ports::story::Fact;
//! # use stormproof_ports::{DatabaseError, Ports};
//! # use stormproof_world::seed::Stream;
//! # use stormproof_world::{ServiceSpec, migrated};
//!
//! async fn sell(ports: &Ports, visitor: String) -> Result<(), DatabaseError> {
//!     let mut session = ports.database.begin().await?;
//!     // Whose answer was lost asks again: the key is the visitor.
//!     let sale = sqlx::query("INSERT INTO seats (visitor) VALUES ($1) ON CONFLICT DO NOTHING");
//!     sale.bind(visitor.clone()).execute(session.connection()).await?;
//!     session.commit(&[Fact::new("seat", "SOLD", visitor, "sells a seat")]).await
//! }
//!
//! fn router(ports: &Ports) -> Router {
//!     let ports = ports.clone();
//!     let sell = async move |Path(visitor): Path<String>| match sell(&ports, visitor).await {
//!         Ok(()) => StatusCode::NO_CONTENT,
//!         Err(_) => StatusCode::SERVICE_UNAVAILABLE,
//!     };
//!     Router::new().route("/seats/{visitor}", post(sell))
//! }
//! # fn migrator() -> Migrator {
//! #     let sql = SqlStr::from_static("CREATE TABLE seats (visitor TEXT NOT NULL PRIMARY KEY)");
//! #     let migration = Migration::new(1, "seats".into(), MigrationType::Simple, sql, false);
//! #     Migrator::with_migrations(vec![migration])
//! # }
//!
//! async fn buy(ports: Ports) {
//!     let path = format!("/seats/{}", ports.node);
//!     loop {
//!         let answer = Client::new(&ports).post("theatre", &path).operation("buy").send().await;
//!         match answer.and_then(|answer| answer.error_for_status()) {
//!             Ok(_) => return,
//!             Err(_) => ports.clock.sleep(Duration::from_secs(1)).await,
//!         }
//!     }
//! }
//!
//! #[derive(Clone)]
//! struct Theatre;
//!
//! /// What clients do, under `[workload]` in scenario files.
//! #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
//! struct Evening {
//!     visitors: usize,
//! }
//!
//! /// What there is to fail.
//! static TOPOLOGY: LazyLock<Topology> = LazyLock::new(|| {
//!     Topology::of(["theatre"])
//!         .clients("visitor")
//!         .call("visitor", "theatre", "buy")
//!         .commits("theatre", ["seat SOLD"])
//! });
//!
//! impl Declared for Theatre {
//!     type Workload = Evening;
//!
//!     fn about(&self) -> About {
//!         // …
//! #       About {
//! #           command: "cargo theatre",
//! #           purpose: "Runs a theatre in seeded worlds.",
//! #           unit: "seat",
//! #           files: Files { built_in: env!("CARGO_MANIFEST_DIR") },
//! #           snapshots_of: "nobody",
//! #       }
//!     }
//!
//!     fn topology(&self) -> &Topology {
//!         &TOPOLOGY
//!     }
//!
//!     fn services(&self) -> Vec<ServiceSpec> {
//!         let theatre = ServiceSpec::new("theatre", migrated("theatre", migrator));
//!         vec![theatre.serving(router, |_| Vec::new())]
//!     }
//!
//!     fn draw(&self, stream: &mut Stream) -> Evening {
//!         Evening { visitors: stream.random_range(1..=5) }
//!     }
//!
//!     fn clients(&self, evening: &Evening) -> Clients {
//!         let names = (1..=evening.visitors).map(|number| format!("visitor-{number}"));
//!         names.fold(Clients::default(), |clients, name| clients.and(name, buy))
//!     }
//!
//!     /// Nothing moves by itself: when clients are done, all is at rest.
//!     fn at_rest(&self, _: &Seen<'_>) -> bool {
//!         true
//!     }
//!
//!     fn invariants(&self) -> Vec<Invariant> {
//!         vec![Invariant::always("each visitor has one seat", |seen| {
//!             seen.rows("theatre-db", "SELECT visitor FROM seats").unique()
//!         })]
//!     }
//!
//!     fn figures(&self, seen: &Seen<'_>) -> Figures {
//!         let seats = seen.number("theatre-db", "SELECT count(*) FROM seats");
//!         Figures::from([("seats", Figure::Number(seats.unsigned_abs()))])
//!     }
//! }
//!
//! // src/main.rs
//! fn main() -> ExitCode {
//!     stormproof_explore::cli::main(&Theatre)
//! }
//!
//! // tests/theatre.rs
//! #[sim_test(system = Theatre, seeds = 1..=5)]
//! fn no_storm_breaks_it() {}
//!
//! #[sim_test(system = Theatre, seeds = 1..=5, faults = ["crash", "reply_lost"])]
//! fn every_visitor_is_seated(outcome: &Outcome) {
//!     assert!((1..=5).contains(&outcome.figures.number("seats")));
//! }
//!
//! scenario_tests!(Theatre, "tests/theatre");
//! ```

#![deny(missing_docs)]
#![warn(clippy::missing_errors_doc)]

pub mod bugs;
pub mod cli;
pub mod declared;
pub mod entries;
pub mod mutants;
pub mod passes;
pub mod registries;
pub mod shrink;
pub mod smaller;
pub mod swarm;
pub mod sweep;
mod system;
pub mod testing;

pub use stormproof_faults::document::{Document, Scenario, Size};
pub use stormproof_faults::outcome::Outcome;
pub use system::{
    About, DocumentOf, FairWeather, Options, OwnCommand, OwnOf, Profile, System, ZERO,
};

/// Makes tests of storms. In use: [here](crate#a-system-its-command-line-and-its-tests).
///
#[doc(inline)]
pub use stormproof_macros::sim_test;

/// Makes tests of scenario files. In use: [here](crate#a-system-its-command-line-and-its-tests).
///
#[doc(inline)]
pub use stormproof_macros::scenario_tests;
