//! What a rehearsal came to, in words and as JSON.

use serde_json::{Value, json};
use stormproof_faults::outcome::Outcome;

/// Everything that is told at the end.
pub struct Report {
    pub outcome: Outcome,
    /// `at rest at 41.2 · 1 DELIVERED · …`
    pub last_line: String,
    pub pace: u32,
    /// Faults that are not supported, each with the reason.
    pub skipped: Vec<String>,
    /// Faults that the scenario asks for, and those of them that are supported.
    pub faults: usize,
    pub supported: usize,
    pub real_seconds: f64,
}

/// Why expectations were not judged.
const NOT_JUDGED: &str =
    "[expect] was not judged: it is of what happens under all faults of the scenario";

impl Report {
    /// Whether every invariant held, and every supported fault fired.
    pub fn held(&self) -> bool {
        self.outcome.broken.is_empty() && self.outcome.unfired.is_empty()
    }

    /// What follows the story.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.last_line);
        for fault in &self.skipped {
            text += &format!("skipped  {fault}\n");
        }
        if !self.skipped.is_empty() {
            text += &format!("         {NOT_JUDGED}\n");
        }
        if self.faults > 0 && self.supported == 0 {
            text += "         nothing is left of its faults: this was the scenario without them\n";
        }
        for fault in &self.outcome.unfired {
            text += &format!("UNFIRED  {fault}\n");
        }
        let name = &self.outcome.scenario;
        for broken in &self.outcome.broken {
            text += &format!("\nBROKEN  {}\n        {}\n", broken.invariant, broken.what);
        }
        if !self.held() {
            text += &format!("again   stormproof rehearse {name} --pace {}\n", self.pace);
            text += &format!("seeded  cargo sim run {name}\n");
        }
        let verdict = if self.held() { "held" } else { "did not hold" };
        text + &format!("{verdict} after {:.1} s", self.real_seconds)
    }

    pub fn json(&self) -> String {
        let Outcome { scenario, broken, unfired, figures, .. } = &self.outcome;
        let Outcome { faults_fired, sometimes, story, virtual_seconds, .. } = &self.outcome;
        let happened: serde_json::Map<String, Value> = sometimes
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(name, count)| (name.clone(), (*count).into()))
            .collect();
        let mut report = json!({
            "scenario": scenario,
            "held": self.held(),
            "broken": broken,
            "unfired": unfired,
            "skipped": self.skipped,
            "expect_judged": self.skipped.is_empty(),
            "faults_fired": faults_fired,
            "sometimes": happened,
            "pace": self.pace,
            "scenario_seconds": virtual_seconds,
            "wall_seconds": self.real_seconds,
            "last_line": self.last_line,
            "story": story.told(),
        });
        for (name, figure) in &figures.0 {
            report[name] = json!(figure);
        }
        format!("{report:#}")
    }
}
