//! `cargo sim bench --instructions`: how many instructions a storm and a piece of work take, held to a
//! record that is kept in the repository.
//!
//! Time says as much about what else a machine does as about the program; a count does not. It can be
//! repeated because a world can: one thread, one seed, a clock and a random generator of its own, so the
//! same program takes the same branches. What is left to the machine is small. A process starts, reads its
//! files and migrates its databases once, so the count is the difference of two workers, of which one
//! runs more of the same. The allocator looks at the real clock and at addresses, and a few maps of
//! libraries, which nobody walks through, at random keys: in repeated runs that moved no count by one in a
//! million. Other compilers make other instructions of the same text, so the record names its tools, and
//! says nothing about others.
//!
//! `callgrind` counts, `record` keeps and compares.

mod callgrind;
mod record;

use std::collections::BTreeMap;
use std::fs;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::process::Command;

use serde::Serialize;

use crate::{About, FairWeather, Options, Profile, System};
use callgrind::Counted;
use record::{Record, Row, Tools};

use super::Verdict;
use super::arguments::{Bench, Jobs};
use super::pool::spread;
use super::process::worker_of;
use super::subject::Subject;
use super::terminal::{self, grouped, table};

/// Where profiles go, from the workspace's folder on.
const PROFILES: &str = "target/sim/instructions";

/// Storms of the two workers whose difference counts: what a process does once, its first world does.
const STORMS: [Range<u64>; 2] = [1..2, 1..6];

/// Pieces of work in fair weather, likewise: what a world does once, both do.
const PIECES: [u64; 2] = [20, 40];

/// Something to be counted: two workers, and what the second does more.
struct Measure {
    name: String,
    workers: [Command; 2],
    /// How often the second does what is counted, more often than the first; `None`: as often as it has
    /// brought more pieces of work to their end.
    times: Option<u64>,
}

#[derive(Serialize)]
struct CountReport<'a> {
    tools: &'a Tools,
    counts: &'a [Row],
    /// Why they are not held to what is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomparable: Option<String>,
}

/// Counts, and compares with the record or rewrites it.
pub fn instructions(system: &impl System, asked: &Bench, json: bool) -> Result<Verdict, String> {
    if env!("OPT_LEVEL") != "3" {
        return Err(
            "this program is built for debugging, which takes other instructions: expected \
                    one built with --release"
                .to_owned(),
        );
    }
    let tools = Tools::here(callgrind::version()?);
    let about = system.about();
    let kept = system.instructions().map(|file| (file, about.files.workspace().join(file)));
    let counts = count_all(system)?;
    if asked.record {
        let (shown, path) = kept.ok_or("this system keeps no record of instructions")?;
        let record = Record { tools, instructions: counts };
        fs::write(path, record.text(about.command))
            .map_err(|error| format!("{shown} cannot be written: {error}"))?;
        tell(
            &CountReport {
                tools: &record.tools,
                counts: &rows(&record.instructions, None),
                incomparable: None,
            },
            json,
        )?;
        return Ok(Verdict::Held);
    }
    let recorded = kept.map(|(shown, path)| load(shown, &path)).transpose()?.flatten();
    let incomparable = match &recorded {
        None => Some("nothing is recorded yet".to_owned()),
        Some(recorded) => tools
            .differ_from(&recorded.tools)
            .map(|how| format!("counted with other tools than what is recorded ({how})")),
    };
    let recorded = recorded.filter(|_| incomparable.is_none());
    let rows = rows(&counts, recorded.as_ref());
    tell(&CountReport { tools: &tools, counts: &rows, incomparable }, json)?;
    let complaints: Vec<String> = rows.iter().filter_map(Row::complaint).collect();
    for complaint in &complaints {
        terminal::complain(complaint);
    }
    let again = format!("{} bench --instructions --record", about.command);
    if !complaints.is_empty() {
        terminal::complain(&format!(
            "a commit that changes the record (`{again}`) has to say what the rise buys; \
             `callgrind_annotate {PROFILES}/*.callgrind` tells where instructions go"
        ));
        return Ok(Verdict::Broken);
    }
    if rows.iter().any(Row::has_fallen) {
        terminal::mention(&format!("less than is recorded: `{again}` keeps it so"));
    }
    Ok(Verdict::Held)
}

