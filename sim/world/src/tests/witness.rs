//! Whose code it was.

use std::backtrace::Backtrace;
use std::ffi::c_void;
use std::ptr;

use super::*;
use crate::witness::{Sighting, Way, seen, watch};

/// Runs a world in which the user's code does `what`, under watch.
fn watched<T: Send + 'static>(what: fn() -> T) -> (T, Sighting) {
    watch(None);
    let done = run(spec(7, Vec::new()), |world| async move {
        ask(&world, "tea").await.expect("nothing goes wrong");
        world.spawn("user", async move { what() }).await.expect("nobody kills the user")
    });
    (done, seen().expect("a world ran"))
}

/// The ways that were seen, all of them with `function` on their stack.
fn ways(sighting: &Sighting, function: &str) -> Vec<Way> {
    for escape in &sighting.escapes {
        assert!(escape.stack.to_string().contains(function), "{}", escape.stack);
        assert!(escape.after > 0);
    }
    sighting.escapes.iter().map(|escape| escape.way).collect()
}

/// Random numbers by a system call, as crates that know no libc draw them.
fn past_libc() -> [u8; 16] {
    let mut bytes = [0; 16];
    // SAFETY: the kernel fills so many bytes at the most.
    let filled = unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0) };
    assert_eq!(filled, 16);
    bytes
}

/// Random numbers as std and most crates draw them.
fn by_libc() -> [u8; 16] {
    let mut bytes = [0; 16];
    // SAFETY: so many bytes are filled at the most.
    let filled = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    assert_eq!(filled, 16);
    bytes
}

/// Reads the program's own file while std holds what it needs to take another stack.
fn shown_stack() -> String {
    Backtrace::force_capture().to_string()
}

extern "C" fn nothing(_: *mut c_void) -> *mut c_void {
    ptr::null_mut()
}

/// A thread as a library in C starts one, which no world refuses.
fn thread_of_c() {
    // SAFETY: the thread does nothing, and is waited for.
    unsafe {
        let mut thread = std::mem::zeroed();
        assert_eq!(libc::pthread_create(&mut thread, ptr::null(), nothing, ptr::null_mut()), 0);
        assert_eq!(libc::pthread_join(thread, ptr::null_mut()), 0);
    }
}

#[expect(clippy::disallowed_methods, reason = "it is to be caught")]
fn of_everything() -> (u32, bool, bool) {
    std::thread::sleep(Duration::from_millis(1));
    let file = std::fs::read("/dev/null").is_ok();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").is_ok();
    (std::process::id(), file, socket)
}

#[test]
fn what_is_asked_of_the_machine_is_seen_and_answered() {
    let (first, sighting) = watched(past_libc);
    let (second, _) = watched(past_libc);
    assert_ne!(first, second, "the machine's own are never the same");
    if let Some(blind) = sighting.blind {
        assert!(blind.contains("cannot be watched here"), "{blind}");
        return;
    }
    assert_eq!(ways(&sighting, "past_libc"), [Way::Entropy]);

    let (answers, sighting) = watched(of_everything);
    assert_eq!(answers, (std::process::id(), true, true));
    let seen = ways(&sighting, "of_everything");
    assert_eq!(seen, [Way::Sleep, Way::File, Way::Socket, Way::ProcessId]);
    assert_eq!(sighting.escapes[1].which.as_deref(), Some("/dev/null"));

    let ((), sighting) = watched(thread_of_c);
    assert_eq!(ways(&sighting, "thread_of_c"), [Way::Thread]);
}

#[test]
fn a_service_may_show_its_stack() {
    let (stack, sighting) = watched(shown_stack);
    assert!(stack.contains("shown_stack"), "{stack}");
    assert_eq!(sighting.escapes.len(), 0);
}

#[test]
fn so_many_escapes_are_kept_and_the_rest_is_counted() {
    let ((), sighting) = watched(|| (0..300).for_each(|_| assert_ne!(past_libc(), [0; 16])));
    if sighting.blind.is_none() {
        assert_eq!((sighting.escapes.len(), sighting.more_escapes), (256, 44));
    }
}

#[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "how they are answered")]
fn of_std() -> String {
    let map: std::collections::HashMap<u32, ()> = (0..40).map(|it| (it, ())).collect();
    let times = (std::time::Instant::now(), std::time::SystemTime::now());
    format!("{:?} {times:?} {:?}", map.keys().collect::<Vec<_>>(), by_libc())
}

#[test]
fn a_world_answers_std_by_its_seed() {
    let (first, sighting) = watched(of_std);
    assert_eq!((watched(of_std).0, sighting.escapes.len()), (first, 0));
}

#[test]
#[should_panic(expected = "in the world of seed 7: ")]
fn a_world_refuses_threads() {
    watched(|| std::thread::spawn(|| ()).join().is_ok());
}

#[test]
fn the_code_behind_an_event_is_seen() {
    watch(Some(12));
    run(spec(7, Vec::new()), |world| async move {
        for _ in 0..20 {
            ask(&world, "tea").await.expect("nothing goes wrong");
        }
    });
    let sighting = seen().expect("a world ran");
    let numbers: Vec<u64> = sighting.events.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
    let is_add = |stack: &Backtrace| stack.to_string().contains("tests::add::");
    assert!(sighting.events.iter().any(|(_, stack)| is_add(stack)));
    assert!(seen().is_none(), "it was taken");
}

#[test]
fn who_watches_changes_nothing() {
    let (unwatched, trace, events) = determinism::storm(7);
    watch(Some(events));
    let (watched, watched_trace, _) = determinism::storm(7);
    let sighting = seen().expect("a world ran");
    assert_eq!((watched, watched_trace), (unwatched, trace));
    assert_eq!(sighting.events.last().map(|(number, _)| *number), Some(events));
    let escapes: Vec<String> = sighting.escapes.iter().map(|it| it.stack.to_string()).collect();
    assert!(escapes.is_empty(), "the world itself escapes: {escapes:#?}");
}
