//! What a sweep came to: the object of `--json`, and the text.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use super::coverage::{ByStorms, Coverage};
use super::{Count, FOLDER, Figures};
use crate::cli::subject::{Subject, quoted};
use crate::cli::terminal::{self, count, rate, table};

/// What a sweep came to: the object of `--json`, and the text.
#[derive(Serialize)]
pub struct Report {
    pub scenario: String,
    pub seed: u64,
    /// Passed by the run without a fault of ours.
    pub moments: usize,
    pub faults: u8,
    #[serde(flatten)]
    pub figures: Figures,
    pub broken: Vec<Broken>,
    pub coverage: Coverage,
    pub by_storms: ByStorms,
    pub wall_seconds: f64,
}

/// An invariant that broke, with the first scenario that breaks it.
#[derive(Serialize)]
pub struct Broken {
    invariant: String,
    what: String,
    faults: Vec<String>,
    runs: u64,
    seed: u64,
    replay: String,
    shrink: String,
}

/// What broke, by invariant; the first scenario of each is written to a file.
pub fn broken(subject: &Subject, counted: &Count) -> Result<Vec<Broken>, String> {
    let mut all: Vec<Broken> = Vec::new();
    for failure in &counted.failures {
        if let Some(known) = all.iter_mut().find(|known| known.invariant == failure.invariant) {
            known.runs += 1;
            continue;
        }
        let workspace = subject.system().files.workspace();
        let folder = workspace.join(FOLDER);
        let file = folder.join(format!("{}_{}.toml", subject.name(), all.len() + 1));
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&file, &failure.toml))
            .map_err(|error| format!("cannot write to {}: {error}", file.display()))?;
        let short: PathBuf = file.strip_prefix(&workspace).unwrap_or(&file).into();
        let command = |verb: &str| {
            let command = subject.system().command;
            format!("{command} {verb} {}", quoted(&short.display().to_string()))
        };
        all.push(Broken {
            invariant: failure.invariant.clone(),
            what: failure.what.clone(),
            faults: failure.faults.clone(),
            runs: 1,
            seed: subject.own_seed(),
            replay: command("run"),
            shrink: command("shrink"),
        });
    }
    Ok(all)
}

impl Report {
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} · seed {}: {}\n\n",
            self.scenario,
            self.seed,
            count(self.moments as u64, "moment")
        );
        text += &table("one fault", &self.coverage.rows(&self.by_storms));
        let gaps = self.coverage.gaps();
        text += &format!("covered {} of {} places\n", self.coverage.covered(), self.coverage.all());
        if self.by_storms.storms() > 0 {
            let (reached, all) = self.by_storms.reached();
            text += &format!(
                "{} struck at {reached} of {all} moments with a kind of fault\n",
                count(self.by_storms.storms(), "storm")
            );
        }
        for gap in &gaps {
            text += &format!("  GAP  {gap}\n");
        }
        for broken in &self.broken {
            text += &format!(
                "\nBROKEN  {}\n        {}\n        {}\n        with {}\nreplay  {}\nshrink  {}\n",
                broken.invariant,
                broken.what,
                count(broken.runs, "run"),
                broken.faults.join(" and "),
                broken.replay,
                broken.shrink,
            );
        }
        let verdict = match (self.broken.is_empty(), gaps.is_empty()) {
            (true, true) => "held",
            (true, false) => "gaps",
            (false, _) => "broken",
        };
        let Figures { runs, same, unfired, .. } = self.figures;
        text += &format!(
            "\n{verdict} · {} · {} runs saved: the same faults · {} with a fault that did not fire\n\
             {:.1} s · {} runs/s\n",
            count(runs, "run"),
            terminal::grouped(same),
            terminal::grouped(unfired),
            self.wall_seconds,
            rate(runs as f64, self.wall_seconds)
        );
        text
    }
}
