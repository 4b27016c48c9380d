//! SQL in the world: sqlx's `Any` API over SQLite, run inline on the calling thread, on a
//! simulated disk.
//!
//! Services talk to an ordinary `AnyConnection`. Behind it there is no thread, no runtime and no
//! real file: every future is ready when it is polled, and bytes go to a [`Disk`] that can lose
//! power between any two of its operations. From outside, a world clones a disk from an
//! [`Image`], cuts it, counts and fingerprints it, takes the rows that commits changed, and peeks
//! at tables past sqlx.
//!
//! Downward: `driver`, `connection` and `migrate` speak to sqlx, `session`, `transactions` and
//! `statement` to SQLite, which writes through `vfs` to the `files` of a `disk`.
//!
//! ```ignore
//! install();
//! reseed(seed);
//! let disk = Disk::from_image("store", &migrated);
//! let mut connection = open(&disk, "store.db").await?;
//! ```

mod cache;
mod changes;
mod connection;
mod contents;
mod disk;
mod driver;
mod error;
mod files;
mod lock;
mod migrate;
mod peek;
mod session;
mod statement;
#[cfg(test)]
mod tests;
mod transactions;
mod undo;
mod value;
mod vfs;

use std::ffi::c_uint;
use std::ptr;

use libsqlite3_sys as ffi;
use sqlx_core::any::driver::{AnyDriver, install_drivers};
use sqlx_core::any::{AnyConnectOptions, AnyConnection};
use sqlx_core::connection::ConnectOptions;

pub use changes::{Change, ChangeKind};
pub use disk::{Disk, Image};
pub use driver::DRIVER;
pub use error::SqliteError;
pub use value::Value;

/// Makes sqlx know `sim:` URLs. Call it as often as you like. sqlx takes drivers once per process:
/// where others are needed too, install [`DRIVER`] together with them instead.
pub fn install() {
    static DRIVERS: [AnyDriver; 1] = [DRIVER];
    // An error says that drivers are installed already: by an earlier call, or by the binary.
    install_drivers(&DRIVERS).ok();
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
