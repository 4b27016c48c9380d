//! One worker process: how it is started, heard and outlived.
//!
//! Two threads read what it writes, so that neither a full pipe nor a silent worker can hold up
//! those who wait for it. `workers` runs many of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::Options;
use stormproof_faults::outcome::Outcome;

use super::subject::{Finding, Subject, advised};

/// A run that takes longer has lost its way: worlds take well under a second, even unoptimized
/// ones on a busy machine take a few.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// What Rust says of a panic, before its place and its message.
const PANICKED: &str = "panicked at ";

/// How workers are started. A function, so that tests bring their own.
pub type Start<'a> = &'a (dyn Fn(Range<u64>) -> Command + Sync);

/// This program as a worker over some seeds of `subject`.
///
/// # Errors
/// If this program does not know its own file.
pub fn worker_of(
    subject: &Subject,
    options: Options,
) -> Result<impl Fn(Range<u64>) -> Command + Sync + use<>, String> {
    let program = std::env::current_exe()
        .map_err(|error| format!("cannot find this program to start workers of it: {error}"))?;
    Ok(worker_in(program, subject, options))
}

/// `program`, this one or one built of a changed tree, as a worker over some seeds of `subject`.
pub fn worker_in(
    program: PathBuf,
    subject: &Subject,
    options: Options,
) -> impl Fn(Range<u64>) -> Command + Sync + use<> {
    let (asked, profile) = (subject.asked().to_owned(), subject.profile().word());
    move |seeds: Range<u64>| {
        let mut command = Command::new(&program);
        // A backtrace would push the message out of what is kept.
        command.env("RUST_BACKTRACE", "0");
        command.arg("worker").args(["--profile", profile]);
        command.args(["--from", &seeds.start.to_string()]);
        command.args(["--count", &(seeds.end - seeds.start).to_string()]);
        command.args(options.story.then_some("--story"));
        command.args(options.trace.then_some("--trace"));
        command.args(options.serial.then_some("--serial"));
        command.arg(format!("--scenario={asked}"));
        command
    }
}

/// A running worker. It is killed when it is dropped.
pub struct Worker {
    child: Child,
    /// Of a worker that is told what to do as it goes.
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    complaints: Option<JoinHandle<String>>,
}

/// What was heard of a worker.
#[derive(Debug)]
pub enum Heard {
    Outcome(Box<Outcome>),
    /// It has ended with nothing more to say: well or badly, in words, and the end of what it
    /// wrote to standard error.
    Ended {
        well: bool,
        how: String,
        complaints: String,
    },
    /// Nothing, for as long as the caller would wait.
    Nothing,
}

