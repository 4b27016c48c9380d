//! SQLite's way to the simulated disks: a VFS, registered once per process.
//!
//! What a path stands for says `mount.rs`. Files without a name (SQLite's temporary ones) live on a
//! disk of their own that goes when they are closed. There is no shared memory: exclusive locking mode
//! needs none. Time stands still and sleeping takes none, because the world has its own clock.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::{ManuallyDrop, size_of};
use std::ptr;
use std::sync::OnceLock;

use libsqlite3_sys as ffi;

use super::contents::mix;
use super::disk::Disk;
use super::files::{Handle, Refusal};
use super::mount::locate;

/// The name under which SQLite knows this VFS.
pub(super) const NAME: &CStr = c"stormproof-sim";

/// 2000-01-01T00:00:00Z as SQLite counts: milliseconds since noon in Greenwich on
/// November 24, 4714 BC.
const NOW_MS: i64 = 211_813_444_800_000;
const DAY_MS: f64 = 86_400_000.0;
const PATH_BYTES_MAX: c_int = 512;
/// The file is to be another one. Numbers above 100 are a VFS's own.
const REPLACE: c_int = 1_001;
/// A tear is never smaller than a file's page here, so SQLite need not pad to sectors.
const CHARACTERISTICS: c_int = ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE;

/// What SQLite's `sqlite3_file` is, for files of this VFS.
#[repr(C)]
struct OpenFile {
    base: ffi::sqlite3_file,
    /// Kept until `close`; SQLite frees the memory around it without dropping anything.
    disk: ManuallyDrop<Disk>,
    handle: Handle,
    /// SQLite's own unix VFS syncs a journal's directory with the journal's first sync.
    sync_directory: bool,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// Makes the VFS known to SQLite, once; answers SQLite's result code.
pub(super) fn register() -> c_int {
    static RESULT: OnceLock<c_int> = OnceLock::new();
    *RESULT.get_or_init(|| {
        let vfs = Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<OpenFile>() as c_int,
            mxPathname: PATH_BYTES_MAX,
            pNext: ptr::null_mut(),
            zName: NAME.as_ptr(),
            pAppData: ptr::null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(current_time_ms),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        });
        // SQLite's count of its own memory is one lock each time it takes some; nobody reads it.
        // SAFETY: this option takes an int. If SQLite is initialised already it refuses, and works
        // as before.
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0) };
        // SAFETY: the structure is leaked, so it lives as long as SQLite keeps it in its list.
        unsafe { ffi::sqlite3_vfs_register(Box::leak(vfs), 0) }
    })
}

/// Has the main file of an open database be another one from now on; answers SQLite's result code.
///
/// # Safety
/// `database` must be open and of this VFS, and know nothing of what is in its file: no lock, no page, no log.
pub(super) unsafe fn replace_main(
    database: *mut ffi::sqlite3,
    disk: Disk,
    handle: Handle,
) -> c_int {
    let mut other = Some((disk, handle));
    let other = ptr::from_mut(&mut other).cast();
    // SAFETY: the caller vouches for the connection; `file_control` takes what is passed here.
    unsafe { ffi::sqlite3_file_control(database, c"main".as_ptr(), REPLACE, other) }
}

/// # Safety
/// `path` must be a terminated string that lives for `'a`.
unsafe fn locate_raw<'a>(path: *const c_char) -> Option<(Disk, u64, &'a str)> {
    // SAFETY: the caller vouches for the string.
    locate(unsafe { CStr::from_ptr(path) }.to_str().ok()?)
}

/// # Safety
/// `file` must be a file that `open` filled and `close` has not seen.
unsafe fn opened<'a>(file: *mut ffi::sqlite3_file) -> &'a mut OpenFile {
    // SAFETY: SQLite hands back what `open` filled, and never to two threads at once.
    unsafe { &mut *file.cast::<OpenFile>() }
}

