//! Mutants of SQL, ready to be run: nothing is built, and the control runs everything in the parser's letters.

use super::survey::Survey;
use super::{Ready, hunt};
use crate::System;
use crate::cli::arguments::Mutate;
use crate::cli::job_pool::Pool;
use crate::cli::terminal;
use crate::mutants::sql::{mutants, unguarded};

pub fn ready(system: &impl System, asked: &Mutate) -> Result<Ready, String> {
    let pool = Pool::new(asked.jobs.count())?.carrying_out("mutants");
    terminal::mention("the control: everything as it is");
    let survey = Survey::of(system, &pool, asked.seeds.get())?;
    survey.holds()?;
    let (families, unread) = mutants(&survey.seen());
    let texts = families.iter().flat_map(|(family, _)| &family.texts);
    let texts: Vec<_> = texts.filter(|(written, read)| written != read).cloned().collect();
    terminal::mention("the control: everything in the parser's letters");
    hunt::rewritten_holds(&pool, &survey, &texts)?;
    terminal::mention("the canary: every UPDATE and DELETE without its WHERE");
    let texts = unguarded(&survey.seen());
    let pairs = texts.iter().map(|(text, instead)| (survey.sql(text), instead.clone()));
    let canary = hunt::judge(&pool, &survey, super::orders::MutantChange::Sql(pairs.collect()))?;
    Ok(Ready {
        pool,
        survey,
        sources: families.len(),
        mutants: families.into_iter().flat_map(|(_, mutants)| mutants).collect(),
        refused: Default::default(),
        unread,
        canary,
    })
}
