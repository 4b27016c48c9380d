//! The disk of one simulated machine: named files, a power switch and a count of operations.
//!
//! A write changes what running programs see; only a sync makes it last. Names follow strict
//! POSIX: a created or unlinked name lasts only once its *directory* is synced, whatever was done
//! to the file. What files are is in `files.rs`; SQLite reaches them through `vfs.rs`. The disk
//! also keeps the list of changed rows, because it outlives the connections.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use sqlx_core::Error;

use super::changes::{Change, merge};
use super::contents::Contents;
use super::files::Files;
use super::lock::lock;
use super::reader::Reader;
use crate::Value;

/// Every disk that has a handle, so that a connection finds it by the number in a URL.
static DISKS: Mutex<BTreeMap<u64, Weak<Shared>>> = Mutex::new(BTreeMap::new());
static NEXT_DISK: AtomicU64 = AtomicU64::new(1);

/// A handle on one machine's disk; clones are handles on the same disk.
#[derive(Clone)]
pub struct Disk {
    shared: Arc<Shared>,
}

/// A handle that does not keep the disk.
#[derive(Clone)]
pub(super) struct WeakDisk(Weak<Shared>);

struct Shared {
    id: u64,
    name: String,
    /// What it was made of.
    origin: Image,
    files: Mutex<Files>,
    is_retired: AtomicBool,
    changes: Mutex<Vec<Change>>,
    /// The connection last opened.
    reader: Mutex<Option<Weak<Mutex<dyn Reader>>>>,
}

/// A snapshot of all files of a disk; cheap to clone, to keep and to make disks from.
#[derive(Clone, Default)]
pub struct Image {
    files: Arc<BTreeMap<String, Contents>>,
}

impl Disk {
    /// An empty disk. The name is for people; it need not be unique.
    pub fn new(name: &str) -> Disk {
        Disk::from_image(name, &Image::default())
    }

    /// A disk that holds the image's files, all of them durable.
    pub fn from_image(name: &str, image: &Image) -> Disk {
        let shared = Arc::new(Shared {
            id: NEXT_DISK.fetch_add(1, Ordering::Relaxed),
            name: name.to_owned(),
            origin: image.clone(),
            is_retired: AtomicBool::new(false),
            files: Mutex::new(Files::new(&image.files)),
            changes: Mutex::default(),
            reader: Mutex::default(),
        });
        lock(&DISKS).insert(shared.id, Arc::downgrade(&shared));
        Disk { shared }
    }

    /// The name given at creation.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What running programs would read now, synced or not. Close the database first to get one
    /// file without a WAL beside it.
    pub fn image(&self) -> Image {
        let files = self.files();
        let files = files.seen().map(|(name, contents)| (name.clone(), contents.clone()));
        Image { files: Arc::new(files.collect()) }
    }

    /// The address under which sqlx connects to a database on this disk, valid until the next
    /// [`power_cut`](Disk::power_cut) or [`detach`](Disk::detach). [`open`](super::open) uses it.
    pub fn url(&self, file: &str) -> String {
        format!("sim:/{}/{}/{file}", self.shared.id, self.files().epoch())
    }

    /// Power is lost and comes back: every open file is dead, locks are forgotten, and only what
    /// was synced is there. Connections of before answer errors and may be dropped at any time.
    /// Disarms [`cut_after`](Disk::cut_after). Committed changes not yet taken stay to be taken.
    /// A commit that was cut may be durable without having been told as a change.
    pub fn power_cut(&self) {
        self.files().restore_power();
    }

    /// The process that used the disk was killed: every open file is dead and locks are forgotten,
    /// but all that was written is still there. Call this before the connection is dropped, as on
    /// a kill: dropping a living one closes the database in good order, with a checkpoint.
    /// A power failure, armed or struck, stays.
    pub fn detach(&self) {
        self.files().begin_epoch();
    }

    /// Nobody will look at this disk, or open a database on it, any more. When the connection that is open
    /// on it is dropped, its session may go to another disk made from the same image, with the statements
    /// that it has prepared; nothing else of it shows there. What the files hold from then on is not said.
    pub fn retire(&self) {
        self.shared.is_retired.store(true, Ordering::Relaxed);
    }

    /// Arms a power failure: of the operations to come, the `n`-th (from 1; 0 means 1) and all
    /// after it fail. See [`is_failing`](Disk::is_failing).
    pub fn cut_after(&self, n: u64) {
        self.files().cut_after(n);
    }

