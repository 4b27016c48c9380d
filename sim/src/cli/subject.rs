//! What a command runs: a scenario file, or `storm`, which the swarm draws from the seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use stormproof_sim::outcome::Outcome;
use stormproof_sim::shop::scenario::{Document, Scenario, files};
use stormproof_sim::shop::{Options, simulate, swarm};

use super::arguments::{Profile, STORM, Variant};

/// Something that can be run under any seed.
#[derive(Clone, Debug)]
pub struct Subject {
    /// As it was asked for, so that replay lines work from the same folder.
    asked: String,
    profile: Profile,
    /// `None`: drawn from the seed.
    scenario: Option<Scenario>,
    /// The bug that is planted in this program.
    bug: Option<String>,
}

/// How an attempt to run a seed ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The run came to its end, held or broken.
    Ended(Box<Outcome>),
    /// The simulator itself failed: how, in words.
    Died(String),
}

impl Subject {
    /// Finds and reads what was asked for.
    ///
    /// # Errors
    /// If there is no such scenario or it has a mistake: says where, and what was expected.
    pub fn find(asked: &str, profile: Profile) -> Result<Subject, String> {
        let scenario = match asked {
            STORM => None,
            _ if profile != Profile::default() => {
                return Err(format!(
                    "--profile {} says how `{STORM}` draws its worlds: a scenario file is run as \
                     it is written",
                    profile.word()
                ));
            }
            name => Some(files::load(name).map_err(|mistake| mistake.to_string())?),
        };
        Ok(Subject { asked: asked.to_owned(), profile, scenario, bug: None })
    }

    /// The same, of a shop that may have a bug: this program is one with it.
    ///
    /// # Errors
    /// As `find`.
    pub fn of(asked: &str, variant: &Variant) -> Result<Subject, String> {
        Ok(Subject { bug: variant.bug.clone(), ..Subject::find(asked, variant.profile)? })
    }

    /// The word that commands know it by.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// The scenario's name, without the path to its file.
    pub fn name(&self) -> &str {
        self.scenario.as_ref().map_or(STORM, |scenario| &scenario.name)
    }

    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The sentence at the head of a scenario's file.
    pub fn about(&self) -> &str {
        self.scenario.as_ref().map_or("A world drawn from the seed.", |scenario| &scenario.about)
    }

    /// Whether each seed draws its own world, so that many seeds can be asked to cover everything.
    pub fn is_storm(&self) -> bool {
        self.scenario.is_none()
    }

    /// The seed of a run for which none was given.
    pub fn own_seed(&self) -> u64 {
        self.scenario.as_ref().map_or(1, |scenario| scenario.seed)
    }

    /// The scenario as a file would hold it, the seed included.
    pub fn document(&self, seed: u64) -> Document {
        match &self.scenario {
            Some(scenario) => Document { seed, ..scenario.document.clone() },
            None => swarm::document(seed, self.profile.into()),
        }
    }

    /// Runs one seed.
    pub fn simulate(&self, seed: u64, options: Options) -> Outcome {
        match &self.scenario {
            Some(scenario) => simulate(scenario, seed, options),
            None => simulate(&swarm::draw(seed, self.profile.into()), seed, options),
        }
    }

    /// Runs one seed and survives if the simulator panics.
    pub fn attempt(&self, seed: u64, options: Options) -> Finding {
        match catch_unwind(AssertUnwindSafe(|| self.simulate(seed, options))) {
            Ok(outcome) => Finding::Ended(Box::new(outcome)),
            Err(cause) => {
                let text = cause.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
                Finding::Died(format!("the simulator panicked: {}", text.unwrap_or("no message")))
            }
        }
    }

    /// The command that runs this seed again.
    pub fn replay(&self, seed: u64) -> String {
        self.command("run", seed)
    }

    /// The command that looks for the smallest scenario that breaks as this seed does.
    pub fn shrink(&self, seed: u64) -> String {
        self.command("shrink", seed)
    }

    /// The command that asks what a broken seed depends on.
    pub fn explain(&self, seed: u64) -> String {
        self.command("explain", seed)
    }

    fn command(&self, verb: &str, seed: u64) -> String {
        let mut line = format!("cargo sim {verb} {} --seed {seed}", quoted(&self.asked));
        if self.profile != Profile::default() {
            line.push_str(&format!(" --profile {}", self.profile.word()));
        }
        if let Some(bug) = &self.bug {
            line.push_str(&format!(" --bug {bug}"));
        }
        line
    }
}

/// The commit that was run, if git knows.
pub fn commit() -> Option<String> {
    let output = std::process::Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .current_dir(workspace())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// The folder above `scenarios/`, or the current one.
pub fn workspace() -> PathBuf {
    files::folder().and_then(|folder| Some(folder.parent()?.to_owned())).unwrap_or_default()
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "_-./".contains(character);
    match word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replay_lines_say_all_that_is_needed() {
        let storm = Subject::find(STORM, Profile::Swarm).expect("built in");
        assert_eq!(storm.replay(48213), "cargo sim run storm --seed 48213");
        assert_eq!(storm.shrink(48213), "cargo sim shrink storm --seed 48213");
        assert_eq!((storm.name(), storm.own_seed(), storm.is_storm()), (STORM, 1, true));
        let uniform = Subject::find(STORM, Profile::Uniform).expect("built in");
        assert_eq!(uniform.replay(2), "cargo sim run storm --seed 2 --profile uniform");
        let canary = Variant { bug: Some("canary".to_owned()), ..Variant::default() };
        let spoilt = Subject::of(STORM, &canary).expect("built in");
        assert_eq!(spoilt.replay(3), "cargo sim run storm --seed 3 --bug canary");
    }

    #[test]
    fn what_cannot_be_run_is_refused_in_words() {
        let mistake = Subject::find("no_such_scenario", Profile::Swarm).expect_err("refused");
        assert!(mistake.contains("no_such_scenario"), "{mistake}");
        let mistake = Subject::find("no_such_scenario", Profile::Uniform).expect_err("refused");
        assert!(mistake.contains("--profile uniform"), "{mistake}");
    }

    #[test]
    fn odd_paths_are_quoted() {
        assert_eq!(quoted("scenarios/a-b_1.toml"), "scenarios/a-b_1.toml");
        assert_eq!(quoted("it's here.toml"), r"'it'\''s here.toml'");
    }
}
