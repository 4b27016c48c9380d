//! When to stop: Ctrl-C, or SIGTERM from whoever runs us.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals. From its making on they no longer end the process.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// # Errors
    /// If the system lets us hear of no signal.
    pub fn listen() -> Result<Stop, String> {
        let hear = |kind| signal(kind).map_err(|error| format!("cannot hear signals: {error}"));
        Ok(Stop {
            interrupt: hear(SignalKind::interrupt())?,
            terminate: hear(SignalKind::terminate())?,
        })
    }

    /// Completes with the next of them.
    pub async fn asked(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
