//! The loop, with a clock that is moved by hand: what it logs, when it steps again, how long it waits.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Context;
use std::time::Duration;

use futures::future::pending;
use futures::task::noop_waker_ref;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Metadata, Subscriber};

use super::{Background, POLL_MAX, POLL_MIN, Progress, Worker, run};
use crate::hand_clock::HandClock;
use crate::notify::Notify;
use crate::time::Time;

/// Keeps what events say: their target and their fields.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.0 += &format!(" {field}={value:?}");
            }
        }
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A worker whose steps find what is listed, and then wait for ever.
fn worker(found: &[Progress]) -> Worker {
    let (found, step) = (found.to_vec(), AtomicUsize::new(0));
    Worker::new("sorter", Notify::default(), move || {
        let progress = found.get(step.fetch_add(1, Ordering::Relaxed)).cloned();
        Box::pin(async move {
            match progress {
                Some(progress) => progress,
                None => pending().await,
            }
        })
    })
}

/// Runs the loop as far as it gets, with draws in the middle of their bounds. Returns the sleeps in
/// milliseconds and the log.
fn looped(worker: Worker) -> (Vec<u128>, Vec<String>) {
    let (clock, log) = (HandClock::default(), Log::default());
    with_default(log.clone(), || {
        let mut going = Box::pin(run(worker, "node-1", &clock, |bound| bound / 2, pending()));
        let mut context = Context::from_waker(noop_waker_ref());
        for _ in 0..100 {
            assert!(going.as_mut().poll(&mut context).is_pending(), "nobody stops it");
        }
    });
    let slept = clock.slept().iter().map(Duration::as_millis).collect();
    let log = log.0.lock().unwrap().clone();
    (slept, log)
}

#[test]
fn a_failure_is_logged_and_retried_at_its_time() {
    let failed = Progress::Failed { why: "no table".into(), retry_at: Time(300_000) };
    let (slept, log) = looped(worker(&[failed, Progress::Worked]));
    assert_eq!(slept, [300]);
    let line = "worker message=failed node=\"node-1\" worker=\"sorter\" error=\"no table\"";
    assert_eq!(log, [line]);
}

#[test]
fn idle_polls_are_capped_and_jittered() {
    let far = Progress::Idle(Some(Time(i64::MAX)));
    let near = Progress::Idle(Some(Time(7_000_000)));
    let past = Progress::Idle(Some(Time(1)));
    let (slept, log) = looped(worker(&[Progress::Idle(None), far, near, past]));
    // With half of the longest jitter. The third begins at 6.75 s.
    assert_eq!(slept, [2_250, 4_500, 250, 0]);
    assert_eq!(log, [""; 0]);
}

#[test]
fn who_finds_nothing_looks_ever_more_seldom() {
    let mut found = vec![Progress::Idle(None); 8];
    found.extend([Progress::Worked, Progress::Idle(None), Progress::Idle(None)]);
    found
        .extend([Progress::Failed { why: "gone".into(), retry_at: Time(0) }, Progress::Idle(None)]);
    let (slept, _) = looped(worker(&found));
    let seconds: Vec<u128> = slept.iter().map(|slept| slept * 8 / 9 / 1000).collect();
    let (first, last) = (POLL_MIN.as_secs().into(), POLL_MAX.as_secs().into());
    assert_eq!(seconds, [first, 4, 8, last, last, last, last, last, first, 4, 0, first]);
}

#[test]
fn who_is_notified_looks_at_once_and_who_is_stopped_steps_no_more() {
    let steps = Arc::new(AtomicUsize::new(0));
    let (notify, counted) = (Notify::default(), steps.clone());
    let worker = Worker::new("sorter", notify.clone(), move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Progress::Idle(None) })
    });
    let clock = HandClock::stopped();
    let stop = Notify::default();
    let mut going = Box::pin(run(worker, "node-1", &clock, |_| 0, stop.notified()));
    let mut context = Context::from_waker(noop_waker_ref());
    for expected in 1..=3 {
        assert!(going.as_mut().poll(&mut context).is_pending());
        assert_eq!(steps.load(Ordering::Relaxed), expected);
        notify.notify_one();
    }
    stop.notify_one();
    assert!(going.as_mut().poll(&mut context).is_ready());
    assert_eq!(steps.load(Ordering::Relaxed), 3);
    assert_eq!(clock.slept(), [POLL_MIN; 3], "a notification is work to come");
}

