//! How every binding opens SQLite, the simulated as the real ones: so that what is tried in the one
//! holds in the others.

/// A setting of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pragma {
    /// The statement that sets it.
    pub set: &'static str,
    /// The statement that asks for it.
    pub ask: &'static str,
    /// What is answered when it holds, as text.
    pub held: &'static str,
}

/// As safe as SQLite can be: one process has the file, every commit is on the disk before it is
/// answered, foreign keys hold. In this order: exclusive locking must come before the first look at
/// the file, or SQLite asks for shared memory and a new file silently stays in `delete` mode. `EXTRA`
/// also syncs the directory after a journal's unlink; with `FULL` the journal of the file's creation
/// can come back and roll the whole database back.
pub const DURABLE: [Pragma; 4] = [
    Pragma { set: "PRAGMA locking_mode=EXCLUSIVE", ask: "PRAGMA locking_mode", held: "exclusive" },
    Pragma { set: "PRAGMA synchronous=EXTRA", ask: "PRAGMA synchronous", held: "3" },
    Pragma { set: "PRAGMA foreign_keys=ON", ask: "PRAGMA foreign_keys", held: "1" },
    Pragma { set: "PRAGMA journal_mode=WAL", ask: "PRAGMA journal_mode", held: "wal" },
];
