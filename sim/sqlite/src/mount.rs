//! Where the files of an open database lie: a number in their paths, which stays the same when the database
//! is moved to another disk.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::disk::{Disk, WeakDisk};
use super::lock::lock;

/// Which disk a number stands for, and in which epoch.
static MOUNTS: Mutex<BTreeMap<u64, (WeakDisk, u64)>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A number that is taken.
pub(super) struct Mount(u64);

impl Mount {
    /// A number for a disk. The epoch goes with it so that a connection of a dead process cannot delete or
    /// create names on the disk that its successor uses.
    pub(super) fn new(disk: &Disk, epoch: u64) -> Mount {
        let mount = Mount(NEXT.fetch_add(1, Ordering::Relaxed));
        mount.move_to(disk, epoch);
        mount
    }

    /// The number stands for this disk from now on.
    pub(super) fn move_to(&self, disk: &Disk, epoch: u64) {
        lock(&MOUNTS).insert(self.0, (disk.downgrade(), epoch));
    }

    /// The path that SQLite is given for a file.
    pub(super) fn path(&self, file: &str) -> String {
        format!("/{}/{file}", self.0)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        lock(&MOUNTS).remove(&self.0);
    }
}

/// What a path stands for now: disk, epoch and file name.
pub(super) fn locate(path: &str) -> Option<(Disk, u64, &str)> {
    let (number, file) = path.strip_prefix('/')?.split_once('/')?;
    let file = (!file.is_empty()).then_some(file)?;
    let (disk, epoch) = lock(&MOUNTS).get(&number.parse().ok()?)?.clone();
    Some((disk.upgrade()?, epoch, file))
}
