//! A ledger of one service that can be made to depend on what no seed decides.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what is forbidden is what it is for"
)]

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Serialize};
use sqlx::migrate::Migrator;
use stormproof_faults::mistake::Mistake;
use stormproof_faults::outcome::Outcome;
use stormproof_faults::topology::Topology;
use stormproof_faults::units::At;
use stormproof_faults::{FaultTable, NoOwnKinds};
use stormproof_ports::story::say;
use stormproof_ports::{Call, Ports};
use stormproof_world::{ServiceSpec, Spec, World, migrated, run};

use crate::registries::Entry;
use crate::shrink::Pass;
use crate::{About, Document, DocumentOf, Options, Profile, Scenario, Size, System};

/// What the service's words depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// What std answers in a world.
    TheSeed,
    /// The order of a map that was made before the world.
    HashMap,
    ProcessNumber,
    /// What is left of the run before.
    Static,
    Urandom,
    /// A thread of its own.
    Spawned,
}

/// A scenario, as it is written and as it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Booking {
    pub seed: u64,
    pub cause: Cause,
}

pub struct Wayward;

/// So many that two maps hardly ever give them in the same sequence.
static ACCOUNTS: LazyLock<HashMap<u32, ()>> =
    LazyLock::new(|| (0..40).map(|it| (it, ())).collect());

static BOOKED: AtomicU64 = AtomicU64::new(0);

/// Books; the line of the story is this service's only event.
async fn book(cause: Cause) -> StatusCode {
    let words = match cause {
        Cause::TheSeed => of_the_seed(),
        Cause::HashMap => format!("{:?}", ACCOUNTS.keys().collect::<Vec<_>>()),
        Cause::ProcessNumber => std::process::id().to_string(), // here: the number
        Cause::Static => BOOKED.fetch_add(1, Ordering::Relaxed).to_string(),
        Cause::Urandom => urandom(),
        Cause::Spawned => {
            std::thread::spawn(|| "done".to_owned()).join().expect("it ends") // here: the thread
        }
    };
    say("", &words); // here: the words
    StatusCode::NO_CONTENT
}

/// All that a world answers by its seed, although nobody asked a port.
fn of_the_seed() -> String {
    let accounts: HashMap<u32, ()> = (0..40).map(|it| (it, ())).collect();
    let (begun, now) = (Instant::now(), SystemTime::now());
    format!("{:?} {begun:?} {now:?}", accounts.keys().collect::<Vec<_>>())
}

fn urandom() -> String {
    let mut bytes = [0; 8];
    let file = std::fs::File::open("/dev/urandom"); // here: the file
    file.and_then(|mut file| file.read_exact(&mut bytes)).expect("it is there");
    format!("{bytes:?}")
}

async fn visit(ports: Ports) {
    for _ in 0..3 {
        let call = Call {
            to: "ledger".into(),
            operation: "book".into(),
            method: Method::POST,
            path: "/book".to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: Duration::from_secs(2),
        };
        ports.http.call(call).await.ok();
    }
}

impl System for Wayward {
    type Scenario = Booking;

    fn simulate(&self, scenario: &Booking, seed: u64, options: Options) -> Outcome {
        LazyLock::force(&ACCOUNTS);
        let cause = scenario.cause;
        let router = move |_: &Ports| Router::new().route("/book", post(move || book(cause)));
        let image = migrated("ledger", || Migrator::with_migrations(Vec::new()));
        let mut spec = Spec::new(seed);
        spec.trace = options.trace;
        spec.clients = vec!["user".into()];
        spec.services = vec![ServiceSpec::new("ledger", image).serving(router, |_| Vec::new())];
        run(spec, |world: World| async move {
            let visit = world.spawn("user", visit(world.ports("user")));
            visit.await.expect("nobody kills the user");
            Outcome {
                seed,
                events: world.history().events(),
                fingerprint: world.fingerprint(),
                trace: world.history().trace(),
                ..Outcome::default()
            }
        })
    }

    fn about(&self) -> About {
        crate::cli::testing::ABOUT
    }

    fn parse(&self, file: &str, text: &str) -> Result<Booking, Mistake> {
        toml::from_str(text).map_err(|error| Mistake::of(file, error.to_string()))
    }

    fn check(&self, _: &str, document: DocumentOf<Self>) -> Result<Booking, Mistake> {
        Ok(document)
    }

    fn draw(&self, seed: u64, _: Profile) -> Booking {
        Booking { seed, cause: Cause::TheSeed }
    }

    fn topology(&self) -> &Topology {
        unreachable!("nobody asks what can fail")
    }

    fn faults(&self) -> Vec<Entry> {
        Vec::new()
    }

    fn invariants(&self) -> Vec<Entry> {
        Vec::new()
    }

    fn sometimes(&self) -> Vec<Entry> {
        Vec::new()
    }

    fn passes(&self) -> Vec<Pass<'_, Booking, Outcome>> {
        Vec::new()
    }
}

impl Scenario for Booking {
    type Document = Booking;

    fn name(&self) -> &str {
        "booking"
    }

    fn about(&self) -> &str {
        "Somebody books."
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn document(&self) -> &Booking {
        self
    }

    fn asked_at(&self, _: usize) -> String {
        unreachable!("it has no faults")
    }
}

impl Document for Booking {
    type Own = NoOwnKinds;

    fn to_toml(&self) -> String {
        toml::to_string(self).expect("plain data")
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn with_seed(&self, seed: u64) -> Booking {
        Booking { seed, ..self.clone() }
    }

    fn with_about(&self, _: String) -> Booking {
        self.clone()
    }

    fn faults(&self) -> &[At<FaultTable<NoOwnKinds>>] {
        &[]
    }

    fn with_faults(&self, _: Vec<At<FaultTable<NoOwnKinds>>>) -> Booking {
        self.clone()
    }

    fn size(&self) -> Size {
        Size::default()
    }
}
