//! A clock that is moved by hand, for whoever tests what time does.
//!
//! Nobody waits for it: a sleep is noted and passes at once, and the time jumps ahead by it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, pending, ready};

use crate::Clock;
use crate::time::Time;

/// Stands still until it is moved.
#[derive(Debug, Default)]
pub struct HandClock {
    now: Mutex<Time>,
    slept: Mutex<Vec<Duration>>,
    /// Whether no sleep ends.
    is_stopped: bool,
}

impl HandClock {
    /// Begins at `now`.
    pub fn at(now: Time) -> HandClock {
        HandClock { now: Mutex::new(now), ..HandClock::default() }
    }

    /// No sleep ends, and none moves it.
    pub fn stopped() -> HandClock {
        HandClock { is_stopped: true, ..HandClock::default() }
    }

    /// Moves it, also backwards.
    pub fn set(&self, now: Time) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// How long each sleep was to be, in their order.
    pub fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Clock for HandClock {
    fn now(&self) -> Time {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.slept.lock().unwrap_or_else(PoisonError::into_inner).push(duration);
        if self.is_stopped {
            return Box::pin(pending());
        }
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = *now + duration;
        Box::pin(ready(()))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_sleep_passes_at_once_unless_the_clock_is_stopped() {
        let second = Duration::from_secs(1);
        let clock = HandClock::at(Time(5));
        assert_eq!(clock.sleep(second).now_or_never(), Some(()));
        assert_eq!((clock.now(), clock.slept()), (Time(1_000_005), vec![second]));
        clock.set(Time(1));
        assert_eq!(clock.now(), Time(1));

        let clock = HandClock::stopped();
        assert_eq!(clock.sleep(second).now_or_never(), None);
        assert_eq!((clock.now(), clock.slept()), (Time(0), vec![second]));
    }
}
