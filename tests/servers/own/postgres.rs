//! A Postgres server: made anew, killed, and started again on what it left.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::until_it_answers;
use crate::servers::supervisor::{Kept, Place, data_folder};
use crate::servers::{free_port, postgres};

/// Where Debian has the binaries of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The user of Debian's package. Postgres refuses root.
const USER: &str = "postgres";

/// How long a killed server's last children may stay and keep another from starting.
const REMAINS: Duration = Duration::from_secs(20);

pub struct PostgresServer {
    place: Arc<Place>,
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    server: Kept,
}

impl PostgresServer {
    /// Errors: there are no binaries, or they cannot be run, and why.
    pub fn start(place: &Arc<Place>) -> Result<PostgresServer, String> {
        let binaries = binaries()?;
        let folder = make(&binaries).map_err(|why| format!("initdb: {why}"))?;
        let port = free_port();
        let server = serve(place, &binaries, &folder, port);
        let server = server.map_err(|error| format!("postgres: {error}"))?;
        let mut postgres = PostgresServer { place: place.clone(), binaries, folder, port, server };
        match postgres.until_it_answers() {
            Ok(()) => Ok(postgres),
            Err(why) => {
                fs::remove_dir_all(&postgres.folder).ok();
                Err(format!("postgres: {why}"))
            }
        }
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Without warning: what was not written is lost with it, and connections break.
    pub fn kill(&mut self) {
        self.server.end(Signal::SIGKILL);
    }

    /// The same server again, after [`kill`](PostgresServer::kill).
    pub fn start_again(&mut self) {
        let deadline = Instant::now() + REMAINS;
        loop {
            let server = serve(&self.place, &self.binaries, &self.folder, self.port);
            self.server = server.expect("it could be started before");
            match self.until_it_answers() {
                Ok(()) => return,
                // The killed server's children have not all noticed its death, and hold its memory.
                Err(why) if why.contains("still in use") && Instant::now() < deadline => {
                    std::thread::sleep(super::ASK);
                }
                Err(why) => panic!("postgres does not come back: {why}"),
            }
        }
    }

    fn until_it_answers(&mut self) -> Result<(), String> {
        let url = self.url();
        until_it_answers(&mut self.server, || postgres::answers(&url))
    }
}

fn serve(place: &Place, binaries: &Path, folder: &Path, port: u16) -> std::io::Result<Kept> {
    place.keep(folder, "QUIT", |command| {
        command
            .args(unprivileged(binaries.join("postgres")))
            .arg("-D")
            .arg(folder.join("data"))
            .args(["-c", &format!("port={port}"), "-c", "listen_addresses=127.0.0.1"])
            // Tests that run at once have a pool each.
            .args(["-c", "unix_socket_directories=", "-c", "max_connections=300"]);
    })
}

/// Makes the files of a server that trusts whoever reaches it; the folder.
fn make(binaries: &Path) -> Result<PathBuf, String> {
    let folder = data_folder("postgres").map_err(|error| error.to_string())?;
    let made = initdb(binaries, &folder);
    if made.is_err() {
        fs::remove_dir_all(&folder).ok();
    }
    made.map(|()| folder)
}

fn initdb(binaries: &Path, folder: &Path) -> Result<(), String> {
    if is_root() {
        run(Command::new("chown").arg(USER).arg(folder))?;
    }
    let words = unprivileged(binaries.join("initdb"));
    run(Command::new(&words[0])
        .args(&words[1..])
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .current_dir(folder))
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(ran) if ran.status.success() => Ok(()),
        Ok(ran) => Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The words of a command that must not be run by root.
fn unprivileged(program: PathBuf) -> Vec<OsString> {
    let other = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "--"];
    let other = other.into_iter().map(OsString::from).filter(|_| is_root());
    other.chain([program.into_os_string()]).collect()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Of the newest version that is installed.
fn binaries() -> Result<PathBuf, String> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let number = |version: &Path| version.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = versions.map(|version| version.path());
    let installed = installed.filter(|version| version.join("bin/postgres").exists());
    let newest = installed.max_by_key(|version| number(version));
    newest
        .map(|version| version.join("bin"))
        .ok_or(format!("there are no binaries of Postgres in {VERSIONS}"))
}
