//! Postgres and RabbitMQ for tests: the servers that the environment names, else those at their usual
//! ports, else some that are started here from Debian's binaries.
//!
//! `shared` finds the servers that all tests share; `postgres`, `queues` and `shop` give a test its
//! own databases, queues and virtual host on them, and take them away again. `own` starts servers:
//! for all tests where there are none, and for tests that do to them what no shared server can bear.
//! They end when nobody wants them any more (`supervisor`), however the tests end.

pub mod own;
pub mod postgres;
pub mod queues;
mod shared;
pub mod shop;
mod supervisor;
mod tests;

use std::env;
use std::io::Write as _;
use std::net::TcpListener;

pub use supervisor::Place;

/// What was found; where nothing was, says why the test is not run.
///
/// # Panics
/// If nothing was found and `STORMPROOF_REQUIRE_REAL` is 1.
pub fn or_skip<T>(purpose: &str, found: Result<T, String>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(why) => {
            skip(purpose, &why);
            None
        }
    }
}

/// Says why a test is not run, past the harness, which keeps what a passing test prints to itself.
///
/// # Panics
/// If `STORMPROOF_REQUIRE_REAL` is 1.
pub fn skip(purpose: &str, why: &str) {
    let required = env::var("STORMPROOF_REQUIRE_REAL").is_ok_and(|value| value == "1");
    assert!(!required, "{purpose}: required, but {why}");
    writeln!(std::io::stderr(), "real bindings ({purpose}) SKIPPED: {why}").ok();
}

/// A port of loopback that was free just now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has room");
    listener.local_addr().expect("it is bound").port()
}

/// Waits for `work` in a thread and a runtime of its own: the caller's may be ending, or may be none
/// that can wait.
fn aside<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    let wait = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be made").block_on(work())
    };
    std::thread::scope(|scope| scope.spawn(wait).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
