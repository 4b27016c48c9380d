//! The disk of one simulated machine: named files, a power switch and a count of operations.
//!
//! A write changes what running programs see; only a sync makes it last. Names follow strict
//! POSIX: a created or unlinked name lasts only once its *directory* is synced, whatever was done
//! to the file. SQLite reaches the disk through `vfs.rs`; what its rows mean is nobody's business
//! here, but the disk keeps the list of changed rows because it outlives the connections.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::changes::{Change, merge};
use super::contents::{Contents, PAGE_BYTES, mix_bytes};
use super::peek::Value;
use super::session::Session;

/// Every disk that has a handle, so that the VFS finds it by the number in a path.
static DISKS: Mutex<BTreeMap<u64, Weak<Shared>>> = Mutex::new(BTreeMap::new());
static NEXT_DISK: AtomicU64 = AtomicU64::new(1);

/// What `Shared::live` holds while the disk has no power: no epoch has this number.
const NO_EPOCH: u64 = 0;

/// A handle on one machine's disk; clones are handles on the same disk.
#[derive(Clone)]
pub struct Disk {
    shared: Arc<Shared>,
}

struct Shared {
    id: u64,
    name: String,
    /// The epoch whose handles work now, or [`NO_EPOCH`]: read before every statement, without
    /// taking the lock.
    live: AtomicU64,
    state: Mutex<State>,
    session: Mutex<Weak<Mutex<Session>>>,
}

/// A snapshot of all files of a disk; cheap to clone, to keep and to make disks from.
#[derive(Clone, Default)]
pub struct Image {
    files: Arc<BTreeMap<String, Contents>>,
}

struct State {
    files: BTreeMap<u64, File>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    next_number: u64,
    epoch: u64,
    operations: u64,
    cut_in: Option<u64>,
    failing: bool,
    changes: Vec<Change>,
}

#[derive(Default)]
struct File {
    contents: Contents,
    durable: Contents,
    /// Pages that may differ from the durable ones: first and end.
    dirty: (usize, usize),
    handles: usize,
    locked_by: Option<u64>,
}

/// An open file. Dead once the disk's epoch has moved on.
#[derive(Clone, Copy)]
pub(super) struct Handle {
    epoch: u64,
    file: u64,
    number: u64,
}

/// Why the disk refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The power failed, or the handle belongs to a process that is gone.
    Dead,
    /// No file has this name.
    Missing,
    /// Another handle holds the lock.
    Locked,
}

impl Disk {
    /// An empty disk. The name is for people; it need not be unique.
    pub fn new(name: &str) -> Disk {
        Disk::from_image(name, &Image::default())
    }

