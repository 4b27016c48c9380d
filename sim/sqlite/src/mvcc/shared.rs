//! A database that several connections share.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use sqlx_core::any::{AnyConnectOptions, AnyConnection};
use sqlx_core::connection::ConnectOptions as _;
use sqlx_core::error::Result;

use super::{Isolation, Owner, Pace, SharedConnection, Transactions};
use crate::disk::Disk;
use crate::lock::lock;
use crate::reader::Reader;
use crate::session::Session;

/// sqlx makes connections of URLs and of nothing else: this one says that a connection waits to be taken.
const URL: &str = "sim:/shared";

thread_local! {
    static WAITING: RefCell<Option<SharedConnection>> = const { RefCell::new(None) };
}

/// The connection that waits to be taken, if the path is that of its URL.
pub(crate) fn waiting(path: &str) -> Option<SharedConnection> {
    match path {
        "/shared" => WAITING.take(),
        _ => None,
    }
}

/// An open database whose connections each have transactions of their own, which overlap. It goes when
/// the last of its connections does.
#[derive(Clone)]
pub struct SharedDatabase {
    transactions: Arc<Mutex<Transactions>>,
    options: AnyConnectOptions,
}

impl SharedDatabase {
    /// Opens, or creates, a database on a disk, as [`open`](crate::open) does. Whoever peeks at the
    /// disk sees what is committed.
    ///
    /// # Errors
    /// What SQLite answers.
    pub fn open(disk: &Disk, file: &str) -> Result<SharedDatabase> {
        let epoch = disk.files().epoch();
        let session = Session::open(disk, epoch, file)?;
        let transactions = Arc::new(Mutex::new(Transactions::new(session)));
        let reader: Arc<Mutex<dyn Reader>> = transactions.clone();
        disk.remember(Arc::downgrade(&reader));
        let options = URL.parse().expect("a URL");
        Ok(SharedDatabase { transactions, options })
    }

    /// Throws out the transactions of `owner`'s connections: they are undone, and others go on. Whoever
    /// has one learns of it by the next statement, or by the commit.
    ///
    /// # Errors
    /// What SQLite answers.
    pub fn evict(&self, owner: Owner) -> Result<()> {
        lock(&self.transactions).evict(owner)
    }

    /// Its disk has lost power or its process was killed: whoever waits for a lock goes on, to find that
    /// out.
    pub fn shut(&self) {
        lock(&self.transactions).end_all();
    }

    /// One more connection, `owner`'s. Its statements take the time that `pace` says. Requires
    /// [`install`](crate::install).
    ///
    /// # Panics
    /// If the driver is not installed.
    pub fn connect(
        &self,
        isolation: Isolation,
        owner: Owner,
        pace: Arc<dyn Pace>,
    ) -> AnyConnection {
        let transactions = self.transactions.clone();
        let connection = SharedConnection::new(transactions, isolation, owner, pace);
        WAITING.set(Some(connection));
        let connected = self.options.connect().now_or_never().expect("SQL here never waits");
        connected.expect("the driver is installed")
    }
}
