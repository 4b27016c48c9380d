//! What every binding of a port owes its callers, as checks that run against each of them.
//!
//! A check uses the ports as a service does, and says what it saw when the binding broke its word.
//! Suites (`tests/contract/`) run every check against every binding; a check knows of none.
//!
//! What bindings do differently is listed here, and nowhere else; a service relies on none of it.
//! Tests are in `tests/contract/differences.rs` where no file is named. How the broker model differs
//! from RabbitMQ is listed with the model, in `system/broker/src/lib.rs`.
//!
//! | port | what | simulated | embedded | real | test |
//! |---|---|---|---|---|---|
//! | rng | draws | the seed decides | the machine | the machine | `a_seed_decides_the_draws_or_nothing_does` |
//! | compute | jobs at once | one, where it is asked for | so many as there are places | the same | `jobs_run_at_once_up_to_a_bound` |
//! | http | a connection attempt that hangs | takes all of the caller's time | gives way to the next replica after 2 s | the same | `http.rs`: `a_connection_attempt_that_hangs_gives_way_to_the_next_replica` |
//! | http | the caller's time ends during that attempt | Unavailable | Unknown, for nobody tells how far it came | the same | the same; `sim/world/src/tests/network.rs`: `a_connection_attempt_hangs` |
//! | mailer | a mail that is sent twice | is there twice | is there once, for its file has its `Message-ID` | is there twice | `smtp.rs`: `a_repeat_overwrites_itself` |
//! | mailer | a recipient that is no address | is taken | Unavailable | the same | `smtp.rs`: `what_cannot_be_mailed_is_refused` |
//! | database | a second transaction | waits 5 s for the first, then Unavailable | the same | runs beside it; one of two that conflict is undone | `a_second_transaction_waits_or_runs_beside_the_first` |
//! | database | a server that refuses connections | Unavailable at once | has no server | waits 5 s for it to return, then Unavailable | `database.rs`: `a_server_that_is_away_is_waited_for` |
//! | database | a transaction that falls silent | thrown out after 10 s | keeps its turn | thrown out after 10 s | `database.rs`: `every_connection_has_limits`; `sim/world/src/tests/database.rs`: `a_session_that_sleeps_is_thrown_out` |
//! | database | after a failed statement | the others of the transaction hold | the same | the transaction is undone, and its commit says so | `a_failed_statement_spoils_the_transaction_or_not` |
//! | database | NUL in a text | a character | the same | refused | `nul_is_a_character_or_not` |
//! | database | NULL in a sort | first | the same | last | `nulls_come_first_or_last` |
//! | database | LIKE | takes `A` for `a` | the same | tells cases apart | `like_tells_cases_apart_or_not` |
//! | database | SUM of BIGINT, without a CAST | BIGINT | the same | a type that `Any` does not know | `a_sum_is_a_bigint_or_not` |
//! | database | BIGINT overflow | a fraction | the same | refused | `an_overflow_becomes_a_fraction_or_an_error` |
//! | database | order of texts | by bytes | the same | by the database's collation: make it with `LC_COLLATE 'C'` | `text_is_sorted_by_bytes_or_by_language` |

pub mod clock;
pub mod compute;
pub mod database;
pub mod http;
pub mod mailer;
pub mod queue;
pub mod rng;

use std::fmt;

use futures::future::BoxFuture;

use crate::{CallError, DatabaseError, Ports};

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
    /// A check of this name.
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
impl From<DatabaseError> for Broken {
    fn from(error: DatabaseError) -> Broken {
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
