//! The loop of a worker, the same on every host.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::{Either, pending, poll_fn, select};
use futures::poll;

use super::background::DroppedAtEnd;
use super::{Progress, Worker};
use crate::Clock;
use crate::time::Time;

/// How long an idle worker waits at first before it looks for work though nobody notified it; plus a
/// jitter. Each look that finds nothing doubles it.
pub const POLL_MIN: Duration = Duration::from_secs(2);

/// How long it waits at most, without the jitter. Work comes with a notification or has its time; only
/// what a replica left behind that died before anybody else had seen it waits for this look, or for the
/// restart. Whoever dies with a lease is waited for as long.
pub const POLL_MAX: Duration = Duration::from_secs(16);

/// The longest jitter is this part of the wait: workers of several replicas should not look at the
/// same moment for ever.
const POLL_JITTER_PART: u32 = 4;

/// Steps `worker` until `stop` completes: again at once while there is work, else when it is
/// notified, its time comes, or, unless it knows that nothing can come otherwise, it has waited long.
/// A step that has begun is always finished; then a worker that [hands over](super::HandOver) does, and what
/// goes on in its background comes to its end. Of one that does not, it is left where it stands. `draw` draws a number below its argument, for the jitter.
///
/// A failure is an event of target `worker` with the fields `node`, `worker` and `error`.
pub async fn run(
    worker: Worker,
    node: &str,
    clock: &dyn Clock,
    mut draw: impl FnMut(u64) -> u64,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let _dropped = DroppedAtEnd(worker.background.clone());
    let failed = |why: &str| {
        tracing::warn!(target: "worker", node, worker = worker.name, error = why, "failed");
    };
    let ended = |outcome: Result<(), String>| {
        if let Err(why) = outcome {
            failed(&why);
        }
    };
    let mut poll = POLL_MIN;
    while poll!(stop.as_mut()).is_pending() {
        let progress = worker.background.beside(worker.step(), ended).await;
        let mut nothing_due = false;
        let mut look = |until: Option<Time>| {
            let jitter = u64::try_from((poll / POLL_JITTER_PART).as_micros()).unwrap_or(u64::MAX);
            let longest = poll + Duration::from_micros(draw(jitter));
            let wait = until.map_or(longest, |until| until.since(clock.now()).min(longest));
            nothing_due = wait == longest;
            wait
        };
        let wait = match progress {
            Progress::Worked => {
                poll = POLL_MIN;
                yield_now().await;
                continue;
            }
            Progress::Waiting => None,
            Progress::Until(time) => Some(time.since(clock.now())),
            Progress::Idle(until) => Some(look(until)),
            Progress::Failed { why, retry_at } => {
                failed(&why);
                Some(look(Some(retry_at)))
            }
        };
        let passed = pin!(async {
            match wait {
                Some(wait) => clock.sleep(wait).await,
                None => pending().await,
            }
        });
        let notified = pin!(worker.notify.notified());
        let wakes = worker.background.beside(select(notified, passed), ended);
        poll = match select(stop.as_mut(), pin!(wakes)).await {
            Either::Left(_) => break,
            Either::Right((Either::Right(_), _)) if nothing_due => (poll * 2).min(POLL_MAX),
            Either::Right(_) => POLL_MIN,
        };
    }
    if let Some(hand_over) = worker.hand_over() {
        worker.background.close();
        if let Err(why) = worker.background.beside(hand_over(), ended).await {
            failed(&why);
        }
        worker.background.end(ended).await;
    }
}

/// Lets others run first.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| match yielded {
        true => Poll::Ready(()),
        false => {
            yielded = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}
