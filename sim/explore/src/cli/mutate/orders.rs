//! What the worker processes of `mutate` do: run worlds as they are and list what they say, or run worlds with
//! something said otherwise until one breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, BufRead as _, Write as _};

use serde::{Deserialize, Serialize};
use stormproof_ports::mutation;
use stormproof_sqlite::{RunText, SqlText, list_statements, substitute};

use super::verdict::Became;
use crate::cli::Verdict;
use crate::cli::subject::{Finding, Loaded};
use crate::cli::tally::COMPLETED;
use crate::mutants::sql::cut;
use crate::registries::STORM;
use crate::{Options, Profile, System};

/// What breaks where a scenario's fault never fires.
pub const UNFIRED: &str = "every fault fires";

/// A run, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunName {
    /// A scenario file under its own seed.
    Scenario(String),
    /// The storm of a seed.
    Storm(u64),
}

/// What is to be done, a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Run it as it is.
    List(RunName),
    /// Run these, each with the fingerprint that it has without a mutant, until one breaks; if there is one that
    /// says so, one that differs is enough.
    Judge { change: MutantChange, runs: Vec<(RunName, String)>, until_it_differs: bool },
}

/// What is changed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MutantChange {
    /// What is said in place of what.
    Sql(Vec<(SqlText, String)>),
    /// A switch is set.
    Switch(u32),
    /// Every switch is.
    EverySwitch,
}

/// What is answered, a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// What a run came to, what its services said, and which switches were asked.
    Listed {
        held: Result<String, (String, String)>,
        texts: BTreeSet<RunText>,
        switches: BTreeSet<u32>,
    },
    /// The run at this place is next.
    Next(usize),
    /// What became of the mutant. After a panic this process is not to be used again.
    Judged { became: Became, has_panicked: bool },
}

impl fmt::Display for RunName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunName::Scenario(name) => write!(formatter, "{name}"),
            RunName::Storm(seed) => write!(formatter, "{STORM} {seed}"),
        }
    }
}

/// Does what it is told until there is nothing more.
pub fn run_orders(system: &impl System) -> Result<Verdict, String> {
    let mut shelf = Shelf { system, loaded: BTreeMap::new() };
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| format!("cannot read the next order: {error}"))?;
        let order: Order = serde_json::from_str(&line)
            .map_err(|error| format!("this is no order ({error}): {line}"))?;
        let answer = match order {
            Order::List(run) => shelf.list(&run)?,
            Order::Judge { change, runs, until_it_differs } => {
                shelf.judge(change, &runs, until_it_differs)?
            }
        };
        if !tell(&answer) {
            break;
        }
    }
    Ok(Verdict::Held)
}

/// What was read before.
struct Shelf<'a, S: System> {
    system: &'a S,
    loaded: BTreeMap<String, Loaded<'a, S>>,
}

impl<S: System> Shelf<'_, S> {
    fn list(&mut self, run: &RunName) -> Result<Answer, String> {
        let listing = list_statements();
        mutation::take_asked();
        let held = held(run, &self.attempt(run)?);
        Ok(Answer::Listed { held, texts: listing.take(), switches: mutation::take_asked() })
    }

    fn judge(
        &mut self,
        change: MutantChange,
        runs: &[(RunName, String)],
        until_it_differs: bool,
    ) -> Result<Answer, String> {
        let (pairs, switches) = match change {
            MutantChange::Sql(pairs) => (pairs, None),
            MutantChange::Switch(switch) => (Vec::new(), Some(mutation::set(switch))),
            MutantChange::EverySwitch => (Vec::new(), Some(mutation::set_every())),
        };
        // On what a migration has made, all runs live; runs that do not come to a switch are not run.
        let always = switches.is_some() || pairs.iter().any(|(sql, _)| sql.is_migration);
        let substitution = substitute(pairs);
        let (mut count, mut differed) = (0, 0);
        for (place, (run, fingerprint)) in runs.iter().enumerate() {
            tell(&Answer::Next(place));
            let finding = self.attempt(run)?;
            let has_panicked = matches!(finding, Finding::Died(_));
            if let Some(why) = substitution.refused() {
                return Ok(Answer::Judged { became: Became::Refused { why }, has_panicked });
            }
            match held(run, &finding) {
                Err((by, what)) => {
                    let became = Became::Caught { run: run.clone(), by, what };
                    return Ok(Answer::Judged { became, has_panicked });
                }
                Ok(now) => differed += u64::from(now != *fingerprint),
            }
            count += u64::from(substitution.was_run() || always);
            if until_it_differs && differed > 0 {
                let by = "everything is the same".to_owned();
                let became = Became::Caught { run: run.clone(), by, what: String::new() };
                return Ok(Answer::Judged { became, has_panicked });
            }
        }
        let became = match count {
            0 => Became::NotReached,
            runs => Became::Missed { runs, differed },
        };
        Ok(Answer::Judged { became, has_panicked: false })
    }

    fn attempt(&mut self, run: &RunName) -> Result<Finding, String> {
        let (name, seed) = match run {
            RunName::Scenario(name) => (name.as_str(), None),
            RunName::Storm(seed) => (STORM, Some(*seed)),
        };
        if !self.loaded.contains_key(name) {
            let loaded = Loaded::find(self.system, name, Profile::default())?;
            self.loaded.insert(name.to_owned(), loaded);
        }
        let loaded = &self.loaded[name];
        let seed = seed.unwrap_or_else(|| loaded.subject.own_seed());
        Ok(loaded.attempt(seed, Options::default()))
    }
}

/// The fingerprint of a run that held; else what broke first, and what was seen.
fn held(run: &RunName, finding: &Finding) -> Result<String, (String, String)> {
    let outcome = match finding {
        Finding::Ended(outcome) => outcome,
        Finding::Died(how) => return Err((COMPLETED.to_owned(), cut(how))),
    };
    if let Some(broken) = outcome.broken.first() {
        return Err((broken.invariant.clone(), cut(&broken.what)));
    }
    match (run, outcome.unfired.first()) {
        (RunName::Scenario(_), Some(fault)) => Err((UNFIRED.to_owned(), fault.clone())),
        _ => Ok(outcome.fingerprint.clone()),
    }
}

/// False: the parent has gone, or has heard enough.
fn tell(answer: &Answer) -> bool {
    let mut line = serde_json::to_string(answer).expect("an answer is plain data");
    line.push('\n');
    let mut output = io::stdout().lock();
    output.write_all(line.as_bytes()).and_then(|()| output.flush()).is_ok()
}