    /// A disk that holds the image's files, all of them durable.
    pub fn from_image(name: &str, image: &Image) -> Disk {
        let mut files = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (number, (name, contents)) in (1..).zip(image.files.iter()) {
            let file =
                File { contents: contents.clone(), durable: contents.clone(), ..File::default() };
            files.insert(number, file);
            names.insert(name.clone(), number);
        }
        let state = State {
            next_number: files.len() as u64 + 1,
            files,
            durable_names: names.clone(),
            names,
            epoch: 1,
            operations: 0,
            cut_in: None,
            failing: false,
            changes: Vec::new(),
        };
        let shared = Arc::new(Shared {
            id: NEXT_DISK.fetch_add(1, Ordering::Relaxed),
            name: name.to_owned(),
            live: AtomicU64::new(state.epoch),
            state: Mutex::new(state),
            session: Mutex::new(Weak::new()),
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
        let state = self.state();
        let files = state
            .names
            .iter()
            .map(|(name, number)| (name.clone(), state.files[number].contents.clone()))
            .collect();
        Image { files: Arc::new(files) }
    }

    /// The address under which sqlx connects to a database on this disk, valid until the next
    /// [`power_cut`](Disk::power_cut) or [`detach`](Disk::detach). [`open`](super::open) uses it.
    pub fn url(&self, file: &str) -> String {
        format!("sim:/{}/{}/{file}", self.shared.id, self.state().epoch)
    }

    /// Power is lost and comes back: every open file is dead, locks are forgotten, and only what
    /// was synced is there. Disarms [`cut_after`](Disk::cut_after). Committed changes not yet
    /// taken stay to be taken.
    pub fn power_cut(&self) {
        let mut state = self.state();
        self.begin_epoch(&mut state);
        state.names = state.durable_names.clone();
        for file in state.files.values_mut() {
            file.contents = file.durable.clone();
            file.dirty = (0, 0);
        }
        state.drop_unnamed();
    }

    /// The process that used the disk was killed: every open file is dead and locks are forgotten,
    /// but all that was written is still there.
    pub fn detach(&self) {
        let mut state = self.state();
        self.begin_epoch(&mut state);
        state.drop_unnamed();
    }

    /// Arms a power failure: of the operations to come, the `n`-th (from 1; 0 means 1) and all
    /// after it fail. See [`is_failing`](Disk::is_failing).
    pub fn cut_after(&self, n: u64) {
        self.state().cut_in = Some(n.max(1));
    }

    /// Whether an armed failure has struck and [`power_cut`](Disk::power_cut) is due.
    pub fn is_failing(&self) -> bool {
        self.state().failing
    }

    /// How many writes, truncations, syncs and deletions were asked for since creation.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// A hash over the names and bytes that running programs see; the same in every process.
    pub fn fingerprint(&self) -> u64 {
        let state = self.state();
        state.names.iter().fold(0, |hash, (name, number)| {
            let hash = mix_bytes(hash, name.as_bytes());
            state.files[number].contents.mix_into(hash)
        })
    }

    /// The rows changed by transactions committed since the last call, one entry per row. What
    /// SQLite does not tell is listed in `changes.rs`.
    pub fn take_changes(&self) -> Vec<Change> {
        merge(std::mem::take(&mut self.state().changes))
    }

    /// Reads through the connection last opened on this disk, at once, on this thread: between
    /// transactions or inside one. Statements are kept prepared.
    ///
    /// # Errors
    /// Without a living connection, for a statement that writes, and for what SQLite refuses.
    pub fn peek(
        &self,
        sql: &'static str,
        params: &[Value],
    ) -> Result<Vec<Vec<Value>>, sqlx_core::Error> {
        let session = lock(&self.shared.session).upgrade();
        let session = session.ok_or_else(|| {
            sqlx_core::Error::InvalidArgument(format!(
                "no connection is open on disk {:?}",
                self.shared.name
            ))
        })?;
        lock(&session).peek(sql, params)
    }

    pub(super) fn by_id(id: u64) -> Option<Disk> {
        let shared = lock(&DISKS).get(&id)?.upgrade()?;
        Some(Disk { shared })
    }

    pub(super) fn id(&self) -> u64 {
        self.shared.id
    }

    /// Whether handles of `epoch` still work.
    pub(super) fn is_live(&self, epoch: u64) -> bool {
        self.shared.live.load(Ordering::Relaxed) == epoch
    }

    pub(super) fn remember_session(&self, session: &Arc<Mutex<Session>>) {
        *lock(&self.shared.session) = Arc::downgrade(session);
    }

    pub(super) fn publish(&self, changes: &mut Vec<Change>) {
        self.state().changes.append(changes);
    }

    fn begin_epoch(&self, state: &mut State) {
        state.epoch += 1;
        state.cut_in = None;
        state.failing = false;
        for file in state.files.values_mut() {
            file.handles = 0;
            file.locked_by = None;
        }
        self.shared.live.store(state.epoch, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }

    fn state_of(&self, epoch: u64) -> Result<MutexGuard<'_, State>, Refusal> {
        let state = self.state();
        match state.epoch == epoch && !state.failing {
            true => Ok(state),
            false => Err(Refusal::Dead),
        }
    }

    /// The state, for something that counts as an operation and may be the one that is cut.
    fn operate(&self, epoch: u64) -> Result<MutexGuard<'_, State>, Refusal> {
        let mut state = self.state_of(epoch)?;
        state.operations += 1;
        if let Some(left) = &mut state.cut_in {
            *left -= 1;
            if *left == 0 {
                state.cut_in = None;
                state.failing = true;
                self.shared.live.store(NO_EPOCH, Ordering::Relaxed);
                return Err(Refusal::Dead);
            }
        }
        Ok(state)
    }
}

/// What the VFS asks of the disk.
impl Disk {
    pub(super) fn open_file(
        &self,
        epoch: u64,
        name: &str,
        create: bool,
    ) -> Result<Handle, Refusal> {
        let mut state = self.state_of(epoch)?;
        let file = match state.names.get(name) {
            Some(file) => *file,
            None if create => {
                let file = state.take_number();
                state.names.insert(name.to_owned(), file);
                state.files.insert(file, File::default());
                file
            }
            None => return Err(Refusal::Missing),
        };
        let number = state.take_number();
        state.file(file).handles += 1;
        Ok(Handle { epoch, file, number })
    }

