//! The servers that all tests share, looked for once in each process: those that the environment
//! names, else those at their usual ports, else those that are kept here.
//!
//! A runner may have a process for each test. The first that finds no server starts one, which stays
//! for those that follow.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::own::{PostgresServer, RabbitServer};
use super::supervisor::Place;
use super::{postgres, queues};

/// Seconds that a server waits for the next process that wants it: tests without one come between.
const LINGER: u32 = 20;

/// One of the servers, wherever it is.
pub trait Server: Sized + Serialize + DeserializeOwned {
    const NAME: &'static str;
    /// The variable that names it.
    const VARIABLE: &'static str;

    fn named(url: String) -> Self;
    fn at_its_usual_port() -> Self;
    /// Errors: it lets nobody in, and why.
    fn answers(&self) -> Result<(), String>;
    /// Starts one in a place.
    fn start(place: &Arc<Place>) -> Result<Self, String>;
}

/// A Postgres server: the URL of one of its databases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharedPostgres {
    pub url: String,
}

/// A RabbitMQ server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharedRabbit {
    pub url: String,
    pub control: Control,
}

/// Whether `rabbitmqctl` may be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Control {
    /// The server is somebody else's.
    No,
    /// It is this machine's.
    Usual,
    /// It is one of ours, which these variables name.
    With(BTreeMap<String, String>),
}

impl Server for SharedPostgres {
    const NAME: &'static str = "Postgres";
    const VARIABLE: &'static str = "STORMPROOF_POSTGRES_URL";

    fn named(url: String) -> SharedPostgres {
        SharedPostgres { url }
    }

    fn at_its_usual_port() -> SharedPostgres {
        SharedPostgres { url: "postgres://postgres@127.0.0.1:5432/postgres".into() }
    }

    fn answers(&self) -> Result<(), String> {
        postgres::answers(&self.url)
    }

    fn start(place: &Arc<Place>) -> Result<SharedPostgres, String> {
        PostgresServer::start(place).map(|server| SharedPostgres { url: server.url() })
    }
}

impl Server for SharedRabbit {
    const NAME: &'static str = "RabbitMQ";
    const VARIABLE: &'static str = "STORMPROOF_AMQP_URL";

    fn named(url: String) -> SharedRabbit {
        SharedRabbit { url, control: Control::No }
    }

    fn at_its_usual_port() -> SharedRabbit {
        let url = "amqp://guest:guest@127.0.0.1:5672/%2f".into();
        SharedRabbit { url, control: Control::Usual }
    }

    fn answers(&self) -> Result<(), String> {
        queues::answers(&self.url)
    }

    fn start(place: &Arc<Place>) -> Result<SharedRabbit, String> {
        let server = RabbitServer::start(place)?;
        let control = Control::With(server.environment().clone());
        Ok(SharedRabbit { url: server.url(), control })
    }
}

/// Errors: there is none to be had, and why.
pub fn postgres() -> Result<&'static SharedPostgres, String> {
    static FOUND: LazyLock<Result<SharedPostgres, String>> = LazyLock::new(find);
    FOUND.as_ref().map_err(Clone::clone)
}

/// Errors: there is none to be had, and why.
pub fn rabbitmq() -> Result<&'static SharedRabbit, String> {
    static FOUND: LazyLock<Result<SharedRabbit, String>> = LazyLock::new(find);
    FOUND.as_ref().map_err(Clone::clone)
}

fn find<S: Server>() -> Result<S, String> {
    static PLACE: LazyLock<Result<Arc<Place>, String>> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("servers");
        Place::open(&folder, LINGER).map(Arc::new)
    });
    if let Ok(url) = env::var(S::VARIABLE) {
        let named = S::named(url);
        let refused = |why| format!("no {} at {}: {why}", S::NAME, S::VARIABLE);
        return named.answers().map_err(refused).map(|()| named);
    }
    let usual = S::at_its_usual_port();
    match usual.answers() {
        Ok(()) => Ok(usual),
        Err(refusal) => kept(PLACE.as_ref().map_err(Clone::clone)?)
            .map_err(|why| format!("no {} at its usual port: {refusal}; {why}", S::NAME)),
    }
}

/// The server that is kept in `place`, started if there is none.
pub fn kept<S: Server>(place: &Arc<Place>) -> Result<S, String> {
    let note = place.path(&format!("{}.json", S::NAME));
    let _alone = place.alone()?;
    let noted = fs::read(&note).ok().and_then(|text| serde_json::from_slice::<S>(&text).ok());
    // A note may have outlived its server.
    if let Some(server) = noted.filter(|server| server.answers().is_ok()) {
        return Ok(server);
    }
    let server = S::start(place)?;
    let text = serde_json::to_vec(&server).expect("it has string keys only");
    fs::write(&note, text).map_err(|error| format!("{}: {error}", note.display()))?;
    Ok(server)
}
