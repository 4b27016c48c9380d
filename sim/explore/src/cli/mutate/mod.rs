//! `cargo sim mutate`: changes one thing after the other in what services run, and tells who notices.
//!
//! `mutate sql` builds nothing: the driver of the databases has other texts compiled than services say
//! (`stormproof_sqlite::substitute`). `mutate code` builds once, a copy of the sources with all mutants in it, each
//! behind a switch (`stormproof_ports::mutation`). First everything runs as it is, with what each run says or asks
//! noted; the scenarios, then as many storms as are asked for. That is the control, and from it each mutant's
//! runs are known: only those that say its statement, or come to its place. They end with the first that breaks.
//!
//! `sql` and `code` make mutants ready to be run, `survey` is the control, `orders` what worker processes do,
//! `hunt` has them do it for many mutants, `verdict` is what becomes of one, `ledger` keeps it, `score` adds up,
//! `told` and `page` tell.

mod code;
mod hunt;
mod ledger;
mod orders;
mod page;
mod score;
mod sql;
mod survey;
#[cfg(test)]
mod tests;
mod told;
mod verdict;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use super::Verdict;
use super::arguments::{Mutate, MutateTarget};
use super::job_pool::Pool;
use super::terminal;
use crate::System;
use crate::mutants::Mutant;
use crate::mutants::argued::Argued;
use crate::mutants::sql::Unread;
use ledger::{Ledger, MutantRow};
use score::Score;
use survey::Survey;
use verdict::Became;

pub use orders::run_orders;

/// Where results are written as they come, from the workspace's folder on.
const RESULTS: &str = "target/sim/mutate";

/// Mutants that can be run, and the proof that it means something.
struct Ready {
    /// Workers with the mutants in them.
    pool: Pool,
    survey: Survey,
    /// How many statements or functions they are of.
    sources: usize,
    mutants: Vec<Mutant>,
    /// Why some of them are none, by their names.
    refused: BTreeMap<String, String>,
    unread: Vec<Unread>,
    canary: Became,
}

/// Makes the mutants that were asked for, runs them, and prints what came of it.
pub fn mutate(system: &impl System, asked: &Mutate, json: bool) -> Result<Verdict, String> {
    let begun = Instant::now();
    let target = asked.target;
    let workspace = system.about().files.workspace();
    let folder = system.mutants().map(|folder| workspace.join(folder));
    if asked.record && folder.is_none() {
        return Err("--record: this system has no folder for it".to_owned());
    }
    let recorded = match &folder {
        Some(folder) => ledger::read(&folder.join(target.record()))?,
        None => BTreeMap::new(),
    };
    let results = asked.results.clone();
    let results = results.unwrap_or_else(|| workspace.join(RESULTS).join(target.record()));
    let mut ledger = Ledger::open(results, asked.resume)?;
    let ready = match target {
        MutateTarget::Sql => sql::ready(system, asked)?,
        MutateTarget::Code => {
            let known =
                recorded.values().chain(ledger.all()).filter(|row| row.verdict.is_refused());
            code::ready(system, asked, known.map(|row| row.mutant.id.clone()).collect())?
        }
    };
    let Ready { pool, survey, sources, mutants, refused, unread, canary } = ready;
    let all: Vec<&Mutant> = mutants.iter().collect();
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
    let seeds = asked.seeds.get();
    for mutant in &all {
        if let Some(why) = refused.get(&mutant.id) {
            ledger.note(MutantRow::of(mutant, seeds, Became::Refused { why: why.clone() }))?;
        }
    }
    hunt::hunt(&pool, &survey, &chosen, seeds, &mut ledger)?;
    let argued = match &folder {
        Some(folder) => Argued::load(&folder.join(target.argued())),
        None => Ok(Argued::default()),
    };
    let score = Score {
        target,
        command: system.about().command,
        seeds,
        scenarios: survey.scenarios(),
        sources,
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
    ledger::write(&folder.join(score.target.record()), &short)?;
    let path: PathBuf = folder.join(score.target.page());
    std::fs::write(&path, page::page(score, &rows)).map_err(|error| ledger::cannot(&path, &error))
}

fn is_asked(asked: &Mutate, mutant: &Mutant) -> bool {
    let fits = |text: &String| {
        let is_code = mutant.switch.is_some();
        mutant.statement.contains(text)
            || mutant.place == *text
            || (is_code && mutant.place.contains(text))
            || mutant.id == *text
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
