//! When to stop: Ctrl-C, or SIGTERM from whoever runs us, or the end of whoever started us.

use std::io::Read as _;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Both signals. From its making on they no longer end the process.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
    /// Completes when standard input has ended; once.
    alone: Option<oneshot::Receiver<()>>,
}

impl Stop {
    /// If `attached`, the end of standard input is one more reason to stop.
    ///
    /// # Errors
    /// If the system lets us hear of no signal.
    pub fn listen(attached: bool) -> Result<Stop, String> {
        let hear = |kind| signal(kind).map_err(|error| format!("cannot hear signals: {error}"));
        Ok(Stop {
            interrupt: hear(SignalKind::interrupt())?,
            terminate: hear(SignalKind::terminate())?,
            alone: attached.then(input_ends),
        })
    }

    /// Completes with the next of them.
    pub async fn asked(&mut self) {
        let alone = async {
            match self.alone.as_mut() {
                Some(ends) => ends.await.unwrap_or_default(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.terminate.recv() => return,
            _ = self.interrupt.recv() => return,
            () = alone => {}
        }
        // It ends but once: what is asked next is a signal.
        self.alone = None;
    }
}

/// Completes when standard input has ended. A thread of its own waits for that, which the process's
/// end does not wait for.
fn input_ends() -> oneshot::Receiver<()> {
    let (ends, told) = oneshot::channel();
    thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut bytes = [0; 256];
        // What is written there means nothing; an error is an end.
        while input.read(&mut bytes).is_ok_and(|count| count > 0) {}
        ends.send(()).ok();
    });
    told
}
