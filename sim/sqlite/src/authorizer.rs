//! Which columns a statement sets, as SQLite tells while it compiles one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};

use libsqlite3_sys as ffi;

/// A column that is set by name; the rowid is one too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SetColumn {
    pub(super) table: Box<str>,
    pub(super) column: Box<str>,
}

thread_local! {
    /// What was told on this thread since somebody took it.
    static TOLD: RefCell<BTreeSet<SetColumn>> = const { RefCell::new(BTreeSet::new()) };
}

/// From now on, what is compiled tells.
///
/// # Safety
/// `database` must be open.
pub(super) unsafe fn listen(database: NonNull<ffi::sqlite3>) {
    // SAFETY: the caller vouches for the connection; there is no data to keep alive.
    unsafe { ffi::sqlite3_set_authorizer(database.as_ptr(), Some(on_action), ptr::null_mut()) };
}

/// What was told since the last call.
pub(super) fn take() -> BTreeSet<SetColumn> {
    TOLD.take()
}

/// Allows everything.
unsafe extern "C" fn on_action(
    _: *mut c_void,
    action: c_int,
    table: *const c_char,
    column: *const c_char,
    _: *const c_char,
    _: *const c_char,
) -> c_int {
    if action == ffi::SQLITE_UPDATE {
        // SAFETY: SQLite names a table and a column here, terminated and valid during the call.
        let [table, column] = [table, column].map(|name| unsafe { CStr::from_ptr(name) });
        let [table, column] = [table, column].map(|name| name.to_string_lossy().into());
        TOLD.with_borrow_mut(|told| told.insert(SetColumn { table, column }));
    }
    ffi::SQLITE_OK
}
