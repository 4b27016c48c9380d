//! Mutants run by worker processes, as many at once as were asked for.

use std::ops::ControlFlow;
use std::time::Duration;

use stormproof_sqlite::SqlText;

use super::ledger::{Ledger, MutantRow};
use super::orders::{Answer, MutantChange, Order, RunName};
use super::survey::Survey;
use super::verdict::Became;
use crate::cli::job_pool::Pool;
use crate::cli::pool::spread;
use crate::cli::tally::COMPLETED;
use crate::cli::terminal;
use crate::mutants::Mutant;

/// A world that takes this long under a mutant hangs; by themselves they take well under a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// Has every one of `items` done by some worker; what came of it is in their order. `done` hears of each as it
/// comes.
///
/// # Errors
/// The first of `work` or `done`.
pub fn all<I: Sync, T: Send>(
    pool: &Pool,
    items: &[I],
    work: impl Fn(&I) -> Result<T, String> + Sync,
    mut done: impl FnMut(usize, &T) -> Result<(), String>,
) -> Result<Vec<T>, String> {
    let mut found: Vec<Option<T>> = items.iter().map(|_| None).collect();
    let mut failed = Ok(());
    let drive = |places: std::ops::Range<u64>, sender: &std::sync::mpsc::Sender<_>| {
        for place in places {
            let place = usize::try_from(place).expect("it is a place of a list");
            if sender.send((place, work(&items[place])?)).is_err() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    };
    let count = items.len() as u64;
    spread(0..count, 1, pool.jobs(), drive, |(place, result): (usize, T)| {
        if failed.is_ok() {
            failed = done(place, &result);
        }
        found[place] = Some(result);
    })?;
    failed?;
    Ok(found.into_iter().flatten().collect())
}

/// Runs every mutant that the ledger does not know, and notes what became of it.
pub fn hunt(
    pool: &Pool,
    survey: &Survey,
    mutants: &[&Mutant],
    seeds: u64,
    ledger: &mut Ledger,
) -> Result<(), String> {
    let left: Vec<&Mutant> =
        mutants.iter().copied().filter(|mutant| !ledger.knows(mutant, seeds)).collect();
    let work = |mutant: &&Mutant| judge(pool, survey, Survey::change(mutant));
    let mut count = 0;
    all(pool, &left, work, |place, became| {
        count += 1;
        let mutant = left[place];
        terminal::mention(&format!("{count} of {}: {} {}", left.len(), mutant.id, mutant.what));
        ledger.note(MutantRow::of(mutant, seeds, became.clone()))
    })?;
    Ok(())
}

/// Sees to it that nothing changes when all texts are said as the parser writes them: then what a mutant
/// changes is its one thing.
///
/// # Errors
/// What differs.
pub fn rewritten_holds(
    pool: &Pool,
    survey: &Survey,
    texts: &[(String, String)],
) -> Result<(), String> {
    const STORMS_MAX: usize = 40;
    let pairs: Vec<(SqlText, String)> =
        texts.iter().map(|(text, read)| (survey.sql(text), read.clone())).collect();
    let change = MutantChange::Sql(pairs);
    let mut runs = survey.runs_of(&change);
    runs.truncate(survey.scenarios() + STORMS_MAX);
    match ask(pool, change, runs, true)? {
        Became::Missed { .. } | Became::NotReached => Ok(()),
        became => Err(format!(
            "statements that were read and written again are not what they were: {became:?}"
        )),
    }
}

/// Runs what is changed in every run that it is of any consequence to.
///
/// # Errors
/// If workers cannot be started.
pub fn judge(pool: &Pool, survey: &Survey, change: MutantChange) -> Result<Became, String> {
    let runs = survey.runs_of(&change);
    if runs.is_empty() {
        return Ok(Became::NotReached);
    }
    ask(pool, change, runs, false)
}

/// One order to one worker. A worker that dies, or is silent for too long, is killed, and its run is taken for one
/// that did not come to its end.
fn ask(
    pool: &Pool,
    change: MutantChange,
    runs: Vec<(RunName, String)>,
    until_it_differs: bool,
) -> Result<Became, String> {
    let mut worker = pool.worker()?;
    let order = Order::Judge { change, runs: runs.clone(), until_it_differs };
    worker.tell(&serde_json::to_string(&order).expect("it is plain data"));
    let mut run = None;
    loop {
        let answer = worker.answer_within(PATIENCE, |line| serde_json::from_str(line).ok());
        match answer {
            Ok(Answer::Next(place)) => run = runs.get(place).map(|(name, _)| name.clone()),
            Ok(Answer::Judged { became, has_panicked }) => {
                if !has_panicked {
                    pool.give_back(worker);
                }
                return Ok(became);
            }
            Ok(other) => return Err(format!("a worker answered {other:?} for a verdict")),
            Err(what) => {
                let run = run.ok_or_else(|| what.clone())?;
                return Ok(Became::Caught { run, by: COMPLETED.to_owned(), what });
            }
        }
    }
}