    pub(super) fn close_file(&self, handle: Handle) {
        if let Ok(mut state) = self.state_of(handle.epoch) {
            let file = state.file(handle.file);
            file.handles -= 1;
            if file.locked_by == Some(handle.number) {
                file.locked_by = None;
            }
            if file.handles == 0 {
                state.drop_unnamed();
            }
        }
    }

    pub(super) fn exists(&self, epoch: u64, name: &str) -> Result<bool, Refusal> {
        Ok(self.state_of(epoch)?.names.contains_key(name))
    }

    pub(super) fn delete(
        &self,
        epoch: u64,
        name: &str,
        sync_directory: bool,
    ) -> Result<(), Refusal> {
        let mut state = self.operate(epoch)?;
        state.names.remove(name).ok_or(Refusal::Missing)?;
        if sync_directory {
            state.durable_names = state.names.clone();
        }
        state.drop_unnamed();
        Ok(())
    }

    pub(super) fn read(
        &self,
        handle: Handle,
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<usize, Refusal> {
        let mut state = self.state_of(handle.epoch)?;
        Ok(state.file(handle.file).contents.read(offset, buffer))
    }

    pub(super) fn write(&self, handle: Handle, offset: usize, bytes: &[u8]) -> Result<(), Refusal> {
        let mut state = self.operate(handle.epoch)?;
        let file = state.file(handle.file);
        file.contents.write(offset, bytes);
        let end = (offset + bytes.len()).div_ceil(PAGE_BYTES);
        file.touch(offset / PAGE_BYTES, end);
        Ok(())
    }

    pub(super) fn truncate(&self, handle: Handle, length: usize) -> Result<(), Refusal> {
        let mut state = self.operate(handle.epoch)?;
        let file = state.file(handle.file);
        file.contents.truncate(length);
        file.touch(length / PAGE_BYTES, file.contents.page_count());
        Ok(())
    }

    pub(super) fn sync(&self, handle: Handle, sync_directory: bool) -> Result<(), Refusal> {
        let mut state = self.operate(handle.epoch)?;
        let file = state.file(handle.file);
        let (first, end) = std::mem::take(&mut file.dirty);
        file.durable.follow(&file.contents, first, end);
        if sync_directory {
            state.durable_names = state.names.clone();
            state.drop_unnamed();
        }
        Ok(())
    }

    pub(super) fn length(&self, handle: Handle) -> Result<usize, Refusal> {
        let mut state = self.state_of(handle.epoch)?;
        Ok(state.file(handle.file).contents.length())
    }

    /// One handle per file may hold the lock, whatever its level: exclusive locking mode allows
    /// one connection anyway.
    pub(super) fn lock_file(&self, handle: Handle) -> Result<(), Refusal> {
        let mut state = self.state_of(handle.epoch)?;
        let owner = &mut state.file(handle.file).locked_by;
        match *owner.get_or_insert(handle.number) == handle.number {
            true => Ok(()),
            false => Err(Refusal::Locked),
        }
    }

    pub(super) fn unlock_file(&self, handle: Handle) -> Result<(), Refusal> {
        let mut state = self.state_of(handle.epoch)?;
        let owner = &mut state.file(handle.file).locked_by;
        if *owner == Some(handle.number) {
            *owner = None;
        }
        Ok(())
    }
}

impl State {
    fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    fn file(&mut self, number: u64) -> &mut File {
        self.files
            .get_mut(&number)
            .expect("a file lives as long as a name or a living handle refers to it")
    }

