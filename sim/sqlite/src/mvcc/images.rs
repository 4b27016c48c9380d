//! What rows held before a transaction changed them and after, heard from SQLite's pre-update hook.
//!
//! The hook is not in the bindings that are used here; its functions are in the library as soon as it is
//! built with `-DSQLITE_ENABLE_PREUPDATE_HOOK`, and where it is not, nothing links.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use libsqlite3_sys as ffi;

use crate::Value;

type OnPreupdate = unsafe extern "C" fn(
    context: *mut c_void,
    database: *mut ffi::sqlite3,
    operation: c_int,
    schema: *const c_char,
    table: *const c_char,
    old_rowid: ffi::sqlite3_int64,
    new_rowid: ffi::sqlite3_int64,
);

unsafe extern "C" {
    fn sqlite3_preupdate_hook(
        database: *mut ffi::sqlite3,
        hook: Option<OnPreupdate>,
        context: *mut c_void,
    ) -> *mut c_void;
    fn sqlite3_preupdate_count(database: *mut ffi::sqlite3) -> c_int;
    fn sqlite3_preupdate_old(
        database: *mut ffi::sqlite3,
        column: c_int,
        value: *mut *mut ffi::sqlite3_value,
    ) -> c_int;
    fn sqlite3_preupdate_new(
        database: *mut ffi::sqlite3,
        column: c_int,
        value: *mut *mut ffi::sqlite3_value,
    ) -> c_int;
}

/// The values of a row, in the order of its table's columns.
pub(crate) type Image = Arc<[Value]>;

/// A row that was changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowChange {
    pub(super) table: Arc<str>,
    /// `None`: the row is new.
    pub(super) before: Option<Image>,
    /// `None`: the row is gone.
    pub(super) after: Option<Image>,
}

/// What is heard of one connection.
#[derive(Default)]
pub(crate) struct Images {
    /// In the order in which it happened.
    pub(super) changes: Vec<RowChange>,
    /// What is done again, or undone, is known.
    pub(super) is_deaf: bool,
    tables: Vec<Arc<str>>,
}

impl Images {
    fn table(&mut self, name: &CStr) -> Arc<str> {
        let bytes = name.to_bytes();
        if let Some(table) = self.tables.iter().find(|table| table.as_bytes() == bytes) {
            return Arc::clone(table);
        }
        let table: Arc<str> = name.to_string_lossy().into();
        self.tables.push(Arc::clone(&table));
        table
    }
}

/// Registers the hook of a connection.
///
/// # Safety
/// `images` must outlive `database`, and no reference to it may live while SQLite runs on it.
pub(crate) unsafe fn listen(database: NonNull<ffi::sqlite3>, images: NonNull<Images>) {
    // SAFETY: the caller keeps `images` alive and unborrowed whenever the hook can be called.
    unsafe {
        sqlite3_preupdate_hook(database.as_ptr(), Some(on_preupdate), images.as_ptr().cast());
    }
}

unsafe extern "C" fn on_preupdate(
    context: *mut c_void,
    database: *mut ffi::sqlite3,
    operation: c_int,
    _schema: *const c_char,
    table: *const c_char,
    _old_rowid: ffi::sqlite3_int64,
    _new_rowid: ffi::sqlite3_int64,
) {
    // SAFETY: `listen` registered this pointer, and its caller vouched for it.
    let images = unsafe { &mut *context.cast::<Images>() };
    if images.is_deaf {
        return;
    }
    // SAFETY: SQLite passes a table's name, terminated and valid during the call.
    let table = images.table(unsafe { CStr::from_ptr(table) });
    // SAFETY: inside the hook, of this connection, and only the sides that the operation has.
    let (before, after) = unsafe {
        (
            (operation != ffi::SQLITE_INSERT).then(|| image(database, sqlite3_preupdate_old)),
            (operation != ffi::SQLITE_DELETE).then(|| image(database, sqlite3_preupdate_new)),
        )
    };
    images.changes.push(RowChange { table, before, after });
}

type Side = unsafe extern "C" fn(*mut ffi::sqlite3, c_int, *mut *mut ffi::sqlite3_value) -> c_int;

/// # Safety
/// To be called inside the hook of `database`, for a side that the operation has.
unsafe fn image(database: *mut ffi::sqlite3, side: Side) -> Image {
    // SAFETY: the caller is inside the hook.
    let count = unsafe { sqlite3_preupdate_count(database) };
    let value = |column| {
        let mut value = ptr::null_mut();
        // SAFETY: the column exists; the value is SQLite's own and is copied at once.
        unsafe {
            let code = side(database, column, &mut value);
            assert_eq!(code, ffi::SQLITE_OK, "a hook may ask for every column");
            copied(value)
        }
    };
    (0..count).map(value).collect()
}

/// # Safety
/// `value` must be one of SQLite's that nobody changes meanwhile.
unsafe fn copied(value: *mut ffi::sqlite3_value) -> Value {
    // SAFETY: the caller vouches for the value. The pointer is asked before the size.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => Value::Integer(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => Value::Real(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => {
                let start = ffi::sqlite3_value_text(value).cast();
                let bytes = bytes(start, ffi::sqlite3_value_bytes(value));
                Value::Text(String::from_utf8_lossy(bytes).into_owned())
            }
            ffi::SQLITE_BLOB => {
                let start = ffi::sqlite3_value_blob(value).cast();
                Value::Blob(bytes(start, ffi::sqlite3_value_bytes(value)).to_owned())
            }
            _ => Value::Null,
        }
    }
}

/// # Safety
/// `start` must point to `count` bytes that live for `'a`, or be null with a count of 0.
unsafe fn bytes<'a>(start: *const u8, count: c_int) -> &'a [u8] {
    match start.is_null() || count <= 0 {
        true => &[],
        // SAFETY: the caller vouches for the bytes.
        false => unsafe { std::slice::from_raw_parts(start, count as usize) },
    }
}
