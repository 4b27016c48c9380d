//! What every binding of a port owes its callers, as checks that run against each of them.
//!
//! A check uses the ports as the shop does, and says what it saw when the binding broke its word.
//! Suites (`tests/contract/`) run every check against every binding; a check knows of none.
//! What bindings may do differently is listed here, and nowhere else; the shop relies on none of
//! it. Tests are in `tests/contract/differences.rs` unless a path is given.
//!
//! | port | simulated | embedded (SQLite) | real (Postgres, HTTP) | test |
//! |---|---|---|---|---|

pub mod clock;
pub mod compute;
pub mod database;
pub mod http;
pub mod rng;

use std::fmt;

use futures::future::BoxFuture;

use crate::error::Error;
use crate::ports::{CallError, Ports};

/// One thing that a binding owes.
#[derive(Clone, Copy)]
pub struct Check {
    /// The port and what it does: `clock never ends a sleep early`.
    pub name: &'static str,
    run: for<'p> fn(&'p Ports) -> BoxFuture<'p, Kept>,
}

/// The outcome of a check.
pub type Kept = Result<(), Broken>;

/// What a binding did instead of what it owes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

impl Check {
    pub const fn new(
        name: &'static str,
        run: for<'p> fn(&'p Ports) -> BoxFuture<'p, Kept>,
    ) -> Check {
        Check { name, run }
    }

    /// Checks the binding in `ports`; what is broken bears the check's name.
    ///
    /// # Errors
    /// If the binding does not do what it owes.
    pub async fn run(&self, ports: &Ports) -> Kept {
        let kept = (self.run)(ports).await;
        kept.map_err(|Broken(what)| Broken(format!("{}: {what}", self.name)))
    }
}

impl Broken {
    fn from_call(error: CallError) -> Broken {
        Broken(error.to_string())
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An operation that a check needs failed.
impl From<Error> for Broken {
    fn from(error: Error) -> Broken {
        Broken(error.to_string())
    }
}

impl From<sqlx::Error> for Broken {
    fn from(error: sqlx::Error) -> Broken {
        Broken(error.to_string())
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Kept {
    match holds {
        true => Ok(()),
        false => Err(Broken(what())),
    }
}