    /// Whether an armed failure has struck and [`power_cut`](Disk::power_cut) is due.
    pub fn is_failing(&self) -> bool {
        self.files().is_failing()
    }

    /// How many writes, truncations, syncs and deletions were asked for since creation.
    pub fn operations(&self) -> u64 {
        self.files().operations()
    }

    /// A hash over the names and bytes that running programs see; the same in every process.
    pub fn fingerprint(&self) -> u64 {
        self.files().fingerprint()
    }

    /// The rows changed by transactions committed since the last call, one entry per row. What
    /// SQLite does not tell is listed in `changes.rs`.
    pub fn take_changes(&self) -> Vec<Change> {
        merge(std::mem::take(&mut *lock(&self.shared.changes)))
    }

    /// Whether a connection is open on it, through which it can be looked at.
    pub fn is_open(&self) -> bool {
        self.reader().is_some()
    }

    /// Reads through the connection last opened on this disk, at once, on this thread: between
    /// transactions or inside one. Statements are kept prepared.
    ///
    /// # Errors
    /// Without a living connection, for a statement that writes, and for what SQLite refuses.
    pub fn peek(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        let reader = self.reader().ok_or_else(|| {
            Error::InvalidArgument(format!("no connection is open on disk {:?}", self.shared.name))
        })?;
        lock(&reader).peek(sql, params)
    }

    /// The statements that the connection last opened on this disk keeps prepared, as they were
    /// written: all that it was asked, as long as there are not more than it keeps (256).
    pub fn prepared(&self) -> Vec<String> {
        self.reader().map_or_else(Vec::new, |reader| lock(&reader).prepared())
    }

    /// What a URL names: disk, epoch and file name.
    pub(super) fn locate(url_path: &str) -> Option<(Disk, u64, &str)> {
        let (disk, rest) = url_path.strip_prefix('/')?.split_once('/')?;
        let (epoch, file) = rest.split_once('/')?;
        let file = (!file.is_empty()).then_some(file)?;
        Some((Disk::by_id(disk.parse().ok()?)?, epoch.parse().ok()?, file))
    }

    fn by_id(id: u64) -> Option<Disk> {
        let shared = lock(&DISKS).get(&id)?.upgrade()?;
        Some(Disk { shared })
    }

    pub(super) fn downgrade(&self) -> WeakDisk {
        WeakDisk(Arc::downgrade(&self.shared))
    }

    pub(super) fn origin(&self) -> &Image {
        &self.shared.origin
    }

    pub(super) fn is_retired(&self) -> bool {
        self.shared.is_retired.load(Ordering::Relaxed)
    }

    pub(super) fn files(&self) -> MutexGuard<'_, Files> {
        lock(&self.shared.files)
    }

    pub(super) fn remember(&self, reader: Weak<Mutex<dyn Reader>>) {
        *lock(&self.shared.reader) = Some(reader);
    }

    fn reader(&self) -> Option<Arc<Mutex<dyn Reader>>> {
        lock(&self.shared.reader).as_ref()?.upgrade()
    }

    pub(super) fn publish(&self, changes: &mut Vec<Change>) {
        lock(&self.shared.changes).append(changes);
    }
}

impl WeakDisk {
    pub(super) fn upgrade(&self) -> Option<Disk> {
        let shared = self.0.upgrade()?;
        Some(Disk { shared })
    }
}

impl Image {
    /// Whether it is that one, or a clone of it; another with the same files is not.
    pub(super) fn is(&self, other: &Image) -> bool {
        Arc::ptr_eq(&self.files, &other.files)
    }

    /// The file, if it is the only one.
    pub(super) fn only_file(&self) -> Option<(&str, &Contents)> {
        let mut files = self.files.iter();
        let (name, contents) = files.next()?;
        files.next().is_none().then_some((name, contents))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        lock(&DISKS).remove(&self.id);
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Disk").field(&self.shared.name).finish()
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.files.iter().map(|(name, file)| (name, file.length()));
        f.debug_map().entries(sizes).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_forgets_a_disk_with_its_last_handle() {
        let disk = Disk::new("test");
        let id = disk.shared.id;
        let second = disk.clone();
        drop(disk);
        assert!(Disk::by_id(id).is_some());
        drop(second);
        assert!(Disk::by_id(id).is_none());
    }
}
