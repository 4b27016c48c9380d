//! The files of a disk: what programs see, what is durable, who holds a handle or a lock, and the
//! power failure that is armed.
//!
//! No locking and no SQLite here: `disk.rs` guards it, `vfs.rs` calls it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::contents::{Contents, mix_bytes};
use super::undo::Undo;

/// What [`Files::live`] holds while the disk has no power: no epoch has this number.
const NO_EPOCH: u64 = 0;

/// The state of one disk.
pub(super) struct Files {
    files: BTreeMap<u64, File>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    next_number: u64,
    epoch: u64,
    operations: u64,
    cut_in: Option<u64>,
    failing: bool,
    /// The epoch whose handles work now: connections read it before every statement.
    pub(super) live: Arc<AtomicU64>,
}

#[derive(Default)]
struct File {
    contents: Contents,
    /// What leads from `contents` back to what is durable.
    undo: Undo,
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

/// For the owner of the machine.
impl Files {
    /// Files that are durable from the start.
    pub(super) fn new(named: &BTreeMap<String, Contents>) -> Files {
        let mut files = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (number, (name, contents)) in (1..).zip(named) {
            let undo = Undo::of(contents);
            files.insert(number, File { contents: contents.clone(), undo, ..File::default() });
            names.insert(name.clone(), number);
        }
        Files {
            next_number: files.len() as u64 + 1,
            files,
            durable_names: names.clone(),
            names,
            epoch: 1,
            operations: 0,
            cut_in: None,
            failing: false,
            live: Arc::new(AtomicU64::new(1)),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether nobody has opened or changed anything, or is to fail.
    pub(super) fn are_untouched(&self) -> bool {
        let is_new = self.epoch == 1 && self.operations == 0 && self.cut_in.is_none();
        is_new && self.next_number == self.files.len() as u64 + 1
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing
    }

    /// What programs would read, by name.
    pub(super) fn seen(&self) -> impl Iterator<Item = (&String, &Contents)> {
        self.names.iter().map(|(name, number)| (name, &self.files[number].contents))
    }

    pub(super) fn fingerprint(&self) -> u64 {
        self.seen()
            .fold(0, |hash, (name, contents)| contents.mix_into(mix_bytes(hash, name.as_bytes())))
    }

    /// Fails the `n`-th operation from now.
    pub(super) fn cut_after(&mut self, n: u64) {
        self.cut_in = Some(n.max(1));
    }

    /// Kills every handle and forgets locks; bytes and names stay, and so does a power failure.
    pub(super) fn begin_epoch(&mut self) {
        self.epoch += 1;
        for file in self.files.values_mut() {
            file.handles = 0;
            file.locked_by = None;
        }
        if !self.failing {
            self.live.store(self.epoch, Ordering::Relaxed);
        }
        self.drop_unnamed();
    }

    /// Power comes back, and with it what is durable and nothing else.
    pub(super) fn restore_power(&mut self) {
        self.begin_epoch();
        self.cut_in = None;
        self.failing = false;
        self.live.store(self.epoch, Ordering::Relaxed);
        self.names = self.durable_names.clone();
        for file in self.files.values_mut() {
            file.undo.roll_back(&mut file.contents);
        }
        self.drop_unnamed();
    }
}

/// For the VFS.
impl Files {
    pub(super) fn open(&mut self, epoch: u64, name: &str, create: bool) -> Result<Handle, Refusal> {
        self.check(epoch)?;
        let file = match self.names.get(name) {
            Some(file) => *file,
            None if create => {
                let file = self.take_number();
                self.names.insert(name.to_owned(), file);
                self.files.insert(file, File::default());
                file
            }
            None => return Err(Refusal::Missing),
        };
        let number = self.take_number();
        self.file(file).handles += 1;
        Ok(Handle { epoch, file, number })
    }

    pub(super) fn close(&mut self, handle: Handle) {
        if self.check(handle.epoch).is_ok() {
            let file = self.file(handle.file);
            file.handles -= 1;
            if file.locked_by == Some(handle.number) {
                file.locked_by = None;
            }
            if file.handles == 0 {
                self.drop_unnamed();
            }
        }
    }

    pub(super) fn exists(&mut self, epoch: u64, name: &str) -> Result<bool, Refusal> {
        self.check(epoch)?;
        Ok(self.names.contains_key(name))
    }

    pub(super) fn delete(
        &mut self,
        epoch: u64,
        name: &str,
        sync_directory: bool,
    ) -> Result<(), Refusal> {
        self.operate(epoch)?;
        self.names.remove(name).ok_or(Refusal::Missing)?;
        if sync_directory {
            self.durable_names = self.names.clone();
        }
        self.drop_unnamed();
        Ok(())
    }

    pub(super) fn read(
        &mut self,
        handle: Handle,
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<usize, Refusal> {
        self.check(handle.epoch)?;
        Ok(self.file(handle.file).contents.read(offset, buffer))
    }

    pub(super) fn write(
        &mut self,
        handle: Handle,
        offset: usize,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        self.operate(handle.epoch)?;
        let file = self.file(handle.file);
        file.undo.remember(&file.contents, offset..offset + bytes.len());
        file.contents.write(offset, bytes);
        Ok(())
    }

    pub(super) fn truncate(&mut self, handle: Handle, length: usize) -> Result<(), Refusal> {
        self.operate(handle.epoch)?;
        let file = self.file(handle.file);
        file.undo.remember(&file.contents, length..file.contents.length());
        file.contents.truncate(length);
        Ok(())
    }

    pub(super) fn sync(&mut self, handle: Handle, sync_directory: bool) -> Result<(), Refusal> {
        self.operate(handle.epoch)?;
        let file = self.file(handle.file);
        file.undo.forget(&file.contents);
        if sync_directory {
            self.durable_names = self.names.clone();
            self.drop_unnamed();
        }
        Ok(())
    }

    pub(super) fn length(&mut self, handle: Handle) -> Result<usize, Refusal> {
        self.check(handle.epoch)?;
        Ok(self.file(handle.file).contents.length())
    }

    /// One handle per file may hold the lock, whatever its level: exclusive locking mode allows
    /// one connection anyway.
    pub(super) fn lock(&mut self, handle: Handle) -> Result<(), Refusal> {
        self.check(handle.epoch)?;
        let owner = &mut self.file(handle.file).locked_by;
        match *owner.get_or_insert(handle.number) == handle.number {
            true => Ok(()),
            false => Err(Refusal::Locked),
        }
    }

    pub(super) fn unlock(&mut self, handle: Handle) -> Result<(), Refusal> {
        self.check(handle.epoch)?;
        let owner = &mut self.file(handle.file).locked_by;
        if *owner == Some(handle.number) {
            *owner = None;
        }
        Ok(())
    }
}

impl Files {
    fn check(&self, epoch: u64) -> Result<(), Refusal> {
        match self.epoch == epoch && !self.failing {
            true => Ok(()),
            false => Err(Refusal::Dead),
        }
    }

    /// Lets through something that counts as an operation, unless it is the one that is cut.
    fn operate(&mut self, epoch: u64) -> Result<(), Refusal> {
        self.check(epoch)?;
        self.operations += 1;
        match &mut self.cut_in {
            Some(1) => {
                self.cut_in = None;
                self.failing = true;
                self.live.store(NO_EPOCH, Ordering::Relaxed);
                return Err(Refusal::Dead);
            }
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }

    fn take_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
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

#[cfg(test)]
mod tests {
    use super::super::contents::PAGE_BYTES;
    use super::*;

    const EPOCH: u64 = 1;

    fn bytes_of(disk: &mut Files, epoch: u64, name: &str) -> Option<Vec<u8>> {
        let handle = disk.open(epoch, name, false).ok()?;
        let mut bytes = vec![0; disk.length(handle).unwrap()];
        disk.read(handle, 0, &mut bytes).unwrap();
        Some(bytes)
    }

    #[test]
    fn only_synced_bytes_under_synced_names_survive() {
        let mut disk = Files::new(&BTreeMap::new());
        let kept = disk.open(EPOCH, "kept", true).unwrap();
        disk.write(kept, 0, b"one").unwrap();
        disk.sync(kept, true).unwrap();
        disk.write(kept, 1, b"xyz").unwrap();
        let nameless = disk.open(EPOCH, "nameless", true).unwrap();
        disk.write(nameless, 0, b"two").unwrap();
        disk.sync(nameless, false).unwrap();
        assert_eq!(bytes_of(&mut disk, EPOCH, "kept").unwrap(), b"oxyz");

        disk.restore_power();
        assert_eq!(disk.write(kept, 0, b"!"), Err(Refusal::Dead));
        assert_eq!(bytes_of(&mut disk, 2, "kept").unwrap(), b"one");
        assert_eq!(bytes_of(&mut disk, 2, "nameless"), None);
    }

    #[test]
    fn a_file_cut_short_and_grown_again_is_durable_as_it_is() {
        let mut disk = Files::new(&BTreeMap::new());
        let handle = disk.open(EPOCH, "file", true).unwrap();
        disk.write(handle, 0, &[1; 10 * PAGE_BYTES]).unwrap();
        disk.sync(handle, true).unwrap();
        disk.truncate(handle, 0).unwrap();
        disk.write(handle, 5 * PAGE_BYTES, &[2; 10]).unwrap();
        disk.sync(handle, false).unwrap();
        let before = disk.fingerprint();
        disk.restore_power();
        assert_eq!(disk.fingerprint(), before);
    }

    #[test]
    fn an_unlink_comes_back_unless_the_directory_was_synced() {
        let mut disk = Files::new(&BTreeMap::new());
        for name in ["back", "gone"] {
            let handle = disk.open(EPOCH, name, true).unwrap();
            disk.sync(handle, true).unwrap();
        }
        disk.delete(EPOCH, "gone", true).unwrap();
        disk.delete(EPOCH, "back", false).unwrap();
        assert_eq!(disk.exists(EPOCH, "back"), Ok(false));
        disk.restore_power();
        assert_eq!(disk.exists(2, "back"), Ok(true));
        assert_eq!(disk.exists(2, "gone"), Ok(false));
    }

    #[test]
    fn a_killed_process_loses_its_handles_and_nothing_else() {
        let mut disk = Files::new(&BTreeMap::new());
        let handle = disk.open(EPOCH, "file", true).unwrap();
        disk.write(handle, 0, b"written").unwrap();
        disk.lock(handle).unwrap();
        let other = disk.open(EPOCH, "file", false).unwrap();
        assert_eq!(disk.lock(other), Err(Refusal::Locked));

        disk.begin_epoch();
        assert_eq!(disk.length(handle), Err(Refusal::Dead));
        assert_eq!(bytes_of(&mut disk, 2, "file").unwrap(), b"written");
        let next = disk.open(2, "file", false).unwrap();
        assert_eq!(disk.lock(next), Ok(()));
    }

    #[test]
    fn an_armed_failure_strikes_at_its_operation() {
        let mut disk = Files::new(&BTreeMap::new());
        let handle = disk.open(EPOCH, "file", true).unwrap();
        disk.cut_after(2);
        assert_eq!(disk.write(handle, 0, b"a"), Ok(()));
        assert!(!disk.is_failing());
        assert_eq!(disk.write(handle, 1, b"b"), Err(Refusal::Dead));
        assert!(disk.is_failing());
        assert_eq!(disk.length(handle), Err(Refusal::Dead));
        disk.begin_epoch();
        assert!(disk.is_failing(), "a kill does not bring the power back");
        disk.restore_power();
        assert!(!disk.is_failing());
        assert_eq!(disk.operations(), 2);
    }
}
