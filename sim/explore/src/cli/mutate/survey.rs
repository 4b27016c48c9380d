//! Everything as it is: the control, and the list of what each run says.

use std::collections::{BTreeMap, BTreeSet};

use stormproof_sqlite::SqlText;

use super::hunt;
use super::orders::{Answer, MutantChange, Order, RunName};
use crate::System;
use crate::cli::job_pool::Pool;
use crate::cli::process::PATIENCE;
use crate::mutants::Mutant;
use crate::mutants::sql::Seen;
use stormproof_faults::files::stem;

/// What all runs came to and said.
pub struct Survey {
    /// In the order in which mutants meet them: scenarios by name, then storms by seed.
    runs: Vec<Surveyed>,
    /// Who says what.
    texts: BTreeMap<SqlText, Said>,
    /// The places of the runs that come to a switch.
    switches: BTreeMap<u32, BTreeSet<usize>>,
}

struct Surveyed {
    name: RunName,
    /// The fingerprint; or what broke, and what was seen.
    held: Result<String, (String, String)>,
}

/// Who says a text: databases, and the places of runs.
#[derive(Default)]
struct Said {
    databases: BTreeSet<String>,
    runs: BTreeSet<usize>,
}

impl Survey {
    /// Runs every scenario of the system, and the storms of so many seeds.
    ///
    /// # Errors
    /// If workers cannot be started.
    pub fn of(system: &impl System, pool: &Pool, seeds: u64) -> Result<Survey, String> {
        let files = system.about().files.all();
        let scenarios = files.iter().map(|path| stem(&path.to_string_lossy()).to_owned());
        let names: Vec<RunName> =
            scenarios.map(RunName::Scenario).chain((1..=seeds).map(RunName::Storm)).collect();
        let list = |name: &RunName| {
            let mut worker = pool.worker()?;
            worker.tell(&serde_json::to_string(&Order::List(name.clone())).expect("plain data"));
            let answer = worker.answer_within(PATIENCE, |line| serde_json::from_str(line).ok());
            let listed = match answer? {
                Answer::Listed { held, texts, switches } => (held, texts, switches),
                other => return Err(format!("a worker answered {other:?} for a list")),
            };
            pool.give_back(worker);
            Ok(listed)
        };
        let found = hunt::all(pool, &names, list, |_, _| Ok(()))?;
        let mut survey =
            Survey { runs: Vec::new(), texts: BTreeMap::new(), switches: BTreeMap::new() };
        for (place, (name, (held, texts, switches))) in names.into_iter().zip(found).enumerate() {
            survey.runs.push(Surveyed { name, held });
            for switch in switches {
                survey.switches.entry(switch).or_default().insert(place);
            }
            for text in texts {
                let said = survey.texts.entry(text.sql).or_default();
                said.databases.insert(database(text.database));
                said.runs.insert(place);
            }
        }
        Ok(survey)
    }

    /// # Errors
    /// The first run that does not hold without any mutant.
    pub fn holds(&self) -> Result<(), String> {
        let broken = self.runs.iter().find_map(|run| Some((&run.name, run.held.as_ref().err()?)));
        match broken {
            Some((name, (by, what))) => Err(format!(
                "{name} breaks as it is, so that nothing can be said of mutants: {by}: {what}"
            )),
            None => Ok(()),
        }
    }

    /// How many scenarios there are.
    pub fn scenarios(&self) -> usize {
        self.runs.iter().filter(|run| matches!(run.name, RunName::Scenario(_))).count()
    }

    /// What mutants are made of.
    pub fn seen(&self) -> Vec<Seen> {
        let seen = |(sql, said): (&SqlText, &Said)| Seen {
            text: sql.text.clone(),
            is_migration: sql.is_migration,
            databases: said.databases.clone(),
        };
        self.texts.iter().map(seen).collect()
    }

    /// # Errors
    /// The first run that goes another way here than there, of those that are in both.
    pub fn is_like(&self, other: &Survey) -> Result<(), String> {
        let there: BTreeMap<_, _> = other.runs.iter().map(|run| (&run.name, &run.held)).collect();
        let differs = |run: &&Surveyed| there.get(&run.name).is_some_and(|held| **held != run.held);
        match self.runs.iter().find(differs) {
            None => Ok(()),
            Some(run) => Err(format!("{} goes another way than without switches", run.name)),
        }
    }

    /// The runs that a change is of any consequence to, each with its fingerprint: those that say one of its
    /// texts, or come to its switch. What a migration has made, all runs live on.
    pub fn runs_of(&self, change: &MutantChange) -> Vec<(RunName, String)> {
        let mut places = BTreeSet::new();
        match change {
            MutantChange::Sql(pairs) => {
                for (text, _) in pairs {
                    match (text.is_migration, self.texts.get(text)) {
                        (true, _) => places.extend(0..self.runs.len()),
                        (false, Some(said)) => places.extend(said.runs.iter().copied()),
                        (false, None) => {}
                    }
                }
            }
            MutantChange::Switch(switch) => {
                places.extend(self.switches.get(switch).into_iter().flatten().copied());
            }
            MutantChange::EverySwitch => places.extend(0..self.runs.len()),
        }
        let run = |place: usize| {
            let Surveyed { name, held } = &self.runs[place];
            Some((name.clone(), held.clone().ok()?))
        };
        places.into_iter().filter_map(run).collect()
    }

    /// How a mutant is run.
    pub fn change(mutant: &Mutant) -> MutantChange {
        if let Some(switch) = mutant.switch {
            return MutantChange::Switch(switch);
        }
        let is_migration = mutant.is_migration;
        let pair = |(text, instead): &(String, String)| {
            (SqlText { text: text.clone(), is_migration }, instead.clone())
        };
        MutantChange::Sql(mutant.pairs.iter().map(pair).collect())
    }

    /// Whether it is a migration that has this text.
    pub fn sql(&self, text: &str) -> SqlText {
        let of = |is_migration| SqlText { text: text.to_owned(), is_migration };
        if self.texts.contains_key(&of(true)) { of(true) } else { of(false) }
    }
}

/// Databases are named after their service, and migrated under its name alone.
fn database(name: String) -> String {
    const SUFFIX: &str = "-db";
    if name.ends_with(SUFFIX) { name } else { name + SUFFIX }
}