fn answer(result: Result<(), Refusal>, dead: c_int) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(Refusal::Dead) => dead,
        Err(Refusal::Missing) => ffi::SQLITE_IOERR_DELETE_NOENT,
        Err(Refusal::Locked) => ffi::SQLITE_BUSY,
    }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes room for `szOsFile` bytes. Null methods tell it, until all is well,
    // that there is nothing to close.
    unsafe { (*file).pMethods = ptr::null() };
    let place = match name.is_null() {
        true => Some((Disk::new("temporary"), 1, "temporary")),
        // SAFETY: SQLite's file names are terminated and outlive the call.
        false => unsafe { locate_raw(name) },
    };
    let Some((disk, epoch, name)) = place else {
        return ffi::SQLITE_CANTOPEN;
    };
    let create = flags & ffi::SQLITE_OPEN_CREATE != 0;
    let journals =
        ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
    let handle = disk.files().open(epoch, name, create);
    match handle {
        Ok(handle) => {
            let opened = OpenFile {
                base: ffi::sqlite3_file { pMethods: &METHODS },
                disk: ManuallyDrop::new(disk),
                handle,
                sync_directory: create && flags & journals != 0,
            };
            // SAFETY: the room is `size_of::<OpenFile>()` bytes (`szOsFile`), aligned by SQLite's
            // allocator to 8, and holds nothing that must be dropped. `flags_out` may be null.
            unsafe {
                file.cast::<OpenFile>().write(opened);
                if !flags_out.is_null() {
                    *flags_out = flags;
                }
            }
            ffi::SQLITE_OK
        }
        Err(_) => ffi::SQLITE_CANTOPEN,
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes an open file once and does not touch it afterwards, so the disk is
    // dropped once.
    unsafe {
        let file = opened(file);
        file.disk.files().close(file.handle);
        ManuallyDrop::drop(&mut file.disk);
        file.base.pMethods = ptr::null();
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    count: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite reads from an open file into a buffer of `count` initialised or plain bytes.
    let (file, buffer) = unsafe {
        ptr::write_bytes(buffer.cast::<u8>(), 0, count as usize);
        let buffer = std::slice::from_raw_parts_mut(buffer.cast::<u8>(), count as usize);
        (opened(file), buffer)
    };
    match file.disk.files().read(file.handle, offset as usize, buffer) {
        Ok(present) if present == buffer.len() => ffi::SQLITE_OK,
        Ok(_) => ffi::SQLITE_IOERR_SHORT_READ,
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite writes `count` initialised bytes to an open file.
    let (file, bytes) = unsafe {
        let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), count as usize);
        (opened(file), bytes)
    };
    let result = file.disk.files().write(file.handle, offset as usize, bytes);
    answer(result, ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite passes an open file.
    let file = unsafe { opened(file) };
    let result = file.disk.files().truncate(file.handle, size as usize);
    answer(result, ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let file = unsafe { opened(file) };
    let result = file.disk.files().sync(file.handle, file.sync_directory);
    if result.is_ok() {
        file.sync_directory = false;
    }
    answer(result, ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    size: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes an open file and room for the answer.
    unsafe {
        let file = opened(file);
        match file.disk.files().length(file.handle) {
            Ok(length) => {
                *size = length as i64;
                ffi::SQLITE_OK
            }
            Err(_) => ffi::SQLITE_IOERR_FSTAT,
        }
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, _level: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let file = unsafe { opened(file) };
    answer(file.disk.files().lock(file.handle), ffi::SQLITE_IOERR_LOCK)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let file = unsafe { opened(file) };
    match level {
        ffi::SQLITE_LOCK_NONE => {
            answer(file.disk.files().unlock(file.handle), ffi::SQLITE_IOERR_UNLOCK)
        }
        _ => ffi::SQLITE_OK,
    }
}

unsafe extern "C" fn check_reserved_lock(_: *mut ffi::sqlite3_file, held: *mut c_int) -> c_int {
    // SAFETY: SQLite passes room for the answer. Whoever asks holds the only lock there is.
    unsafe { *held = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(
    file: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    if operation != REPLACE {
        return ffi::SQLITE_NOTFOUND;
    }
    // SAFETY: SQLite passes an open file, and `replace_main`, which alone asks for this, the other.
    let (file, other) = unsafe { (opened(file), &mut *argument.cast::<Option<(Disk, Handle)>>()) };
    let Some((disk, handle)) = other.take() else { return ffi::SQLITE_MISUSE };
    file.disk.files().close(file.handle);
    // SAFETY: the disk is dropped once, for another one takes its place.
    unsafe { ManuallyDrop::drop(&mut file.disk) };
    file.disk = ManuallyDrop::new(disk);
    file.handle = handle;
    ffi::SQLITE_OK
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    super::contents::PAGE_BYTES as c_int
}

unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    CHARACTERISTICS
}

unsafe extern "C" fn delete(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_directory: c_int,
) -> c_int {
    // SAFETY: SQLite passes a terminated path that outlives the call.
    let result = match unsafe { locate_raw(name) } {
        Some((disk, epoch, name)) => disk.files().delete(epoch, name, sync_directory != 0),
        None => Err(Refusal::Dead),
    };
    answer(result, ffi::SQLITE_IOERR_DELETE)
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    found: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes a terminated path that outlives the call, and room for the answer.
    unsafe {
        let exists = match locate_raw(name) {
            Some((disk, epoch, name)) => disk.files().exists(epoch, name),
            None => Err(Refusal::Dead),
        };
        *found = c_int::from(exists == Ok(true));
        answer(exists.map(|_| ()), ffi::SQLITE_IOERR_ACCESS)
    }
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    full: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes a terminated path and `room` bytes for the answer, which do not
    // overlap. Paths of this VFS are full already.
    unsafe {
        let name = CStr::from_ptr(name).to_bytes_with_nul();
        if name.len() > room as usize {
            return ffi::SQLITE_CANTOPEN;
        }
        ptr::copy_nonoverlapping(name.as_ptr(), full.cast(), name.len());
    }
    ffi::SQLITE_OK
}

/// SQLite asks only before the first `reseed` of the process; the same bytes each time.
unsafe extern "C" fn randomness(
    _: *mut ffi::sqlite3_vfs,
    count: c_int,
    bytes: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes room for `count` bytes.
    unsafe {
        ptr::write_bytes(bytes, 0, count as usize);
        let bytes = std::slice::from_raw_parts_mut(bytes.cast::<u8>(), count as usize);
        for (place, byte) in (1..).zip(bytes) {
            *byte = (mix(0, place) >> 24) as u8;
        }
    }
    count
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    microseconds
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, days: *mut f64) -> c_int {
    // SAFETY: SQLite passes room for the answer.
    unsafe { *days = NOW_MS as f64 / DAY_MS };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time_ms(
    _: *mut ffi::sqlite3_vfs,
    milliseconds: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes room for the answer.
    unsafe { *milliseconds = NOW_MS };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(_: *mut ffi::sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}
