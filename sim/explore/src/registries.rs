//! What there is: scenarios, faults, invariants, moments, sometimes-counters and planted bugs, each
//! with what it says.

use clap::ValueEnum;

pub use super::entries::{Entry, Registries, counted};
use super::system::System;
use stormproof_faults::document::Scenario as _;
use stormproof_faults::moment::{Act, Moment, Side};
use stormproof_faults::topology::InjectionPoint;

/// The scenario that is drawn from the seed instead of read from a file.
pub const STORM: &str = "storm";

/// A registry, by its word on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Registry {
    /// Scenario files.
    Scenarios,
    /// Kinds of fault.
    Faults,
    /// What must hold.
    Invariants,
    /// Where in a node's work faults can be aimed.
    Moments,
    /// What must happen sometimes over many seeds.
    Sometimes,
    /// Mistakes that can be planted.
    Bugs,
}

impl Registry {
    /// In the order in which they are shown.
    pub const ALL: [Registry; 6] = [
        Registry::Scenarios,
        Registry::Faults,
        Registry::Invariants,
        Registry::Moments,
        Registry::Sometimes,
        Registry::Bugs,
    ];

    /// The word on the command line and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Registry::Scenarios => "scenarios",
            Registry::Faults => "faults",
            Registry::Invariants => "invariants",
            Registry::Moments => "moments",
            Registry::Sometimes => "sometimes",
            Registry::Bugs => "bugs",
        }
    }

    /// Everything in it.
    pub fn entries(self, system: &impl System) -> Vec<Entry> {
        match self {
            Registry::Scenarios => scenarios(system),
            Registry::Faults => system.faults(),
            Registry::Invariants => system.invariants(),
            Registry::Moments => moments(system),
            Registry::Sometimes => system.sometimes(),
            Registry::Bugs => planted_bugs(system),
        }
    }
}

/// The registries of `system`.
pub fn of(system: &impl System) -> Registries {
    Registries {
        faults: system.faults(),
        invariants: system.invariants(),
        moments: moments(system),
        sometimes: system.sometimes(),
    }
}

/// The files that can be read, with their first lines; a mistake stands where the line would.
fn scenarios<S: System>(system: &S) -> Vec<Entry> {
    let files = system.about().files;
    let read = files.all().into_iter().map(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let parse = |file: &str, text: &str| system.parse(file, text);
        let says = match files.load(&path.to_string_lossy(), parse) {
            Ok(scenario) => scenario.about().to_owned(),
            Err(mistake) => format!("cannot be run: {mistake}"),
        };
        Entry::new(name, says)
    });
    let storm = Entry::new(STORM, "Built in: a world drawn from the seed.");
    std::iter::once(storm).chain(read).collect()
}

/// The patches that can be read; a mistake stands where the sentence would.
fn planted_bugs(system: &impl System) -> Vec<Entry> {
    let Some(patches) = system.patches() else { return Vec::new() };
    match patches.all(&of(system)) {
        Ok(bugs) => bugs.into_iter().map(|bug| Entry::new(bug.name, bug.header.about)).collect(),
        Err(mistake) => {
            let says = format!("cannot be planted: {mistake}");
            vec![Entry::new(mistake.file, says)]
        }
    }
}

fn moments(system: &impl System) -> Vec<Entry> {
    system.topology().points.iter().flat_map(passed).collect()
}

/// Both sides of every act, named as outcomes count them.
fn passed(point: &InjectionPoint) -> impl Iterator<Item = Entry> {
    point.names.iter().flat_map(|name| {
        [Side::Before, Side::After].map(|side| {
            let moment = Moment::new(side, point.act, name);
            Entry::new(format!("{}: {moment}", point.service), what_is_known(side, point.act))
        })
    })
}

/// What has happened at a moment, and who knows of it.
fn what_is_known(side: Side, act: Act) -> &'static str {
    match (side, act) {
        (Side::Before, Act::Call) => "the request has not left",
        (Side::After, Act::Call) => "the other service has answered, the caller has not read it",
        (Side::Before, Act::Commit) => "nothing is durable yet",
        (Side::After, Act::Commit) => "the commit is durable, its author does not know",
        (Side::Before, Act::Publish) => "the broker does not have the message",
        (Side::After, Act::Publish) => "the broker has the message, its confirm is on the way",
        (Side::Before, Act::Ack) => "the effect has committed, the broker does not know",
        (Side::After, Act::Ack) => "the broker has forgotten the message",
        (Side::Before, Act::Mail) => "the mail server has nothing yet",
        (Side::After, Act::Mail) => "the mail server has taken the mail, its sender does not know",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown_even_if_nobody_registered_it() {
        let registry = [Entry::new("cut", "nothing passes"), Entry::new("crash", "no goodbye")];
        let counts = [("cut".to_owned(), 3), ("meteor".to_owned(), 1)].into();
        let rows = counted(&registry, &counts);
        let expected = [("cut", 3), ("crash", 0), ("meteor", 1)];
        assert_eq!(rows, expected.map(|(name, count)| (name.to_owned(), count)));
    }
}