fn load(shown: &str, path: &Path) -> Result<Option<Record>, String> {
    if !path.is_file() {
        return Ok(None);
    }
    let text =
        fs::read_to_string(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    Record::parse(shown, &text).map(Some).map_err(|mistake| mistake.to_string())
}

fn rows(counts: &BTreeMap<String, u64>, recorded: Option<&Record>) -> Vec<Row> {
    let recorded = |name: &String| recorded?.instructions.get(name).copied();
    let row = |(name, instructions): (&String, &u64)| Row {
        name: name.clone(),
        instructions: *instructions,
        recorded: recorded(name),
    };
    counts.iter().map(row).collect()
}

/// Everything that is counted, by name. As many workers at once as there are cores: none of them knows.
fn count_all(system: &impl System) -> Result<BTreeMap<String, u64>, String> {
    let about = system.about();
    let measures = measures(about)?;
    let folder = about.files.workspace().join(PROFILES);
    let workers = measures.len() as u64 * 2;
    let mut counted: BTreeMap<u64, Counted> = BTreeMap::new();
    let drive = |numbers: Range<u64>, found: &std::sync::mpsc::Sender<_>| {
        for number in numbers {
            let measure = &measures[number as usize / 2];
            let which = number as usize % 2;
            let name = format!("{}_{}", measure.name, ["less", "more"][which]);
            let counted = callgrind::count(&measure.workers[which], &folder, &name)?;
            found.send((number, counted)).ok();
        }
        Ok(ControlFlow::Continue(()))
    };
    spread(0..workers, 1, Jobs::default().count(), drive, |(number, it)| {
        counted.insert(number, it);
    })?;
    let mut counts = BTreeMap::new();
    for (number, measure) in (0..).zip(&measures) {
        let [less, more] = [number * 2, number * 2 + 1].map(|number| &counted[&number]);
        let fair = |pieces| system.fair_weather(pieces);
        if let Some(count) = measure.of(less, more, about, fair)? {
            counts.insert(measure.name.clone(), count);
        }
    }
    Ok(counts)
}

fn measures(about: About) -> Result<Vec<Measure>, String> {
    let storm = Subject::storm(about, Profile::default());
    let worker = worker_of(&storm, Options::default())?;
    let serial = worker_of(&storm, Options { serial: true, ..Options::default() })?;
    let fair = |pieces: u64| {
        let mut command = worker(1..2);
        command.args(["--fair", &pieces.to_string()]);
        command
    };
    let storms = STORMS[1].end - STORMS[0].end;
    Ok(vec![
        Measure {
            name: "storm_seed".to_owned(),
            workers: STORMS.map(&worker),
            times: Some(storms),
        },
        Measure {
            name: "storm_seed_serial".to_owned(),
            workers: STORMS.map(&serial),
            times: Some(storms),
        },
        Measure { name: about.unit.to_owned(), workers: PIECES.map(fair), times: None },
    ])
}

impl Measure {
    /// What one takes; `None` if both workers did the same.
    fn of<S>(
        &self,
        less: &Counted,
        more: &Counted,
        about: About,
        fair: impl Fn(u64) -> Option<FairWeather<S>>,
    ) -> Result<Option<u64>, String> {
        let times = match self.times {
            Some(times) => times,
            None => {
                let done = |counted: &Counted| {
                    counted.outcomes.iter().map(|it| it.figures.number(&about.units())).sum::<u64>()
                };
                for (pieces, counted) in PIECES.into_iter().zip([less, more]) {
                    let fair = fair(pieces).ok_or("there is no fair weather")?;
                    counted.outcomes.iter().try_for_each(fair.check)?;
                }
                done(more).saturating_sub(done(less))
            }
        };
        let difference = more.instructions.saturating_sub(less.instructions);
        Ok(difference.checked_div(times))
    }
}

fn tell(report: &CountReport<'_>, json: bool) -> Result<(), String> {
    if json {
        return terminal::print_json(report);
    }
    let row = |row: &Row| {
        let beside = match (row.recorded, row.rise()) {
            (Some(recorded), Some(rise)) => {
                format!("{} are recorded: {rise:+.2} %", grouped(recorded))
            }
            _ => String::new(),
        };
        [row.name.replace('_', " "), grouped(row.instructions), beside]
    };
    let rows: Vec<_> = report.counts.iter().map(row).collect();
    let Tools { compilers, processor, valgrind } = report.tools;
    let heading = format!("instructions ({compilers}; {processor}; {valgrind})");
    let mut text = table(&heading, &rows);
    if let Some(why) = &report.incomparable {
        text.push_str(&format!("not compared: {why}\n"));
    }
    terminal::print(&text)
}
