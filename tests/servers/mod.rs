//! Postgres and RabbitMQ for tests: the servers that the environment names, else those at their usual
//! ports, else some that are started here from Debian's binaries.
//!
//! `shared` finds the servers that all tests share; `postgres`, `queues` and `shop` give a test its
//! own databases, queues and virtual host on them, and take them away again; `python` speaks AMQP as no
//! client of ours would. `own` starts servers:
//! for all tests where there are none, and for tests that do to them what no shared server can bear.
//! They end when nobody wants them any more (`supervisor`), however the tests end.

pub mod own;
pub mod postgres;
pub mod python;
pub mod queues;
mod shared;
pub mod shop;
mod supervisor;
mod tests;

use std::env;
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

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

/// A port of loopback that was free just now, and is none of those that the system gives to outgoing
/// connections: a server that comes back finds it free. Of the others one may have been given to a
/// client, of that very server even, which called while nobody listened.
pub fn free_port() -> u16 {
    const FIRST: u16 = 10_240;
    const COUNT: u32 = 20_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        // Another process begins elsewhere.
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        let place = std::process::id().wrapping_mul(251).wrapping_add(given) % COUNT;
        let port = FIRST + u16::try_from(place).expect("below 20,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("expected a free port of loopback from {FIRST} on");
}

#[test]
fn a_free_port_is_given_to_no_outgoing_connection() {
    let port = free_port();
    assert_ne!(port, free_port());
    let Ok(range) = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range") else {
        return;
    };
    let bounds: Vec<u16> = range.split_whitespace().flat_map(str::parse).collect();
    let [first, last] = bounds[..] else { panic!("expected two ports: {range}") };
    assert!(!(first..=last).contains(&port), "{port} is one of {range}");
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
