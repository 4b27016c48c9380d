//! What processes of this machine take: processor time and memory, by Linux's `/proc`.
//!
//! A process is looked at together with all its children: a database server is many. What a child took
//! that has ended is its parent's to tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::sleep;

/// `NAME=PID`: a process, and what it is called in the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedProcess {
    pub name: String,
    pub pid: u32,
}

impl FromStr for NamedProcess {
    type Err = String;

    fn from_str(text: &str) -> Result<NamedProcess, String> {
        let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let parts = parts.and_then(|(name, pid)| Some((name, pid.parse().ok()?)));
        match parts.filter(|(_, pid)| *pid > 0) {
            Some((name, pid)) => Ok(NamedProcess { name: name.to_owned(), pid }),
            None => Err("expected NAME=PID, such as store=4711".into()),
        }
    }
}

/// The load's own, which takes from the same machine.
pub fn own() -> NamedProcess {
    NamedProcess { name: "load".to_owned(), pid: std::process::id() }
}

/// What a process and its children have taken up to now, and have now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub processor_ms: i64,
    pub resident_kib: u64,
}

/// Linux counts a process's time in hundredths of a second for all who ask, on every machine that Rust
/// calls tier 1 (`USER_HZ`, proc(5)).
const TICK_MS: i64 = 10;

const PROC: &str = "/proc";

/// What one line of `/proc/PID/stat` says (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own_ticks: i64,
    /// Of children that have ended and been waited for.
    children_ticks: i64,
}

/// The name is in parentheses and may hold any letter, so fields are counted from its end.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<i64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own_ticks: ticks(11)? + ticks(12)?,
        children_ticks: ticks(13)? + ticks(14)?,
    })
}

/// Memory of one's own, and memory that may be shared with others, in KiB, of `/proc/PID/status`.
fn parse_status(text: &str) -> (u64, u64) {
    let of = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
    };
    (of("RssAnon"), of("RssFile") + of("RssShmem"))
}

/// What each of `processes` has taken, by name.
///
/// # Errors
/// In words: which is not there.
pub fn look(processes: &[NamedProcess]) -> Result<BTreeMap<String, Taken>, String> {
    if !cfg!(target_os = "linux") {
        return Err("processes are measured on Linux only".into());
    }
    let stats = stats(Path::new(PROC))?;
    let taken = |process: &NamedProcess| {
        let NamedProcess { name, pid } = process;
        let family = family(&stats, *pid);
        if family.is_empty() {
            return Err(format!("there is no process {pid}, given as {name}"));
        }
        let mut taken = Taken::default();
        let mut shared_max = 0;
        for pid in family {
            let stat = &stats[&pid];
            taken.processor_ms += (stat.own_ticks + stat.children_ticks) * TICK_MS;
            // One that has just ended has none.
            let status = fs::read_to_string(format!("{PROC}/{pid}/status")).unwrap_or_default();
            let (own, shared) = parse_status(&status);
            taken.resident_kib += own;
            shared_max = shared_max.max(shared);
        }
        // What is shared is counted once: by the one that has most of it.
        taken.resident_kib += shared_max;
        Ok((name.clone(), taken))
    };
    processes.iter().map(taken).collect()
}

fn stats(proc: &Path) -> Result<BTreeMap<u32, Stat>, String> {
    let entries = fs::read_dir(proc).map_err(|error| format!("{}: {error}", proc.display()))?;
    let stat = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, parse_stat(&fs::read_to_string(entry.path().join("stat")).ok()?)?))
    };
    Ok(entries.filter_map(stat).collect())
}

/// The process, its children, and theirs.
fn family(stats: &BTreeMap<u32, Stat>, pid: u32) -> BTreeSet<u32> {
    let mut family = BTreeSet::new();
    let mut next: Vec<u32> = stats.contains_key(&pid).then_some(pid).into_iter().collect();
    while let Some(pid) = next.pop() {
        if family.insert(pid) {
            next.extend(stats.iter().filter(|(_, stat)| stat.parent == pid).map(|(pid, _)| *pid));
        }
    }
    family
}

/// Looks again and again for as long as it is kept: the most memory that each had.
pub struct MemoryWatch {
    most_kib: Arc<Mutex<BTreeMap<String, u64>>>,
    task: AbortHandle,
}

const LOOK_EVERY: Duration = Duration::from_millis(500);

impl MemoryWatch {
    pub fn start(processes: Vec<NamedProcess>) -> MemoryWatch {
        let most_kib = Arc::new(Mutex::new(BTreeMap::new()));
        let most = most_kib.clone();
        let task = tokio::spawn(async move {
            loop {
                for (name, taken) in look(&processes).unwrap_or_default() {
                    let mut most = most.lock().unwrap_or_else(PoisonError::into_inner);
                    let kib: &mut u64 = most.entry(name).or_default();
                    *kib = taken.resident_kib.max(*kib);
                }
                sleep(LOOK_EVERY).await;
            }
        });
        MemoryWatch { most_kib, task: task.abort_handle() }
    }

    pub fn most_kib(&self) -> BTreeMap<String, u64> {
        self.most_kib.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_given_by_name_and_number() {
        let expected = NamedProcess { name: "store".into(), pid: 4711 };
        assert_eq!("store=4711".parse(), Ok(expected));
        for wrong in ["", "4711", "=4711", "store=", "store=0", "store=-1", "store=x"] {
            let why = wrong.parse::<NamedProcess>().expect_err(wrong);
            assert!(why.contains("NAME=PID"), "{wrong}: {why}");
        }
    }

    #[test]
    fn a_name_may_hold_anything() {
        let line = "12 (a) b (c) S 7 12 12 0 -1 4194560 1 2 3 4 250 50 30 20 20 0 1 0 99 1 2";
        let expected = Stat { parent: 7, own_ticks: 300, children_ticks: 50 };
        assert_eq!(parse_stat(line), Some(expected));
        assert_eq!(parse_stat("12 (cut) S 7"), None);
    }

    #[test]
    fn memory_is_told_by_whose_it_is() {
        let text =
            "Name:\ta\nVmRSS:\t 30 kB\nRssAnon:\t 10 kB\nRssFile:\t 15 kB\nRssShmem:\t5 kB\n";
        assert_eq!(parse_status(text), (10, 20));
        assert_eq!(parse_status("Name:\tkthreadd\n"), (0, 0));
    }

    #[test]
    fn children_and_their_children_belong_to_a_process() {
        let stat = |parent| Stat { parent, own_ticks: 0, children_ticks: 0 };
        let stats = [(1, stat(0)), (5, stat(1)), (6, stat(5)), (7, stat(6)), (8, stat(1))];
        let stats = BTreeMap::from(stats);
        assert_eq!(family(&stats, 5), BTreeSet::from([5, 6, 7]));
        assert_eq!(family(&stats, 9), BTreeSet::new());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_takes_memory() {
        let taken = look(&[own()]).expect("it runs");
        assert!(taken["load"].resident_kib > 500, "{taken:?}");
        let nobody = NamedProcess { name: "nobody".into(), pid: u32::MAX };
        let why = look(&[nobody]).expect_err("there is none");
        assert!(why.contains("nobody"), "{why}");
    }
}