impl Worker {
    /// Starts a worker whose command says all that it is to do.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub fn start(command: Command) -> Result<Worker, String> {
        Worker::launch(command, Stdio::null())
    }

    /// Starts a worker that is [told](Worker::tell) what to do.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub fn start_listening(command: Command) -> Result<Worker, String> {
        Worker::launch(command, Stdio::piped())
    }

    fn launch(mut command: Command, input: Stdio) -> Result<Worker, String> {
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| format!("cannot start a worker process: {error}"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().expect("stdout was piped just now");
        let errors = child.stderr.take().expect("stderr was piped just now");
        // One line of slack: a worker with traces must not fill this process's memory.
        let (sender, lines) = sync_channel(1);
        thread::spawn(move || {
            for line in lines_of(output) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let complaints = Some(thread::spawn(move || tail(errors)));
        Ok(Worker { child, input, lines, complaints })
    }

    /// Gives a worker something to do, a line. One that has died meanwhile is heard of instead of an
    /// answer.
    pub fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it was started to listen");
        input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n")).ok();
    }

    /// The first of its next lines that `read` takes for an answer, waited for as long as a run may take.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn answer<T>(&mut self, read: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        self.answer_within(PATIENCE, read)
    }

    /// The same with another patience.
    ///
    /// # Errors
    /// As `answer`.
    pub fn answer_within<T>(
        &mut self,
        patience: Duration,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, String> {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(answer) = read(&line) {
                        return Ok(answer);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err(death(Heard::Nothing)),
                Err(RecvTimeoutError::Disconnected) => return Err(death(self.end())),
            }
        }
    }

    /// The outcome of the seed that is due, waited for as long as a run may take.
    pub fn finding(&mut self, seed: u64) -> Finding {
        self.finding_within(seed, PATIENCE)
    }

    /// The same with another patience.
    pub fn finding_within(&mut self, seed: u64, patience: Duration) -> Finding {
        match self.hear(patience) {
            Heard::Outcome(outcome) if outcome.seed == seed => Finding::Ended(outcome),
            heard => Finding::Died(death(heard)),
        }
    }

    /// The next outcome, or the end.
    pub fn hear(&mut self, patience: Duration) -> Heard {
        match self.lines.recv_timeout(patience) {
            Ok(line) => match serde_json::from_str(&line) {
                Ok(outcome) => Heard::Outcome(outcome),
                Err(error) => {
                    self.kill();
                    let how = format!("the worker wrote no outcome ({error}): {}", cut(&line));
                    Heard::Ended { well: false, how, complaints: String::new() }
                }
            },
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => self.end(),
        }
    }

    fn end(&mut self) -> Heard {
        let complaints = self.complaints.take().and_then(|reader| reader.join().ok());
        let complaints = complaints.unwrap_or_default();
        match self.child.wait() {
            Ok(status) => {
                let mut how = format!("the worker process ended with {status}");
                if !complaints.is_empty() {
                    how.push_str(&format!(": {}", complaints.replace('\n', " ")));
                }
                Heard::Ended { well: status.success(), how, complaints }
            }
            Err(error) => {
                let how = format!("the worker process cannot be waited for: {error}");
                Heard::Ended { well: false, how, complaints }
            }
        }
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Why there is no outcome.
pub fn death(heard: Heard) -> String {
    match heard {
        Heard::Outcome(outcome) => {
            format!("the worker answered for seed {} when another was due", outcome.seed)
        }
        Heard::Ended { how, .. } => advised(how),
        Heard::Nothing => "the worker gave no outcome for too long".to_owned(),
    }
}

fn lines_of(output: ChildStdout) -> impl Iterator<Item = String> {
    // A line cut off by the worker's death is no outcome; the missing line end tells.
    let mut reader = BufReader::new(output);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = reader.read_until(b'\n', &mut line);
        match read {
            Ok(1..) if line.ends_with(b"\n") => Some(String::from_utf8_lossy(&line).into_owned()),
            _ => None,
        }
    })
}

/// What a worker complained of, as far as it names the cause.
fn tail(mut errors: impl Read) -> String {
    const KEPT: usize = 16 * 1024;
    const LINES: usize = 4;
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = errors.read(&mut piece) {
        kept.extend_from_slice(&piece[..read]);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
    let text = String::from_utf8_lossy(&kept);
    let lines: Vec<&str> = text.lines().filter_map(telling).collect();
    // A panic's first line names its cause; without one, the last words do.
    let panic = lines.iter().position(|line| line.starts_with(PANICKED));
    let first = panic.unwrap_or(lines.len().saturating_sub(LINES));
    lines[first..lines.len().min(first + LINES)].join("\n")
}

/// A line without what differs from process to process (a panic begins with its thread's number),
/// and nothing of those that say nothing: findings must be the same whenever they are found.
fn telling(line: &str) -> Option<&str> {
    let line = line.trim();
    let empty = line.is_empty() || line.starts_with("note: run with `RUST_BACKTRACE");
    let line = line.find(PANICKED).map_or(line, |place| &line[place..]);
    (!empty).then_some(line)
}

fn cut(line: &str) -> &str {
    let end = line.char_indices().nth(80).map_or(line.len(), |(end, _)| end);
    line[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_is_told_alike_in_every_process() {
        let panic = "warming up\n\nthread 'main' (4711) panicked at sim/world/src/run.rs:9:5:\n\
                     a thing in no state\nnote: run with `RUST_BACKTRACE=1` environment …\n";
        assert_eq!(
            tail(panic.as_bytes()),
            "panicked at sim/world/src/run.rs:9:5:\na thing in no state"
        );
        let words: String = (0..10).map(|line| format!("line {line}\n")).collect();
        assert_eq!(tail(words.as_bytes()), "line 6\nline 7\nline 8\nline 9");
        let long = format!("{}the cause", "noise\n".repeat(10_000));
        assert!(tail(long.as_bytes()).ends_with("\nthe cause"));
    }
}
