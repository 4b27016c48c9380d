//! Processes that are kept for as long as somebody wants them, by `keep.sh`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const KEEP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/keep.sh");

/// How long a process may take to end once it is told to.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// Where several processes may want the same servers: all of them that have it open do.
pub struct Place {
    folder: PathBuf,
    /// Seconds that servers wait for somebody else who wants them.
    linger: u32,
    /// The lock that says that this process does. The processes that it starts do not inherit it.
    _wanted: File,
}

impl Place {
    pub fn open(folder: &Path, linger: u32) -> Result<Place, String> {
        let open = || {
            fs::create_dir_all(folder)?;
            let wanted = file(&folder.join("in-use"))?;
            wanted.lock_shared()?;
            Ok(wanted)
        };
        let wanted = open().map_err(|error: io::Error| format!("{}: {error}", folder.display()))?;
        Ok(Place { folder: folder.to_owned(), linger, _wanted: wanted })
    }

    /// Waits until nobody else is about to start a server here; until the lock is dropped, nobody is.
    pub fn alone(&self) -> Result<File, String> {
        let lock = || {
            let starting = file(&self.path("starting"))?;
            starting.lock()?;
            Ok(starting)
        };
        lock().map_err(|error: io::Error| format!("{}: {error}", self.folder.display()))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts the command that `tell` completes, in `folder`; what it says is appended to a log there.
    /// When nobody wants it any more it is ended with `signal`, and the folder goes.
    pub fn keep(
        &self,
        folder: &Path,
        signal: &str,
        tell: impl FnOnce(&mut Command),
    ) -> io::Result<Kept> {
        let log = file(&folder.join("log"))?;
        let mut command = Command::new("sh");
        command.arg(KEEP).arg(self.path("in-use")).arg(self.linger.to_string());
        command.arg(signal).arg(folder);
        tell(&mut command);
        // A group of its own: what interrupts the tests must not leave the server without its keeper.
        command.process_group(0).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Kept { keeper: command.spawn()?, folder: folder.to_owned() })
    }
}

/// A process that is kept.
pub struct Kept {
    keeper: Child,
    folder: PathBuf,
}

impl Kept {
    /// Whether it has ended, and was reaped.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.keeper.try_wait(), Ok(None))
    }

    /// Sends the signal, and waits for the end.
    pub fn end(&mut self, signal: Signal) {
        let id = fs::read_to_string(self.folder.join("pid")).expect("its keeper has written it");
        let id = Pid::from_raw(id.trim().parse().expect("it is a process id"));
        kill(id, signal).expect("it is there");
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "{signal} does not end it:\n{}", self.said());
            std::thread::sleep(LOOK);
        }
    }

    /// The end of what it said.
    pub fn said(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// A new folder for a server's data. It is not below the build's folder, for servers that run as
/// another user may not get that far.
pub fn data_folder(name: &str) -> io::Result<PathBuf> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("stormproof-{name}-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

fn file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
