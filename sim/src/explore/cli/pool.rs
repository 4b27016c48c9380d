//! Work spread over threads, each of which drives worker processes: as many at once as were asked for.
//!
//! Each thread takes the next chunk as soon as it is done with its last. What is in a chunk, `seeds`
//! and `job_pool` say.

use std::ops::{ControlFlow, Range};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The most that one thread takes at once: enough to forget the cost of a process's start.
const CHUNK: u64 = 32;

/// Cuts `numbers` into chunks (of `chunk`, within reason) and has `jobs` threads drive them, in their
/// order, until one breaks off: those before it are still driven, those behind it are not begun. What
/// drivers send goes to `each`, on this thread.
///
/// # Errors
/// The first error of a driver; the others then take no further chunk.
pub fn spread<T: Send>(
    numbers: Range<u64>,
    chunk: u64,
    jobs: usize,
    drive: impl Fn(Range<u64>, &Sender<T>) -> Result<ControlFlow<()>, String> + Sync,
    mut each: impl FnMut(T),
) -> Result<(), String> {
    let chunk = chunk.clamp(1, CHUNK);
    let rest = Mutex::new(numbers);
    let take = |all: bool| {
        let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
        let end = if all { rest.end } else { rest.end.min(rest.start.saturating_add(chunk)) };
        let taken = rest.start..end;
        rest.start = end;
        (!taken.is_empty()).then_some(taken)
    };
    let work = |sender: Sender<T>| {
        while let Some(chunk) = take(false) {
            let driven = drive(chunk, &sender);
            if !matches!(driven, Ok(ControlFlow::Continue(()))) {
                take(true);
                return driven.map(|_| ());
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let (sender, found) = channel();
        let drivers: Vec<_> = (0..jobs)
            .map(|_| {
                let sender = sender.clone();
                scope.spawn(move || work(sender))
            })
            .collect();
        drop(sender);
        found.iter().for_each(&mut each);
        let ended = drivers.into_iter().map(|driver| match driver.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.collect()
    })
}
