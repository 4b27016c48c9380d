//! The columns of a statement's rows, as `Any` sees them.

use std::collections::BTreeSet;
use std::ffi::{CStr, c_char, c_int};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

use libsqlite3_sys as ffi;
use sqlx_core::any::{AnyColumn, AnyTypeInfo, AnyTypeInfoKind};
use sqlx_core::ext::ustr::UStr;

use super::lock::lock;

/// The columns of a statement's rows, as long as SQLite has not compiled it anew.
pub(super) struct Columns {
    pub(super) compiled: c_int,
    pub(super) list: Vec<AnyColumn>,
    pub(super) places: Arc<sqlx_core::HashMap<UStr, usize>>,
    /// A column that sqlx's own SQLite driver cannot pass through `Any`, with its type.
    pub(super) refused: Option<(String, String)>,
}

impl Columns {
    /// Those of a statement that was `compiled` anew so many times.
    ///
    /// # Safety
    /// The statement must be alive.
    pub(super) unsafe fn of(raw: NonNull<ffi::sqlite3_stmt>, compiled: c_int) -> Columns {
        let raw = raw.as_ptr();
        let mut columns =
            Columns { compiled, list: Vec::new(), places: Arc::default(), refused: None };
        let mut places = sqlx_core::HashMap::new();
        // SAFETY: the caller vouches for the statement.
        let count = unsafe { ffi::sqlite3_column_count(raw) };
        for place in 0..count {
            // SAFETY: the column exists. A name is terminated, and null only without memory; a
            // declared type is terminated, or null for an expression.
            let (name, declared) = unsafe {
                let name = text_of(ffi::sqlite3_column_name(raw, place)).unwrap_or_default();
                (name, text_of(ffi::sqlite3_column_decltype(raw, place)))
            };
            let kind = declared.as_deref().map_or(Some(AnyTypeInfoKind::Null), kind_of);
            if let (None, Some(declared)) = (kind, declared) {
                columns.refused = Some((name.clone(), declared));
            }
            let name = UStr::Static(kept(name));
            places.insert(name.clone(), place as usize);
            columns.list.push(AnyColumn {
                ordinal: place as usize,
                name,
                type_info: AnyTypeInfo { kind: kind.unwrap_or(AnyTypeInfoKind::Null) },
            });
        }
        columns.places = Arc::new(places);
        columns
    }
}

/// The `Any` type of a declared one, read as sqlx's own SQLite driver reads it; `None` for those
/// it refuses, so that the sim does not accept what production would not.
fn kind_of(declared: &str) -> Option<AnyTypeInfoKind> {
    let declared = declared.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
    Some(match &*declared {
        "boolean" | "bool" | "date" | "time" | "datetime" | "timestamp" => return None,
        "int4" => AnyTypeInfoKind::Integer,
        _ if has(&["int"]) => AnyTypeInfoKind::BigInt,
        _ if has(&["char", "clob", "text"]) => AnyTypeInfoKind::Text,
        _ if has(&["blob"]) => AnyTypeInfoKind::Blob,
        _ if has(&["real", "floa", "doub"]) => AnyTypeInfoKind::Double,
        _ => AnyTypeInfoKind::Null,
    })
}

/// A column's name, kept for as long as the process lives: every row carries its columns' names, and
/// they are few.
fn kept(name: String) -> &'static str {
    static NAMES: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let mut names = lock(&NAMES);
    if let Some(known) = names.get(&*name) {
        return known;
    }
    let name = String::leak(name);
    names.insert(name);
    name
}

/// # Safety
/// `text` must be null or terminated.
unsafe fn text_of(text: *const c_char) -> Option<String> {
    // SAFETY: the caller vouches for the text.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text).to_string_lossy().into_owned() })
}
