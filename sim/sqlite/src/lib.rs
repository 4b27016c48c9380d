//! sqlx's `Any` API over SQLite, run inline on the calling thread: in real files ([`open_file`]), or on a
//! simulated disk. What is tried on the one is the driver of the other.
//!
//! Services talk to an ordinary `AnyConnection`. Behind it there is no thread and no runtime: every
//! future is ready when it is polled. In a world bytes go to a [`Disk`] that can lose power between
//! any two of its operations. From outside, a world clones a disk from an
//! [`Image`], cuts it, counts and fingerprints it, takes the rows that commits changed, and peeks
//! at tables past sqlx.
//!
//! Downward: `driver`, `connection` and `migrate` speak to sqlx, `opening`, `session`, `transactions` and
//! `statement` to SQLite, which on a simulated disk writes through `vfs` to the `files` of a `disk`, as its
//! `mount` says. Sessions that have nothing more to do are `spares`. The way back up, to read through the
//! connection last opened, is a `reader`. What services say passes `substitutes` first, which may have something else
//! run.
//!
//! ```
//! use futures::FutureExt as _;
//! use sqlx::Executor as _;
//! use stormproof_sqlite::{Disk, install, open, reseed};
//!
//! install();
//! reseed(7);
//! let disk = Disk::new("ledger");
//! let work = async {
//!     let mut connection = open(&disk, "ledger.db").await?;
//!     connection.execute("CREATE TABLE entries (id TEXT PRIMARY KEY)").await?;
//!     connection.execute("INSERT INTO entries (id) VALUES ('a')").await?;
//!     disk.power_cut();
//!     let _again = open(&disk, "ledger.db").await?;
//!     disk.peek("SELECT id FROM entries", &[])
//! };
//! let rows = work.now_or_never().expect("SQL here never waits").expect("the disk has power");
//! assert_eq!(rows[0][0].as_str(), Some("a"));
//! ```

#![deny(missing_docs)]
#![warn(clippy::missing_errors_doc)]

mod authorizer;
mod cache;
mod changes;
mod columns;
mod connection;
mod contents;
mod disk;
mod driver;
mod error;
mod files;
mod lock;
mod migrate;
mod mount;
mod mvcc;
mod opening;
mod peek;
mod reader;
mod session;
mod spares;
mod statement;
mod substitutes;
#[cfg(test)]
mod tests;
mod transactions;
mod undo;
mod vfs;

use std::ffi::c_uint;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

use futures::FutureExt as _;
use libsqlite3_sys as ffi;
use sqlx_core::Error;
use sqlx_core::Url;
use sqlx_core::any::driver::{AnyDriver, install_drivers};
use sqlx_core::any::{AnyConnectOptions, AnyConnection};
use sqlx_core::connection::ConnectOptions;

use connection::no_such_disk;

pub use changes::{Change, ChangeKind};
pub use disk::{Disk, Image};
pub use driver::DRIVER;
pub use error::SqliteError;
pub use mvcc::{Conflict, Isolation, Owner, Pace, SharedDatabase};
pub use stormproof_ports::sql::Value;
pub use substitutes::{
    Listing, RunText, SqlText, Substitution, list_statements, substitute, substituted_migrations,
};

/// Makes sqlx know `sim:` URLs. Call it as often as you like. sqlx takes drivers once per process:
/// where others are needed too, install [`DRIVER`] together with them before the first call.
///
/// # Panics
/// If somebody has installed drivers without this one.
pub fn install() {
    static DRIVERS: [AnyDriver; 1] = [DRIVER];
    static IS_KNOWN: OnceLock<()> = OnceLock::new();
    IS_KNOWN.get_or_init(|| {
        let is_first = install_drivers(&DRIVERS).is_ok();
        assert!(
            is_first || answers_urls(),
            "sqlx has drivers without that of the simulated disk, and takes drivers once per \
             process: install stormproof_sqlite::DRIVER together with the others"
        );
    });
}

/// Whether sqlx asks our driver for `sim:` URLs. No disk has this one, and no database is opened.
fn answers_urls() -> bool {
    let options: AnyConnectOptions = "sim:/none/0/none".parse().expect("a URL");
    let refusal = no_such_disk(options.database_url.as_str()).to_string();
    let answer = options.connect().now_or_never();
    answer.is_some_and(|answer| answer.is_err_and(|error| error.to_string() == refusal))
}

/// Databases that sqlx has drivers for in this process besides ours, each by the scheme of its URLs. What
/// connects to one of them has left the world. Requires [`install`].
pub fn drivers_of_others() -> Vec<&'static str> {
    // Each of them is refused by its own driver, before anything is opened.
    const REFUSED: [(&str, &str); 3] = [
        ("postgres", "postgres://nobody/none?sslmode=none-such"),
        ("mysql", "mysql://nobody/none?ssl-mode=none-such"),
        ("sqlite", "sqlite:none?mode=none-such"),
    ];
    let has_driver = |url: &str| {
        let options: AnyConnectOptions = url.parse().expect("a URL");
        let answer = options.connect().now_or_never().and_then(Result::err);
        answer.is_none_or(|error| !error.to_string().contains("no driver found"))
    };
    let known = REFUSED.into_iter().filter(|(_, url)| has_driver(url));
    known.map(|(scheme, _)| scheme).collect()
}

/// Starts SQLite's random numbers anew (they salt WAL files and serve `random()`). They are shared
/// by the whole process, so runs are identical only if each begins with this and none runs beside
/// another.
pub fn reseed(seed: u64) {
    // Zero would mean "ask the operating system".
    let seed = (((seed >> 32) ^ seed) as c_uint).max(1);
    // SAFETY: this test control takes an unsigned seed and a connection, which may be null.
    unsafe {
        ffi::sqlite3_test_control(
            ffi::SQLITE_TESTCTRL_PRNG_SEED,
            seed,
            ptr::null_mut::<ffi::sqlite3>(),
        );
    }
}

/// Opens, or creates, a database on a disk: WAL, exclusive (one connection per file), every commit
/// durable, foreign keys on. Requires [`install`].
///
/// # Errors
/// What SQLite answers: "database is locked" while another connection is open, "disk I/O error"
/// while the disk fails.
pub async fn open(disk: &Disk, file: &str) -> sqlx_core::Result<AnyConnection> {
    let options: AnyConnectOptions = disk.url(file).parse()?;
    options.connect().await
}

/// Opens, or creates, a database in a real file, as durable as one on a simulated disk. It is this
/// connection's until it is closed. Statements and commits run on the thread that polls, which waits for
/// the real disk then. Requires [`DRIVER`] to be installed.
///
/// # Errors
/// What SQLite answers: "database is locked" while another process has it, that it is damaged, or cannot
/// be written.
pub async fn open_file(path: &Path) -> sqlx_core::Result<AnyConnection> {
    let path = std::path::absolute(path)?;
    let url = Url::from_file_path(&path)
        .map_err(|()| Error::InvalidArgument(format!("{}: no path", path.display())))?;
    AnyConnectOptions::from_url(&url)?.connect().await
}
