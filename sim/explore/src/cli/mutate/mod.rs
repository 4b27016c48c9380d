//! `cargo sim mutate sql`: changes one thing after the other in the SQL that services run, and tells who
//! notices.
//!
//! Nothing is built for it: the driver of the databases has other texts compiled than services say
//! (`stormproof_sqlite::substitute`). First everything runs as it is, with the driver listing what each run
//! says; the scenarios, then as many storms as are asked for. That is the control, and from it each mutant's
//! runs are known: only those that say its statement. They end with the first that breaks.
//!
//! `survey` is the control, `orders` what worker processes do, `hunt` has them do it for many mutants,
//! `verdict` is what becomes of one, `ledger` keeps it, `score` adds up, `told` and `page` tell.

mod hunt;
mod ledger;
mod orders;
mod page;
mod score;
mod survey;
#[cfg(test)]
mod tests;
mod told;
mod verdict;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use super::Verdict;
use super::arguments::Mutate;
use super::job_pool::Pool;
use super::terminal;
use crate::System;
use crate::mutants::argued::Argued;
use crate::mutants::{Mutant, mutants, unguarded};
use ledger::Ledger;
use score::Score;
use survey::Survey;

pub use orders::run_orders;

/// Where results are written as they come, from the workspace's folder on.
const RESULTS: &str = "target/sim/mutate/sql.jsonl";

/// Makes the mutants that were asked for, runs them, and prints what came of it.
pub fn mutate(system: &impl System, asked: &Mutate, json: bool) -> Result<Verdict, String> {
    let begun = Instant::now();
    let workspace = system.about().files.workspace();
    let folder = system.mutants().map(|folder| workspace.join(folder));
    if asked.record && folder.is_none() {
        return Err("--record: this system has no folder for it".to_owned());
    }
    let pool = Pool::new(asked.jobs.count())?.carrying_out("mutants");
    terminal::mention("the control: everything as it is");
    let survey = Survey::of(system, &pool, asked.seeds.get())?;
    survey.holds()?;
    let (families, unread) = mutants(&survey.seen());
    let recorded = match &folder {
        Some(folder) => ledger::read(&folder.join(ledger::RECORD))?,
        None => BTreeMap::new(),
    };
    let texts = families.iter().flat_map(|(family, _)| &family.texts);
    let texts: Vec<_> = texts.filter(|(written, read)| written != read).cloned().collect();
    let all: Vec<&Mutant> = families.iter().flat_map(|(_, mutants)| mutants).collect();
    let is_missed = |it: &Mutant| recorded.get(&it.id).is_some_and(|row| row.verdict.is_missed());
    let chosen: Vec<&Mutant> = all
        .iter()
        .copied()
        .filter(|it| is_asked(asked, it))
        .filter(|it| !asked.missed || is_missed(it))
        .collect();
    let chosen = sample(chosen, asked);
    if chosen.is_empty() {
        return Err("there is no such mutant: expected another --kind, --only or --missed".into());
    }
    terminal::mention("the control: everything in the parser's letters");
    hunt::rewritten_holds(&pool, &survey, &texts)?;
    terminal::mention("the canary: every UPDATE and DELETE without its WHERE");
    let canary = hunt::canary(&pool, &survey, &unguarded(&survey.seen()))?;
    let results = asked.results.clone().unwrap_or_else(|| workspace.join(RESULTS));
    let mut ledger = Ledger::open(results, asked.resume)?;
    hunt::hunt(&pool, &survey, &chosen, asked.seeds.get(), &mut ledger)?;
    let argued = match &folder {
        Some(folder) => Argued::load(&folder.join(ledger::ARGUED)),
        None => Ok(Argued::default()),
    };
    let score = Score {
        command: system.about().command,
        seeds: asked.seeds.get(),
        scenarios: survey.scenarios(),
        statements: families.len(),
        mutants: all.len(),
        rows: ledger.rows(&chosen),
        canary,
        unread,
        argued: argued.map_err(|mistake| mistake.to_string())?,
        recorded,
        wall_seconds: begun.elapsed().as_secs_f64(),
    };
    if let Some(folder) = folder.filter(|_| asked.record && score.canary.is_caught()) {
        record(&folder, &score, &all)?;
    }
    match json {
        true => terminal::print_json(&score.object())?,
        false => terminal::print(&told::text(&score))?,
    }
    Ok(score.verdict())
}

/// Keeps the rows, in place of those of the same mutants and without those of mutants that there are no more; the
/// page is made of all.
fn record(folder: &Path, score: &Score, all: &[&Mutant]) -> Result<(), String> {
    let rows = ledger::merged(&score.recorded, &score.rows, all);
    let short: Vec<_> = rows.iter().map(ledger::short).collect();
    ledger::write(&folder.join(ledger::RECORD), &short)?;
    let page = page::page(score, &rows);
    let path = folder.join(ledger::PAGE);
    std::fs::write(&path, page).map_err(|error| ledger::cannot(&path, &error))
}

fn is_asked(asked: &Mutate, mutant: &Mutant) -> bool {
    let fits = |text: &String| {
        mutant.statement.contains(text) || mutant.table == *text || mutant.id == *text
    };
    (asked.kinds.is_empty() || asked.kinds.contains(&mutant.kind))
        && asked.only.as_ref().is_none_or(fits)
}

/// As many as were asked for, the same for the same seed, in the order in which they were.
fn sample<'a>(mutants: Vec<&'a Mutant>, asked: &Mutate) -> Vec<&'a Mutant> {
    let Some(count) = asked.sample else { return mutants };
    let rank = |mutant: &Mutant| Sha256::digest(format!("{} {}", asked.sample_seed, mutant.id));
    let mut ranks: Vec<_> = mutants.iter().map(|mutant| rank(mutant)).collect();
    ranks.sort();
    let Some(last) = ranks.get(count.get() - 1).copied() else { return mutants };
    mutants.into_iter().filter(|mutant| rank(mutant) <= last).collect()
}
