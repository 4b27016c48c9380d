//! Mutants of code, ready to be run: a copy with all of them in it is built, without those that the compiler
//! will not have; the control runs the copy with every switch off beside this program.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::orders::MutantChange;
use super::survey::Survey;
use super::{Ready, hunt};
use crate::System;
use crate::cli::arguments::Mutate;
use crate::cli::bugs::build::Build;
use crate::cli::job_pool::Pool;
use crate::cli::terminal;
use crate::mutants::code::Code;

/// So many storms the copy is compared in with this program.
const STORMS_COMPARED: u64 = 40;

/// A mutant that fills the memory is stopped at so many KiB.
const MEMORY_KIB: u64 = 4 << 20;

/// `known` are the names of mutants that did not compile before.
pub fn ready(
    system: &impl System,
    asked: &Mutate,
    known: BTreeSet<String>,
) -> Result<Ready, String> {
    let patches = system.patches().ok_or("no code of this system can be changed")?;
    let mut code = Code::read(&patches.files.workspace(), patches.mutated)?;
    code.refuse_named(&known);
    let program = build(&Build::of(patches), &mut code)?;
    let here = Pool::new(asked.jobs.count())?.carrying_out("mutants");
    let pool = Pool::of(&program, asked.jobs.count()).carrying_out("mutants").limited(MEMORY_KIB);
    terminal::mention("the control: the copy with every switch off");
    let survey = Survey::of(system, &pool, asked.seeds.get())?;
    survey.holds()?;
    survey.is_like(&Survey::of(system, &here, STORMS_COMPARED.min(asked.seeds.get()))?)?;
    terminal::mention("the canary: every switch on");
    let canary = hunt::judge(&pool, &survey, MutantChange::EverySwitch)?;
    let (mutants, refused) = code.into_mutants();
    let functions: BTreeSet<_> = mutants.iter().map(|it| (&it.place, &it.statement)).collect();
    let sources = functions.len();
    Ok(Ready { pool, survey, sources, mutants, refused, unread: Vec::new(), canary })
}

/// Builds the copy, again without what the compiler complains of, until it has no complaint.
fn build(build: &Build, code: &mut Code) -> Result<PathBuf, String> {
    loop {
        terminal::mention(&format!("builds {} mutants at once", code.count()));
        let complaints = match build.compile(code.copied())? {
            Ok(program) => return Ok(program),
            Err(complaints) => complaints,
        };
        let count = code.refuse(&complaints);
        terminal::mention(&format!("{count} of them do not compile"));
        if count == 0 {
            let first = complaints.into_iter().next();
            let what = first.map_or("cargo says nothing of why".to_owned(), |it| it.message);
            return Err(format!("the copy does not compile, and no mutant is to blame:\n{what}"));
        }
    }
}
