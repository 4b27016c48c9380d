//! Who was it? The code that made an event, and the code that asked the machine for something while a
//! world had its thread.
//!
//! For whoever doubts that a run depends on nothing but its seed. Watching is asked for beforehand, of
//! the next world that this thread runs ([`watch`]), and what was seen is taken afterwards ([`seen`]): no
//! caller between has to pass it on, and of a world that died there is what was seen until then. It
//! changes no run, for nothing is drawn and nothing waits. How a thread is caught asking is
//! `machine.rs`'s.

#[cfg_attr(
    not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))),
    path = "unseen.rs"
)]
mod machine;

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::lock;

/// What was seen of a world that was watched.
#[derive(Debug, Default)]
pub struct Sighting {
    /// The event that was asked for, if the run came as far, and the last ones before it: the number of
    /// each, and the stack that made it.
    pub events: Vec<(u64, Backtrace)>,
    /// The first times that the machine was asked for something.
    pub escapes: Vec<Escape>,
    /// How many times more.
    pub more_escapes: u64,
    /// Why escapes cannot be seen here, if they cannot.
    pub blind: Option<String>,
}

/// A world's thread asked the machine for something that the seed does not decide.
#[derive(Debug)]
pub struct Escape {
    /// What it asked for.
    pub way: Way,
    /// Which one, where that is known: a file's path.
    pub which: Option<String>,
    /// The number of the last event before.
    pub after: u64,
    /// Who asked.
    pub stack: Backtrace,
}

/// What the machine is asked for past the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Random numbers of the operating system. What std and most crates draw goes through libc's
    /// `getrandom`, which a world answers by its seed; this is a system call past it.
    Entropy,
    /// The time, by a system call of its own. `Instant::now` and `SystemTime::now` are answered by the
    /// world and are not among these; a processor's counter or the kernel's page of clocks cannot be
    /// seen.
    Clock,
    /// A sleep that takes real time, and none in the world.
    Sleep,
    /// A file, `/dev/urandom` included; but none of `/proc` and `/sys`, which allocators read as well.
    File,
    /// A socket, or a poller of sockets.
    Socket,
    /// The number of this process.
    ProcessId,
    /// A stack for another thread or another process.
    Thread,
}

/// Stacks are kept of so many escapes; whoever asks more often asks from the same places.
const ESCAPES_MAX: usize = 256;

/// So many events end with the one that was asked for: the last code of services may have been at work
/// a while before.
const EVENTS_KEPT: u64 = 48;

thread_local! {
    /// The watch that the next world which this thread runs is put under.
    static ORDERED: RefCell<Option<Watch>> = const { RefCell::new(None) };
    /// The watch that this world's thread is under.
    static HERE: RefCell<Option<Watch>> = const { RefCell::new(None) };
    /// Whether it is under one.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    /// This program's file.
    static PROGRAM: RefCell<PathBuf> = const { RefCell::new(PathBuf::new()) };
    /// Whether it is looking at itself just now.
    static LOOKING: Cell<bool> = const { Cell::new(false) };
    /// The event that was asked for; zero: none.
    static ASKED: Cell<u64> = const { Cell::new(0) };
    /// The number of the last event.
    static EVENT: Cell<u64> = const { Cell::new(0) };
}

/// What is to be watched, and what was seen.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    /// The number of the event that is asked for, if one is.
    event: Option<u64>,
    /// None, until a world begins.
    seen: Arc<Mutex<Option<Sighting>>>,
}

/// Has the next world watched that this thread runs. Events are numbered from 1, as the lines of a trace.
pub fn watch(event: Option<u64>) {
    ORDERED.set(Some(Watch { event, ..Watch::default() }));
}

/// Takes what was seen since [`watch`]; none, if this thread has run no world since.
pub fn seen() -> Option<Sighting> {
    let watch = ORDERED.take()?;
    lock(&watch.seen).take()
}

/// The watch that is ordered for the next world.
pub(crate) fn ordered() -> Option<Watch> {
    ORDERED.with_borrow(Clone::clone)
}

/// A world's time on its thread.
pub(crate) struct Watching(());

impl Drop for Watching {
    fn drop(&mut self) {
        WATCHED.set(false);
    }
}

