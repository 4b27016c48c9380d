//! Servers that are started here, from Debian's binaries, on free ports of loopback: each has a folder
//! of its own, and ends when nobody wants it any more.

mod postgres;
mod rabbitmq;

use std::time::{Duration, Instant};

pub use postgres::PostgresServer;
pub use rabbitmq::{RabbitServer, SCRIPTS};

use super::supervisor::Kept;

/// How long a server may take to let somebody in, the first time or again.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often it is asked meanwhile.
const ASK: Duration = Duration::from_millis(100);

/// Waits until the server lets somebody in. Errors: it has ended, or takes too long, and what it said.
fn until_it_answers(
    server: &mut Kept,
    answers: impl Fn() -> Result<(), String>,
) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(why) = answers() {
        if server.has_ended() {
            return Err(format!("it ended at once:\n{}", server.said()));
        }
        if Instant::now() > deadline {
            return Err(format!("{why}, after {PATIENCE:?}:\n{}", server.said()));
        }
        std::thread::sleep(ASK);
    }
    Ok(())
}
