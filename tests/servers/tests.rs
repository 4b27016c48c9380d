//! The servers of tests, judged themselves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::shared::{Server as _, SharedPostgres, kept};
use super::{Place, or_skip};
use crate::up::process::Folder;

/// How long a server may stay that nobody wants.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_server_is_started_once_and_ends_when_nobody_wants_it() {
    let folder = Folder::new("servers");
    let open = || Arc::new(Place::open(&folder.path("place"), 0).expect("the folder is ours"));
    let (first, second) = (open(), open());
    let Some(server) = or_skip("servers", kept::<SharedPostgres>(&first)) else { return };
    assert_eq!(kept(&second).as_ref(), Ok(&server), "another process would find it");
    drop(first);
    // Longer than it takes to notice that nobody wants it.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(server.answers(), Ok(()), "one is left who wants it");
    drop(second);
    let deadline = Instant::now() + SOON;
    while server.answers().is_ok() {
        assert!(Instant::now() < deadline, "it stays");
        std::thread::sleep(Duration::from_millis(100));
    }
    // Its note is there, and it is not.
    let again = kept::<SharedPostgres>(&open()).expect("it could be started before");
    assert_ne!(again, server);
}
