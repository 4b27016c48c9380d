//! Processes of the binary `stormproof`, and the folders that tests give them.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

/// The longest that a process may take to open, or to end once it is asked to.
const PATIENCE: Duration = Duration::from_secs(60);

/// Cheap passwords, short journeys and short leases: tests have no time.
pub const QUICK: [(&str, &str); 9] = [
    ("STORMPROOF_AUTH_LOGINS_MAX", "1000"),
    ("STORMPROOF_AUTH_HASH_MEMORY_KIB", "8"),
    ("STORMPROOF_AUTH_HASH_PASSES", "1"),
    ("STORMPROOF_CARRIER_PICK_UP_AFTER", "100ms"),
    ("STORMPROOF_CARRIER_DEPART_AFTER", "100ms"),
    ("STORMPROOF_CARRIER_DELIVER_AFTER", "100ms"),
    ("STORMPROOF_SAGA_LEASE", "2s"),
    ("STORMPROOF_SAGA_CALL_TIMEOUT", "1s"),
    ("STORMPROOF_RELAY_CLAIM", "1s"),
];

/// A folder of a test's own, gone with a test that passes.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the build's folder can be written");
        Folder(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.0).ok();
        }
    }
}

/// The command with these arguments, and no settings but those of tests. What it has to say on
/// standard error is appended to the file `log`. `STORMPROOF_BINARY` puts another binary in its place: a
/// release, say.
pub fn stormproof(arguments: &[&str], log: &Path) -> Command {
    let log = OpenOptions::new().create(true).append(true).open(log);
    let binary = std::env::var("STORMPROOF_BINARY");
    let mut command =
        Command::new(binary.unwrap_or_else(|_| env!("CARGO_BIN_EXE_stormproof").to_owned()));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("STORMPROOF_")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .envs(QUICK)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.expect("the log can be written"))
        .kill_on_drop(true);
    command
}

/// A process that serves, and what ends it.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub fn spawn(mut command: Command, log: &Path) -> Process {
        let child = command.spawn().expect("the binary was built for this test");
        Process { child, log: log.to_owned() }
    }

    /// Sends a signal; a process that has ended does not mind.
    pub fn signal(&self, signal: Signal) {
        if let Some(id) = self.child.id() {
            kill(Pid::from_raw(id.try_into().expect("process ids are small")), signal).ok();
        }
    }

    /// Its standard input, if it was piped and not taken before.
    pub fn take_input(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("the command pipes it")
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Its number, as long as it has not been waited for.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended.
    pub async fn ended(&mut self) -> ExitStatus {
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.expect("a child can be waited for"),
            Err(_) => panic!("it does not end within {PATIENCE:?}:\n{}", self.log()),
        }
    }

    /// Asks it to stop, and expects that it ends well.
    pub async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.ended().await;
        assert_eq!(status.code(), Some(0), "the drain ended with {status}:\n{}", self.log());
    }

    /// What it said on standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// `stormproof up` that has opened.
pub struct Up {
    pub process: Process,
    /// `http://127.0.0.1:…`
    pub address: String,
    /// Everything that it printed.
    pub banner: String,
}

impl Up {
    /// Opens the shop in the folder `data`, on a port of the system's choice, with these settings
    /// besides those of all tests.
    pub async fn open(data: &Path, settings: &[(&str, &str)]) -> Up {
        let mut process = Up::begin(data, settings);
        match Up::opened(&mut process).await {
            Some((address, banner)) => Up { process, address, banner },
            None => panic!("the shop does not open:\n{}", process.log()),
        }
    }

    /// Starts to open it.
    pub fn begin(data: &Path, settings: &[(&str, &str)]) -> Process {
        let log = data.with_extension("log");
        let folder = data.to_str().expect("the test's paths are text");
        let arguments = ["up", "--data", folder, "--listen", "127.0.0.1:0"];
        let mut command = stormproof(&arguments, &log);
        command.envs(settings.iter().copied());
        Process::spawn(command, &log)
    }

    /// The address and the banner, once both are printed; `None` if the process ends before.
    pub async fn opened(process: &mut Process) -> Option<(String, String)> {
        let output = process.child.stdout.take().expect("nobody has read it yet");
        let mut lines = BufReader::new(output).lines();
        let mut banner = String::new();
        let read = async {
            while let Some(line) = lines.next_line().await.expect("the banner is text") {
                banner.push_str(&line);
                banner.push('\n');
                if line.starts_with("Ctrl-C") {
                    let address = banner.split("open at ").nth(1)?.lines().next()?.to_owned();
                    return Some(address);
                }
            }
            None
        };
        let address = timeout(PATIENCE, read).await.unwrap_or_default()?;
        Some((address, banner))
    }
}

/// Runs the command to its end: its exit code, what it printed, and what it said on standard error.
pub async fn run_aloud(command: Command, log: &Path) -> (Option<i32>, String, String) {
    let child = { command }.spawn().expect("built");
    let output = timeout(PATIENCE * 2, child.wait_with_output()).await;
    let output = output.expect("it ends in time").expect("a child can be waited for");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), printed, fs::read_to_string(log).unwrap_or_default())
}

/// Runs the command to its end: its exit code, and what it said on standard error.
pub async fn run(mut command: Command, log: &Path) -> (Option<i32>, String) {
    File::create(log).expect("the log can be written");
    let mut process = Process { child: command.spawn().expect("built"), log: log.to_owned() };
    let status = process.ended().await;
    (status.code(), process.log())
}
