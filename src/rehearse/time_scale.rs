//! How fast a rehearsal goes: so many seconds of the scenario in one of ours.
//!
//! Everything that waits is shortened alike (faults, scripts, people's patience, the services' own
//! settings), so that what is longer than what stays so. What is built into bindings and queues (how
//! long a broker's confirm is waited for, a retry queue's delay) is not: hence a limit.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_ports::retry::Backoff;
use stormproof_ports::time::Time;
use stormproof_ports::{Answer, Call, CallError, Clock, Http};
use stormproof_system::settings::Settings;

use stormproof_bindings::clock::SystemClock;

/// Scenario seconds in one second of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeScale(pub u32);

/// Settings are told in whole milliseconds, and none of them may be nothing.
const SHORTEST: Duration = Duration::from_millis(1);

impl TimeScale {
    /// How long `scenario` lasts here.
    pub fn real(self, scenario: Duration) -> Duration {
        scenario / self.0
    }

    /// What time of the scenario `real` is.
    pub fn told(self, real: Duration) -> Duration {
        real * self.0
    }

    /// The services' settings, with all that waits shortened.
    pub fn settings(self, settings: Settings) -> Settings {
        let length = |scenario: Duration| self.real(scenario).max(SHORTEST);
        let backoff = |it: Backoff| Backoff { base: length(it.base), cap: length(it.cap) };
        // Nobody waits for what is old to be forgotten, but for keys; and a rehearsal is judged by all that was kept.
        let Settings {
            auth,
            mut saga,
            mut carrier,
            mut relay,
            mut consumer,
            mut reconcile,
            mut retention,
            lists,
        } = settings;
        saga.lease = length(saga.lease);
        saga.call_timeout = length(saga.call_timeout);
        saga.backoff = backoff(saga.backoff);
        saga.debit_probe = length(saga.debit_probe);
        saga.probe_every = length(saga.probe_every);
        saga.carrier_silence = length(saga.carrier_silence);
        saga.carrier_silence_max = length(saga.carrier_silence_max);
        saga.stuck_after = length(saga.stuck_after);
        saga.stuck_pause = length(saga.stuck_pause);
        carrier.pick_up_after = length(carrier.pick_up_after);
        carrier.depart_after = length(carrier.depart_after);
        carrier.deliver_after = length(carrier.deliver_after);
        carrier.found_after = length(carrier.found_after);
        relay.claim = length(relay.claim);
        relay.backoff = backoff(relay.backoff);
        relay.settle_after = length(relay.settle_after);
        consumer.reconnect = backoff(consumer.reconnect);
        reconcile.every = length(reconcile.every);
        reconcile.quiet = length(reconcile.quiet);
        reconcile.again = length(reconcile.again);
        retention.keys = length(retention.keys);
        retention.every = length(retention.every);
        Settings { auth, saga, carrier, relay, consumer, reconcile, retention, lists }
    }
}

/// People's clock: it tells our time, and they sleep at their pace.
pub struct ScaledClock(pub TimeScale);

impl Clock for ScaledClock {
    fn now(&self) -> Time {
        SystemClock.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(self.0.real(duration))
    }
}

/// People's HTTP: they lose patience at their pace.
pub struct ScaledHttp {
    pub scale: TimeScale,
    pub http: Arc<dyn Http>,
}

impl Http for ScaledHttp {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, CallError>> {
        let timeout = self.scale.real(call.timeout);
        self.http.call(Call { timeout, ..call })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every length of time of the services is shortened, but for the one that nobody waits for.
    #[test]
    fn everything_that_waits_is_shortened_alike() {
        let lengths = |settings: &Settings| -> Vec<(String, Duration)> {
            let shown = format!(
                "{:#?}{:#?}{:#?}{:#?}{:#?}",
                settings.saga,
                settings.carrier,
                settings.relay,
                settings.consumer,
                settings.reconcile
            );
            let lines = shown.lines().filter_map(|line| line.trim().split_once(": "));
            let length = |text: &str| {
                let text = text.trim_end_matches(',');
                let (number, unit) = match text.strip_suffix("ms") {
                    Some(number) => (number, 0.001),
                    None => (text.strip_suffix('s')?, 1.0),
                };
                Some(Duration::from_secs_f64(number.parse::<f64>().ok()? * unit))
            };
            lines.filter_map(|(name, text)| Some((name.to_owned(), length(text)?))).collect()
        };
        let mut slow = Settings::default();
        // How long a retry queue keeps a message is declared at the broker: hence the limit of the scale.
        slow.consumer.retries = &[];
        let fast = TimeScale(10).settings(slow.clone());
        let pairs: Vec<_> = lengths(&slow).into_iter().zip(lengths(&fast)).collect();
        assert!(pairs.len() > 15, "{pairs:?}");
        for ((name, slow), (_, fast)) in pairs {
            assert_eq!(fast, if name == "back" { slow } else { slow / 10 }, "{name}");
        }
    }
}