    /// Forgets the files that neither a name, a durable name nor an open handle refers to.
    fn drop_unnamed(&mut self) {
        let (names, durable) = (&self.names, &self.durable_names);
        self.files.retain(|number, file| {
            file.handles > 0 || [names, durable].iter().any(|map| map.values().any(|n| n == number))
        });
    }
}

impl File {
    fn touch(&mut self, first: usize, end: usize) {
        self.dirty = match self.dirty {
            (0, 0) => (first, end),
            (known_first, known_end) => (known_first.min(first), known_end.max(end)),
        };
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

/// A panic elsewhere must not take the disk away from the report about it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: u64 = 1;

    fn bytes_of(disk: &Disk, epoch: u64, name: &str) -> Option<Vec<u8>> {
        let handle = disk.open_file(epoch, name, false).ok()?;
        let mut bytes = vec![0; disk.length(handle).unwrap()];
        disk.read(handle, 0, &mut bytes).unwrap();
        Some(bytes)
    }

    #[test]
    fn only_synced_bytes_under_synced_names_survive() {
        let disk = Disk::new("test");
        let kept = disk.open_file(EPOCH, "kept", true).unwrap();
        disk.write(kept, 0, b"one").unwrap();
        disk.sync(kept, true).unwrap();
        disk.write(kept, 1, b"xyz").unwrap();
        let nameless = disk.open_file(EPOCH, "nameless", true).unwrap();
        disk.write(nameless, 0, b"two").unwrap();
        disk.sync(nameless, false).unwrap();
        assert_eq!(bytes_of(&disk, EPOCH, "kept").unwrap(), b"oxyz");

        disk.power_cut();
        assert_eq!(disk.write(kept, 0, b"!"), Err(Refusal::Dead));
        assert_eq!(bytes_of(&disk, 2, "kept").unwrap(), b"one");
        assert_eq!(bytes_of(&disk, 2, "nameless"), None);
    }

    #[test]
    fn an_unlink_comes_back_unless_the_directory_was_synced() {
        let disk = Disk::new("test");
        for name in ["back", "gone"] {
            let handle = disk.open_file(EPOCH, name, true).unwrap();
            disk.sync(handle, true).unwrap();
        }
        disk.delete(EPOCH, "gone", true).unwrap();
        disk.delete(EPOCH, "back", false).unwrap();
        assert_eq!(disk.exists(EPOCH, "back"), Ok(false));
        disk.power_cut();
        assert_eq!(disk.exists(2, "back"), Ok(true));
        assert_eq!(disk.exists(2, "gone"), Ok(false));
    }

    #[test]
    fn a_killed_process_loses_its_handles_and_nothing_else() {
        let disk = Disk::new("test");
        let handle = disk.open_file(EPOCH, "file", true).unwrap();
        disk.write(handle, 0, b"written").unwrap();
        disk.lock_file(handle).unwrap();
        let other = disk.open_file(EPOCH, "file", false).unwrap();
        assert_eq!(disk.lock_file(other), Err(Refusal::Locked));

        disk.detach();
        assert_eq!(disk.length(handle), Err(Refusal::Dead));
        assert_eq!(bytes_of(&disk, 2, "file").unwrap(), b"written");
        let next = disk.open_file(2, "file", false).unwrap();
        assert_eq!(disk.lock_file(next), Ok(()));
    }

    #[test]
    fn an_armed_failure_strikes_at_its_operation() {
        let disk = Disk::new("test");
        let handle = disk.open_file(EPOCH, "file", true).unwrap();
        disk.cut_after(2);
        assert_eq!(disk.write(handle, 0, b"a"), Ok(()));
        assert!(!disk.is_failing());
        assert_eq!(disk.write(handle, 1, b"b"), Err(Refusal::Dead));
        assert!(disk.is_failing());
        assert_eq!(disk.length(handle), Err(Refusal::Dead));
        disk.power_cut();
        assert!(!disk.is_failing());
        assert_eq!(disk.operations(), 2);
    }

    #[test]
    fn the_registry_forgets_a_disk_with_its_last_handle() {
        let disk = Disk::new("test");
        let id = disk.id();
        let second = disk.clone();
        drop(disk);
        assert!(Disk::by_id(id).is_some());
        drop(second);
        assert!(Disk::by_id(id).is_none());
    }
}
