//! What a run came to: the figures, the counters, the story, and what broke.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::moment::Passage;
use crate::service_moment::{ServiceMoment, Strike};
pub use crate::story::{Story, StoryLine};

/// The result of one scenario under one seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// The seed that it ran under.
    pub seed: u64,
    /// Invariants that did not hold; empty: the run held.
    pub broken: Vec<Broken>,
    /// Faults of the scenario that never fired, in words.
    pub unfired: Vec<String>,
    /// Their places among the faults of the scenario's document.
    pub unfired_places: Vec<usize>,
    /// What the system counts of itself.
    pub figures: Figures,
    /// How long the world lived, by its own time.
    pub virtual_seconds: f64,
    /// How many events there were.
    pub events: u64,
    /// How often each kind of fault fired, by its name; zero included.
    pub faults_fired: BTreeMap<String, u64>,
    /// How often each rare event of the system came, by its name; zero included.
    pub sometimes: BTreeMap<String, u64>,
    /// Every moment passed and how often: the map that exploration covers.
    pub moments: BTreeMap<ServiceMoment, u64>,
    /// Every moment with each kind of fault that struck when it was the last one passed, and how
    /// often.
    #[serde(default)]
    pub struck: BTreeMap<Strike, u64>,
    /// Every moment passed, in order, from the storm's beginning to its end; empty unless asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passages: Vec<Passage>,
    /// How many statements each database has run, by their first word, BEGIN and those COMMITs included
    /// that changed something; none where transactions are serial.
    #[serde(default)]
    pub statements: BTreeMap<String, BTreeMap<String, u64>>,
    /// The last hash of the event chain, in hexadecimal.
    pub fingerprint: String,
    /// Empty unless asked for.
    #[serde(default, skip_serializing_if = "Story::is_empty")]
    pub story: Story,
    /// Every event as a JSON line; empty unless asked for.
    pub trace: Vec<String>,
}

/// An invariant that did not hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// Its name.
    pub invariant: String,
    /// What was seen, in a sentence.
    pub what: String,
    /// What it was seen of, by the name that the story has for it: `visit-3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Virtual seconds of the storm.
    pub at: f64,
}

/// What a system counts of itself, by names such as `visits` and `visits_by_status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Figures(pub BTreeMap<String, Figure>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figure {
    /// One number.
    Number(u64),
    /// A number for each name, such as each status.
    Each(BTreeMap<String, u64>),
}

impl Figures {
    /// A number; zero, if it was not counted.
    pub fn number(&self, name: &str) -> u64 {
        match self.0.get(name) {
            Some(Figure::Number(number)) => *number,
            _ => 0,
        }
    }

    /// The number of one name among those of a figure; zero, if it was not counted.
    pub fn each(&self, name: &str, of: &str) -> u64 {
        match self.0.get(name) {
            Some(Figure::Each(numbers)) => numbers.get(of).copied().unwrap_or(0),
            _ => 0,
        }
    }

    /// Figures that have a number for each name, by their own names.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, u64>)> {
        self.0.iter().filter_map(|(name, figure)| match figure {
            Figure::Each(numbers) => Some((name.as_str(), numbers)),
            Figure::Number(_) => None,
        })
    }

    /// Adds what another run counted.
    pub fn add(&mut self, other: Figures) {
        for (name, more) in other.0 {
            match (self.0.get_mut(&name), more) {
                (None, more) => {
                    self.0.insert(name, more);
                }
                (Some(Figure::Number(sum)), Figure::Number(more)) => *sum += more,
                (Some(Figure::Each(sums)), Figure::Each(more)) => {
                    for (name, more) in more {
                        *sums.entry(name).or_default() += more;
                    }
                }
                (Some(_), _) => panic!("{name} is a number in one run and several in another"),
            }
        }
    }
}

impl<const N: usize> From<[(&str, Figure); N]> for Figures {
    fn from(figures: [(&str, Figure); N]) -> Figures {
        Figures(figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_add_up_name_by_name() {
        let run = |paid| {
            let statuses = BTreeMap::from([("PAID".to_owned(), paid)]);
            Figures::from([("orders", Figure::Number(3)), ("by_status", Figure::Each(statuses))])
        };
        let mut sum = Figures::default();
        sum.add(run(1));
        sum.add(run(2));
        assert_eq!((sum.number("orders"), sum.each("by_status", "PAID")), (6, 3));
        assert_eq!((sum.number("by_status"), sum.each("orders", "PAID")), (0, 0));
        let text = serde_json::to_string(&sum).expect("plain data");
        assert_eq!(text, r#"{"by_status":{"PAID":3},"orders":6}"#);
        assert_eq!(serde_json::from_str::<Figures>(&text).expect("well formed"), sum);
    }
}
