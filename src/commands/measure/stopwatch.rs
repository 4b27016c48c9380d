//! Times operations that are done one after the other: how long they take, and what of it processors work.

use std::collections::BTreeMap;
use std::time::Duration;

use stormproof_ports::machine::Demand;
use tokio::time::{Instant, sleep};

use crate::commands::load::processes::{NamedProcess, look};

/// How this process is called among the measured ones.
pub const OWN: &str = "measure";

/// For how long idleness is watched.
const IDLE: Duration = Duration::from_secs(3);

/// Watches processes.
pub struct Stopwatch {
    processes: Vec<NamedProcess>,
    /// What each takes of a processor while nothing is asked, as a share.
    idle: BTreeMap<String, f64>,
}

/// What operations took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timing {
    /// How much of it processors worked, on the average.
    pub processor: ProcessorTiming,
    /// Each of them, in microseconds.
    pub took_us: Vec<f64>,
}

/// What processors worked at an operation, in microseconds, on the average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessorTiming {
    pub client: f64,
    pub server: f64,
}

impl Stopwatch {
    /// Watches what the processes take while nothing is asked.
    ///
    /// # Errors
    /// In words: which is not there.
    pub async fn start(processes: Vec<NamedProcess>) -> Result<Stopwatch, String> {
        let watch = Stopwatch { processes, idle: BTreeMap::new() };
        let before = watch.processor_ms()?;
        sleep(IDLE).await;
        let after = watch.processor_ms()?;
        let share = |(name, ms): (String, f64)| {
            let since = ms - before.get(&name).copied().unwrap_or(0.0);
            (name, since / (IDLE.as_secs_f64() * 1000.0))
        };
        Ok(Stopwatch { idle: after.into_iter().map(share).collect(), ..watch })
    }

    fn processor_ms(&self) -> Result<BTreeMap<String, f64>, String> {
        let taken = look(&self.processes)?.into_iter();
        Ok(taken.map(|(name, taken)| (name, taken.processor_ms as f64)).collect())
    }

    /// Times `work`, which does so many operations, asks them of `server` and notes how long each took.
    ///
    /// # Errors
    /// In words: what `work` fails with, or that a process has gone.
    pub async fn time(
        &self,
        server: &str,
        operations: u32,
        work: impl AsyncFnOnce(&mut Vec<f64>) -> Result<(), String>,
    ) -> Result<Timing, String> {
        let (before, start) = (self.processor_ms()?, Instant::now());
        let mut took_us = Vec::new();
        work(&mut took_us).await?;
        let (length, after) = (start.elapsed(), self.processor_ms()?);
        let busy = |name: &str| {
            let [before, after] =
                [&before, &after].map(|all| all.get(name).copied().unwrap_or(0.0) * 1000.0);
            let idle = self.idle.get(name).copied().unwrap_or(0.0) * micros(length);
            (after - before - idle).max(0.0) / f64::from(operations)
        };
        let processor = ProcessorTiming { client: busy(OWN), server: busy(server) };
        Ok(Timing { processor, took_us })
    }
}

/// A length of time in microseconds.
pub fn micros(length: Duration) -> f64 {
    length.as_secs_f64() * 1e6
}

impl Timing {
    /// The demand of an operation that takes as long as these did.
    pub fn demand(self) -> Demand {
        let ProcessorTiming { client, server } = self.processor;
        let mut took_us = self.took_us;
        took_us.sort_by(f64::total_cmp);
        // Differences of what was measured can come out below nothing by chance.
        Demand::of(client.max(0.0), server.max(0.0), &took_us)
    }

    /// Of operations that nobody else is asked.
    pub fn of_client(self) -> Timing {
        let processor = ProcessorTiming { server: 0.0, ..self.processor };
        Timing { processor, ..self }
    }

    /// Without what was done beside each of them, so many times.
    pub fn without(self, other: ProcessorTiming, times: f64) -> Timing {
        let ProcessorTiming { client, server } = self.processor;
        let client = client - other.client * times;
        let server = server - other.server * times;
        Timing { processor: ProcessorTiming { client, server }, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_beside_is_not_counted() {
        let other = ProcessorTiming { client: 60.0, server: 10.0 };
        let processor = ProcessorTiming { client: 50.0, server: 100.0 };
        let timing = Timing { processor, took_us: vec![300.0, 100.0, 200.0] }.without(other, 2.0);
        assert_eq!(timing.processor, ProcessorTiming { client: -70.0, server: 80.0 });
        let demand = timing.demand();
        assert_eq!((demand.client_us, demand.server_us), (0.0, 80.0));
        let [shortest, .., longest] = demand.wait_us;
        assert_eq!([shortest, demand.wait_us[3], longest], [20.0, 120.0, 220.0]);
    }
}
