//! `cargo sim check`: determinism. With a broken check no other result means anything.
//!
//! Each seed is run alone in a fresh process, and twice in a process that has run the seeds before
//! it. The three must agree in every event; the first line that differs is named.

use std::iter::zip;
use std::ops::{ControlFlow, Range};
use std::sync::mpsc::Sender;
use std::time::Instant;

use crate::{Options, Profile, System};
use serde::Serialize;
use stormproof_faults::outcome::Outcome;

use super::Verdict;
use super::arguments::Check;
use super::pool;
use super::process::{self, Start, Worker};
use super::progress::Progress;
use super::seeds;
use super::subject::{Finding, Loaded, Subject};
use super::terminal::{self, count, grouped};

/// What is compared with the run alone.
const OTHERS: [&str; 2] = ["after other seeds", "a second time"];

/// A seed under which two runs were not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Difference {
    seed: u64,
    /// Which run differs from the run alone.
    how: &'static str,
    /// The trace's line, from 1; `None` if the traces agree and what follows from them does not.
    line: Option<usize>,
    alone: String,
    other: String,
}

/// One seed, compared.
struct Compared {
    seed: u64,
    /// The run alone, without its trace.
    finding: Finding,
    lines: usize,
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Json {
    seeds: u64,
    runs: u64,
    lines: u64,
    wall_seconds: f64,
    differences: Vec<Difference>,
}

/// Compares all seeds and prints where runs differ.
pub fn check(system: &impl System, asked: &Check, json: bool) -> Result<Verdict, String> {
    let subject = &Loaded::find(system, &asked.scenario, Profile::default())?.subject;
    let begun = Instant::now();
    let seeds = asked.from..asked.from.saturating_add(asked.seeds.get());
    let worker =
        process::worker_of(subject, Options { story: true, trace: true, ..Options::default() })?;
    let twice = |seeds: Range<u64>| {
        let mut command = worker(seeds);
        command.args(["--repeat", "2"]);
        command
    };
    let mut progress = Progress::new(asked.seeds.get(), &subject.system().units());
    let mut all = Vec::new();
    let drive = |chunk, found: &Sender<_>| compare(&worker, &twice, chunk, found);
    // As few chunks as there are jobs: the longer a process lives, the more it may remember.
    let jobs = asked.jobs.count();
    let chunk = asked.seeds.get().div_ceil(jobs as u64);
    pool::spread(seeds, chunk, jobs, drive, |compared: Compared| {
        progress.add(&compared.finding);
        all.push((compared.seed, compared.lines as u64, compared.differences));
    })?;
    progress.finish();
    all.sort_by_key(|(seed, ..)| *seed);
    let seeds = all.len() as u64;
    let result = Json {
        seeds,
        runs: seeds * 3,
        lines: all.iter().map(|(_, lines, _)| lines).sum(),
        wall_seconds: begun.elapsed().as_secs_f64(),
        differences: all.into_iter().flat_map(|(.., differences)| differences).collect(),
    };
    match json {
        true => terminal::print_json(&result)?,
        false => terminal::print(&text(subject, &result))?,
    }
    Ok(if result.differences.is_empty() { Verdict::Held } else { Verdict::Broken })
}

fn text(subject: &Subject, result: &Json) -> String {
    let mut text = String::new();
    for difference in &result.differences {
        let Difference { seed, how, line, alone, other } = difference;
        let place = line.map_or("beside the trace".to_owned(), |line| format!("line {line}"));
        text.push_str(&format!(
            "DIFFERS {} · seed {seed} · {place}\n        alone: {alone}\n        {how}: {other}\n",
            subject.name()
        ));
    }
    let verdict = match result.differences.is_empty() {
        true => "the same, byte for byte",
        false => "not the same",
    };
    text.push_str(&format!(
        "{verdict} · {} alone, after others and twice · {} lines of trace · {:.1} s\n",
        count(result.seeds, "seed"),
        grouped(result.lines),
        result.wall_seconds,
    ));
    text
}

/// Compares the seeds of a chunk. Never holds more than two traces.
fn compare(
    alone: Start<'_>,
    twice: Start<'_>,
    chunk: Range<u64>,
    found: &Sender<Compared>,
) -> Result<ControlFlow<()>, String> {
    let mut together = Worker::start(twice(chunk.clone()))?;
    for seed in chunk.clone() {
        let mut expected = seeds::alone(alone, seed)?;
        let mut differences = Vec::new();
        for how in OTHERS {
            let other = together.finding(seed);
            differences.extend(difference(seed, how, &expected, &other));
            if matches!(other, Finding::Died(_)) {
                // Those after it shall be judged, too, although after fewer others.
                let rest = seed.saturating_add(1)..chunk.end;
                together = Worker::start(twice(rest))?;
                break;
            }
        }
        let lines = match &mut expected {
            Finding::Ended(outcome) => std::mem::take(&mut outcome.trace).len(),
            Finding::Died(_) => 0,
        };
        // Nobody listens any more only if this thread's parent has panicked.
        found.send(Compared { seed, finding: expected, lines, differences }).ok();
    }
    Ok(ControlFlow::Continue(()))
}

fn difference(
    seed: u64,
    how: &'static str,
    alone: &Finding,
    other: &Finding,
) -> Option<Difference> {
    let differs = |line, alone: &str, other: &str| {
        Some(Difference { seed, how, line, alone: alone.to_owned(), other: other.to_owned() })
    };
    match (alone, other) {
        (Finding::Ended(alone), Finding::Ended(other)) => {
            if let Some((line, alone, other)) = first_difference(&alone.trace, &other.trace) {
                return differs(Some(line), alone, other);
            }
            let (alone, other) = (rest(alone), rest(other));
            let (_, alone, other) = first_difference(&alone, &other)?;
            differs(None, alone, other)
        }
        // A run that dies is no failure to repeat itself, but nothing can be said for it either.
        (Finding::Died(alone), Finding::Died(other)) => differs(None, alone, other),
        (Finding::Ended(_), Finding::Died(other)) => differs(None, "came to its end", other),
        (Finding::Died(alone), Finding::Ended(_)) => differs(None, alone, "came to its end"),
    }
}

/// The first line, from 1, at which two texts part.
pub(super) fn first_difference<'a>(
    one: &'a [String],
    other: &'a [String],
) -> Option<(usize, &'a str, &'a str)> {
    const END: &str = "(the end)";
    let common = zip(one, other).take_while(|(one, other)| one == other).count();
    let line = |lines: &'a [String]| lines.get(common).map_or(END, String::as_str);
    (common < one.len().max(other.len())).then(|| (common + 1, line(one), line(other)))
}

