//! What a command runs: a scenario file, or `storm`, which is drawn from the seed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::arguments::Variant;
use crate::registries::STORM;
use crate::{About, Document as _, DocumentOf, Options, Profile, Scenario as _, System};
use stormproof_faults::outcome::Outcome;

/// What cannot be measured.
pub const NO_FAIR_WEATHER: &str = "this system has no fair weather to measure";

/// What was asked for, in words.
#[derive(Clone, Debug)]
pub struct Subject {
    system: About,
    /// As it was asked for, so that replay lines work from the same folder.
    asked: String,
    profile: Profile,
    name: String,
    about: String,
    is_storm: bool,
    own_seed: u64,
    /// The bug that is planted in this program.
    bug: Option<String>,
}

/// Something that can be run under any seed.
pub struct Loaded<'a, S: System> {
    pub system: &'a S,
    pub subject: Subject,
    /// `None`: drawn from the seed.
    scenario: Option<S::Scenario>,
}

/// How an attempt to run a seed ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The run came to its end, held or broken.
    Ended(Box<Outcome>),
    /// The run did not come to its end: services, invariants or the simulator panicked, or the
    /// process ended. How, in words.
    Died(String),
}

impl<'a, S: System> Loaded<'a, S> {
    /// Finds and reads what was asked for.
    ///
    /// # Errors
    /// If there is no such scenario or it has a mistake: says where, and what was expected.
    pub fn find(system: &'a S, asked: &str, profile: Profile) -> Result<Loaded<'a, S>, String> {
        let about = system.about();
        if asked == STORM {
            return Ok(Loaded { system, subject: Subject::storm(about, profile), scenario: None });
        }
        if profile != Profile::default() {
            return Err(format!(
                "--profile {} says how `{STORM}` draws its worlds: a scenario file is run as it is \
                 written",
                profile.word()
            ));
        }
        let parse = |file: &str, text: &str| system.parse(file, text);
        let scenario = about.files.load(asked, parse).map_err(|mistake| mistake.to_string())?;
        let subject = Subject {
            system: about,
            asked: asked.to_owned(),
            profile,
            name: scenario.name().to_owned(),
            about: scenario.about().to_owned(),
            is_storm: false,
            own_seed: scenario.seed(),
            bug: None,
        };
        Ok(Loaded { system, subject, scenario: Some(scenario) })
    }

    /// A world in which nothing goes wrong.
    ///
    /// # Errors
    /// If the system has none.
    pub fn fair_weather(system: &'a S, pieces: u64) -> Result<Loaded<'a, S>, String> {
        let fair = system.fair_weather(pieces).ok_or(NO_FAIR_WEATHER)?;
        let subject = Subject::storm(system.about(), Profile::default());
        Ok(Loaded { system, subject, scenario: Some(fair.scenario) })
    }

    /// The same, of a system that may have a bug: this program is one with it.
    ///
    /// # Errors
    /// As `find`.
    pub fn of(system: &'a S, asked: &str, variant: &Variant) -> Result<Loaded<'a, S>, String> {
        let mut loaded = Loaded::find(system, asked, variant.profile)?;
        loaded.subject.bug.clone_from(&variant.bug);
        Ok(loaded)
    }

    /// The scenario as a file would hold it, the seed included.
    pub fn document(&self, seed: u64) -> DocumentOf<S> {
        match &self.scenario {
            Some(scenario) => scenario.document().with_seed(seed),
            None => self.system.draw(seed, self.subject.profile),
        }
    }

    /// Runs one seed.
    ///
    /// # Panics
    /// If the world does, or the system drew a storm that cannot run.
    pub fn simulate(&self, seed: u64, options: Options) -> Outcome {
        match &self.scenario {
            Some(scenario) => self.system.simulate(scenario, seed, options),
            None => {
                let drawn = self.system.check(STORM, self.document(seed));
                let storm = drawn.unwrap_or_else(|mistake| {
                    panic!("the swarm drew a scenario that cannot run: {mistake}")
                });
                self.system.simulate(&storm, seed, options)
            }
        }
    }

    /// Runs one seed and survives if the simulator panics.
    pub fn attempt(&self, seed: u64, options: Options) -> Finding {
        match catch_unwind(AssertUnwindSafe(|| self.simulate(seed, options))) {
            Ok(outcome) => Finding::Ended(Box::new(outcome)),
            Err(cause) => {
                let text = cause.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
                Finding::Died(advised(format!("it panicked: {}", text.unwrap_or("no message"))))
            }
        }
    }
}

impl Subject {
    /// The worlds that are drawn from seeds.
    pub fn storm(system: About, profile: Profile) -> Subject {
        Subject {
            system,
            asked: STORM.to_owned(),
            profile,
            name: STORM.to_owned(),
            about: "A world drawn from the seed.".to_owned(),
            is_storm: true,
            own_seed: 1,
            bug: None,
        }
    }

    /// Of which system it is.
    pub fn system(&self) -> About {
        self.system
    }

    /// The word that commands know it by.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// The scenario's name, without the path to its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its worlds are drawn.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The sentence at the head of a scenario's file.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Whether each seed draws its own world, so that many seeds can be asked to cover everything.
    pub fn is_storm(&self) -> bool {
        self.is_storm
    }

    /// The seed of a run for which none was given.
    pub fn own_seed(&self) -> u64 {
        self.own_seed
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
        let command = self.system.command;
        let mut line = format!("{command} {verb} {} --seed {seed}", quoted(&self.asked));
        if self.profile != Profile::default() {
            line.push_str(&format!(" --profile {}", self.profile.word()));
        }
        if let Some(bug) = &self.bug {
            line.push_str(&format!(" --bug {bug}"));
        }
        line
    }
}

/// What Tokio says of whoever asks it for a timer, a socket or a task where no runtime of its own is.
const NO_RUNTIME: &str = "there is no reactor running";

/// How a run died, with what is to be done where that can be told.
pub fn advised(mut how: String) -> String {
    if how.contains(NO_RUNTIME) {
        how.push_str(
            "; expected the ports (`clock.sleep`, `http`, a `Worker`) in place of Tokio's timers, sockets \
             and tasks: `doctor` finds the line, sim/BRING_YOUR_OWN.md says what replaces what",
        );
    }
    how
}

/// The commit that was run, if git knows.
pub fn commit(system: About) -> Option<String> {
    let output = std::process::Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .current_dir(system.files.workspace())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
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
    use crate::cli::testing::ABOUT;

    #[test]
    fn replay_lines_say_all_that_is_needed() {
        let storm = Subject::storm(ABOUT, Profile::Swarm);
        assert_eq!(storm.replay(48213), "cargo sim run storm --seed 48213");
        assert_eq!(storm.shrink(48213), "cargo sim shrink storm --seed 48213");
        assert_eq!((storm.name(), storm.own_seed(), storm.is_storm()), (STORM, 1, true));
        let uniform = Subject::storm(ABOUT, Profile::Uniform);
        assert_eq!(uniform.replay(2), "cargo sim run storm --seed 2 --profile uniform");
        let spoilt = Subject { bug: Some("canary".to_owned()), ..storm };
        assert_eq!(spoilt.replay(3), "cargo sim run storm --seed 3 --bug canary");
    }

    #[test]
    fn who_takes_tokios_timers_is_told_of_the_ports() {
        let how =
            format!("it panicked: {NO_RUNTIME}, must be called from the context of a Tokio 1.x");
        assert!(advised(how).contains("expected the ports"));
        assert_eq!(advised("it panicked: overflow".to_owned()), "it panicked: overflow");
    }

    #[test]
    fn odd_paths_are_quoted() {
        assert_eq!(quoted("scenarios/a-b_1.toml"), "scenarios/a-b_1.toml");
        assert_eq!(quoted("it's here.toml"), r"'it'\''s here.toml'");
    }
}