/// A world begins on this thread, which is its own.
pub(crate) fn begin(ordered: Option<Watch>) -> Watching {
    if let Some(watch) = ordered {
        PROGRAM.set(std::env::current_exe().unwrap_or_default());
        let blind = machine::set_trap().err();
        *lock(&watch.seen) = Some(Sighting { blind, ..Sighting::default() });
        ASKED.set(watch.event.unwrap_or(0));
        HERE.set(Some(watch));
        WATCHED.set(true);
    }
    Watching(())
}

/// An event is being recorded.
pub(crate) fn event(number: u64) {
    if !WATCHED.get() {
        return;
    }
    EVENT.set(number);
    let asked = ASKED.get();
    if number <= asked && number + EVENTS_KEPT > asked {
        look(|seen| seen.events.push((number, Backtrace::force_capture())));
    }
}

/// The machine is being asked, somewhere below on this thread's stack; of a file, by its path. Called by
/// a signal's handler.
///
/// Taking a stack needs the allocator, and what std keeps for showing stacks: neither can be at work just
/// now. So what they ask themselves is passed over before anything is touched.
#[cfg_attr(
    not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))),
    expect(dead_code, reason = "nobody sees an escape there")
)]
fn escape(way: Way, path: Option<&CStr>) {
    // Of a thread that ends, hardly more than this is left.
    if !WATCHED.get() || std::thread::panicking() {
        return;
    }
    if path.is_some_and(|path| is_of_program(path.to_bytes())) {
        return;
    }
    look(|seen| match seen.escapes.len() < ESCAPES_MAX {
        true => {
            let (after, stack) = (EVENT.get(), Backtrace::force_capture());
            let which = path.map(|path| path.to_string_lossy().into_owned());
            seen.escapes.push(Escape { way, which, after, stack });
        }
        false => seen.more_escapes += 1,
    });
}

/// Whether a file is this program's own: its code, its libraries, what they have for debuggers; or one of
/// those in which the kernel tells of itself, which allocators read.
fn is_of_program(path: &[u8]) -> bool {
    let is_program = PROGRAM.with_borrow(|program| program.as_os_str().as_encoded_bytes() == path);
    let has_ending = [&b".debug"[..], b".dwp", b".so"].iter().any(|ending| path.ends_with(ending));
    let is_library = path.windows(4).any(|part| part == b".so.");
    let is_kernels = path.starts_with(b"/proc/") || path.starts_with(b"/sys/");
    is_program || has_ending || is_library || is_kernels
}

/// What looking itself asks of the machine is no escape.
fn look(note: impl FnOnce(&mut Sighting)) {
    if WATCHED.get() && !LOOKING.replace(true) {
        HERE.with_borrow(|watch| {
            let mut seen = watch.as_ref().map(|watch| lock(&watch.seen));
            if let Some(seen) = seen.as_mut().and_then(|seen| seen.as_mut()) {
                note(seen);
            }
        });
        LOOKING.set(false);
    }
}

#[cfg(all(test, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;

    /// Asks when it is dropped, as an allocator does when its thread ends.
    struct Last;

    impl Drop for Last {
        fn drop(&mut self) {
            escape(Way::File, Some(c"/etc/hosts"));
        }
    }

    thread_local! {
        static LAST: Last = const { Last };
    }

    #[test]
    fn a_thread_that_ends_is_watched_no_more() {
        let watch = Watch::default();
        let seen = watch.seen.clone();
        let thread = std::thread::spawn(|| {
            // What is made first goes last.
            LAST.with(|_| ());
            let watching = begin(Some(watch));
            escape(Way::File, Some(c"/etc/hostname"));
            drop(watching);
        });
        thread.join().expect("it ends");
        let sighting = lock(&seen).take().expect("it began");
        let files: Vec<_> = sighting.escapes.iter().map(|it| it.which.as_deref()).collect();
        assert_eq!(files, [Some("/etc/hostname")]);
    }

    #[test]
    fn what_allocators_and_debuggers_read_is_no_escape() {
        for path in ["/proc/sys/vm/overcommit_memory", "/lib/libc.so.6", "/usr/lib/debug/a.debug"] {
            assert!(is_of_program(path.as_bytes()), "{path}");
        }
        for path in ["/dev/urandom", "settings.toml", "/home/so/x"] {
            assert!(!is_of_program(path.as_bytes()), "{path}");
        }
    }
}