/// Everything but the trace, a field a line.
pub(super) fn rest(outcome: &Outcome) -> Vec<String> {
    let Outcome {
        scenario,
        seed,
        broken,
        unfired,
        unfired_places,
        figures,
        virtual_seconds,
        events,
        faults_fired,
        sometimes,
        moments,
        struck,
        fingerprint,
        story,
        trace: _,
        passages,
        statements,
    } = outcome;
    let mut lines = vec![
        format!("scenario {scenario} · seed {seed}"),
        format!("events {events}"),
        format!("fingerprint {fingerprint}"),
        format!("virtual seconds {virtual_seconds:?}"),
        format!("figures {figures:?}"),
        format!("broken {broken:?}"),
        format!("unfired {unfired:?} {unfired_places:?}"),
        format!("faults fired {faults_fired:?}"),
        format!("sometimes {sometimes:?}"),
        format!("moments {moments:?} {passages:?}"),
        format!("struck {struck:?}"),
        format!("statements {statements:?}"),
    ];
    lines.extend(story.told());
    lines
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use stormproof_faults::outcome::{Figure, Figures};

    use super::*;
    use crate::cli::testing::outcome;

    fn traced(seed: u64, lines: &[&str]) -> Finding {
        let trace = lines.iter().map(|line| (*line).to_owned()).collect();
        Finding::Ended(Box::new(Outcome { trace, ..outcome(seed) }))
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        let alone = traced(3, &["a", "b", "c"]);
        let place = |other: &[&str]| {
            let difference = difference(3, OTHERS[0], &alone, &traced(3, other))?;
            Some((difference.line, difference.alone, difference.other))
        };
        assert_eq!(place(&["a", "b", "c"]), None);
        assert_eq!(place(&["a", "x", "y"]), Some((Some(2), "b".into(), "x".into())));
        assert_eq!(place(&["a"]), Some((Some(2), "b".into(), "(the end)".into())));
        assert_eq!(place(&["a", "b", "c", "d"]), Some((Some(4), "(the end)".into(), "d".into())));
    }

    #[test]
    fn what_the_trace_does_not_show_is_compared_too() {
        let mut other = outcome(3);
        other.figures.add(Figures::from([("orders", Figure::Number(1))]));
        let other = Finding::Ended(Box::new(other));
        let alone = Finding::Ended(Box::new(outcome(3)));
        let found =
            difference(3, OTHERS[1], &alone, &other).expect("they differ in their sequence");
        assert_eq!(found.line, None);
        assert!(found.other.contains("Number(4)"), "{found:?}");
        let died = Finding::Died("signal: 9".to_owned());
        assert!(difference(3, OTHERS[1], &alone, &died).is_some());
    }

    /// A world whose second seed remembers what was run before it, and whose third one dies.
    #[test]
    fn a_run_that_depends_on_others_is_found() {
        let shell = |repeat: u32| {
            move |seeds: Range<u64>| {
                let mut script = String::new();
                for (place, seed) in seeds.enumerate() {
                    let after = if seed == 2 { place.to_string() } else { "0".to_owned() };
                    let Finding::Ended(outcome) = traced(seed, &["same", &after]) else { continue };
                    let line = serde_json::to_string(&outcome).expect("plain data");
                    let step =
                        if seed == 3 { "exit 9".to_owned() } else { format!("echo '{line}'") };
                    script.push_str(&format!("{step}\n").repeat(repeat as usize));
                }
                let mut command = Command::new("sh");
                command.args(["-c", &script]);
                command
            }
        };
        let (sender, found) = std::sync::mpsc::channel();
        let _ = compare(&shell(1), &shell(2), 1..6, &sender).expect("sh starts");
        drop(sender);
        let found: Vec<_> = found.iter().collect();
        assert_eq!(found.iter().map(|one| one.seed).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert!(found[0].differences.is_empty());
        assert_eq!(found[1].differences.len(), 2);
        assert_eq!(found[1].differences[0].line, Some(2));
        assert!(found[2].differences[0].other.contains("exit status: 9"));
        assert!(found[3].differences.is_empty() && found[4].differences.is_empty());
    }
}