#[test]
fn who_waits_for_a_notification_has_no_timer() {
    let steps = Arc::new(AtomicUsize::new(0));
    let (notify, counted) = (Notify::default(), steps.clone());
    let worker = Worker::new("sorter", notify.clone(), move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Progress::Waiting })
    });
    let clock = HandClock::default();
    let drawn = |_| panic!("a jitter without a wait");
    let mut going = Box::pin(run(worker, "node-1", &clock, drawn, pending()));
    let mut context = Context::from_waker(noop_waker_ref());
    for notified in [false, false, true, false, true] {
        if notified {
            notify.notify_one();
        }
        assert!(going.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(steps.load(Ordering::Relaxed), 3, "the first, and one for each notification");
    assert_eq!(clock.slept(), [], "nothing is slept for");
}

#[test]
fn who_knows_its_time_waits_for_it_however_far_it_is() {
    let hour = Duration::from_secs(3600);
    let found = [Progress::Until(Time(0) + hour), Progress::Until(Time(1)), Progress::Idle(None)];
    let (slept, _) = looped(worker(&found));
    assert_eq!(slept, [3_600_000, 0, 2_250], "the last is a first look");
}

/// A piece in the background has what a step waits for: they must not wait for each other.
#[test]
fn the_background_goes_on_while_a_step_waits_for_it() {
    let (background, done) = (Background::default(), Notify::default());
    let (pieces, told) = (background.clone(), done.clone());
    let worker = Worker::new("sorter", Notify::default(), move || {
        let (pieces, told) = (pieces.clone(), told.clone());
        Box::pin(async move {
            let tell = told.clone();
            pieces.begin(async move {
                tell.notify_one();
                Err("was in the way".into())
            });
            told.notified().await;
            pending().await
        })
    });
    let (_, log) = looped(worker.with_background(&background));
    let line = "worker message=failed node=\"node-1\" worker=\"sorter\" error=\"was in the way\"";
    assert_eq!(log, [line]);
    assert_eq!(background.count(), 0);
}

/// A piece that holds the background is let go all the same.
#[test]
fn what_is_in_the_background_ends_with_the_loop() {
    let (background, held) = (Background::default(), Arc::new(()));
    let (pieces, kept) = (background.clone(), held.clone());
    background.begin(async move {
        pending::<()>().await;
        drop((pieces, kept));
        Ok(())
    });
    looped(worker(&[Progress::Worked]).with_background(&background));
    assert_eq!(Arc::strong_count(&held), 1);
}

/// It takes no more steps; what goes on has its end, and begins nothing new.
#[test]
fn who_hands_over_does_so_when_it_is_stopped_and_finishes_what_goes_on() {
    let (background, goes_on, stop) = (Background::default(), Notify::default(), Notify::default());
    let (closed, told) = (background.clone(), Arc::<Mutex<Vec<&str>>>::default());
    let (ends, hands_over, waits) = (told.clone(), told.clone(), goes_on.clone());
    background.begin(async move {
        waits.notified().await;
        assert!(closed.is_closed());
        ends.lock().unwrap().push("ends");
        Ok(())
    });
    let worker = worker(&[Progress::Waiting]).with_background(&background);
    let worker = worker.with_hand_over(move || {
        hands_over.lock().unwrap().push("hands over");
        Box::pin(async { Err("some of it".into()) })
    });
    let (clock, log) = (HandClock::stopped(), Log::default());
    with_default(log.clone(), || {
        let mut going = Box::pin(run(worker, "node-1", &clock, |_| 0, stop.notified()));
        let mut context = Context::from_waker(noop_waker_ref());
        assert!(going.as_mut().poll(&mut context).is_pending());
        stop.notify_one();
        assert!(going.as_mut().poll(&mut context).is_pending(), "something goes on");
        assert_eq!(*told.lock().unwrap(), ["hands over"]);
        goes_on.notify_one();
        assert!(going.as_mut().poll(&mut context).is_ready());
    });
    assert_eq!(*told.lock().unwrap(), ["hands over", "ends"]);
    assert_eq!(log.0.lock().unwrap().len(), 1, "a failure is logged");
}
