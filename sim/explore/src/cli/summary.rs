//! What runs came to, told twice: as the JSON object of `--json`, and as text for people.

use std::collections::BTreeMap;

use crate::registries::{Registries, counted};
use serde::Serialize;
use stormproof_faults::outcome::Figures;
use stormproof_faults::service_moment::{ServiceMoment, Strike};

use super::Verdict;
use super::gaps::Gap;
use super::subject::Subject;
use super::tally::{Group, Passes, Tally};
use super::terminal::{count, grouped, rate, table};

/// Runs that are over, and what they were runs of.
pub struct Summary<'a> {
    pub subject: &'a Subject,
    pub registries: &'a Registries,
    /// The seed of a single run; the first of many.
    pub from: u64,
    pub tally: &'a Tally,
    pub gaps: &'a [Gap],
    pub commit: Option<&'a str>,
    pub wall_seconds: f64,
}

/// The object of `--json`.
#[derive(Serialize)]
pub struct Json<'a> {
    scenario: &'a str,
    /// Of a single run.
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    commit: Option<&'a str>,
    seeds: u64,
    broken: Vec<JsonBroken<'a>>,
    gaps: &'a [Gap],
    unfired: &'a BTreeMap<String, u64>,
    #[serde(flatten)]
    figures: &'a Figures,
    virtual_seconds: f64,
    wall_seconds: f64,
    events: u64,
    faults_fired: &'a BTreeMap<String, u64>,
    sometimes: &'a BTreeMap<String, u64>,
    moments: &'a BTreeMap<ServiceMoment, Passes>,
    struck: &'a BTreeMap<Strike, u64>,
    fingerprint: String,
    /// Of a single run.
    #[serde(skip_serializing_if = "Option::is_none")]
    story: Option<&'a [String]>,
}

#[derive(Serialize)]
struct JsonBroken<'a> {
    seed: u64,
    invariant: &'a str,
    what: &'a str,
    replay: String,
    shrink: String,
}

impl Summary<'_> {
    /// Held, if nothing broke and nothing is missing.
    pub fn verdict(&self) -> Verdict {
        match self.tally.broken.is_empty() && self.gaps.is_empty() {
            true => Verdict::Held,
            false => Verdict::Broken,
        }
    }

    /// The object of `--json`; a single run has a story.
    pub fn json<'s>(&'s self, story: Option<&'s [String]>) -> Json<'s> {
        let tally = self.tally;
        let broken = tally.broken.iter().map(|broken| JsonBroken {
            seed: broken.seed,
            invariant: &broken.invariant,
            what: &broken.what,
            replay: self.subject.replay(broken.seed),
            shrink: self.subject.shrink(broken.seed),
        });
        Json {
            scenario: self.subject.name(),
            seed: story.map(|_| self.from),
            commit: self.commit,
            seeds: tally.seeds,
            broken: broken.collect(),
            gaps: self.gaps,
            unfired: &tally.unfired,
            figures: &tally.figures,
            virtual_seconds: tally.virtual_seconds,
            wall_seconds: self.wall_seconds,
            events: tally.events,
            faults_fired: &tally.faults_fired,
            sometimes: &tally.sometimes,
            moments: &tally.moments,
            struck: &tally.struck,
            fingerprint: tally.fingerprint(),
            story,
        }
    }

    /// What broke, a block for each invariant: nothing more is needed to see it again.
    pub fn failures(&self) -> String {
        let blocks = self.tally.groups().into_iter().map(|group| self.failure(&group));
        blocks.collect::<Vec<_>>().join("\n")
    }

    fn failure(&self, group: &Group) -> String {
        let mut block = format!("BROKEN  {}", group.invariant);
        if self.tally.seeds > 1 {
            let (seeds, all) = (grouped(group.seeds), count(self.tally.seeds, "seed"));
            block.push_str(&format!(" · {seeds} of {all}"));
        }
        let seen = group.what.iter().flat_map(|what| what.lines());
        for line in seen.map(str::to_owned).chain([self.place(group.first)]) {
            block.push_str(&format!("\n        {line}"));
        }
        let (subject, first) = (self.subject, group.first);
        format!("{block}\nreplay  {}\nshrink  {}\n", subject.replay(first), subject.shrink(first))
    }

    /// `storm · seed 48213 · commit 3fce3b5`.
    pub fn place(&self, seed: u64) -> String {
        let commit = self.commit.map(|commit| format!(" · commit {commit}")).unwrap_or_default();
        format!("{} · seed {seed}{commit}", self.subject.name())
    }

    /// Everything about many seeds.
    pub fn text(&self) -> String {
        let mut parts = vec![self.heading()];
        parts.extend(Some(self.failures()).filter(|failures| !failures.is_empty()));
        if !self.gaps.is_empty() {
            let gaps = self.gaps.iter().map(|gap| format!("GAP     {}: {}\n", gap.gap, gap.name));
            parts.push(gaps.collect());
        }
        let rows = |rows: Vec<(String, u64)>| -> Vec<[String; 2]> {
            rows.into_iter().map(|(name, count)| [name, grouped(count)]).collect()
        };
        let tally = self.tally;
        let fired = counted(&self.registries.faults, &tally.faults_fired);
        let seen = counted(&self.registries.sometimes, &tally.sometimes);
        let always = [("faults fired".to_owned(), fired), ("sometimes".to_owned(), seen)];
        let figures = tally
            .figures
            .tables()
            .map(|(name, numbers)| (name.replace('_', " "), numbers.clone().into_iter().collect()));
        for (heading, counts) in always.into_iter().chain(figures) {
            parts.push(table(&heading, &rows(counts)));
        }
        parts.push(self.totals());
        parts.join("\n")
    }

    fn heading(&self) -> String {
        let commit = self.commit.map(|commit| format!(" · commit {commit}")).unwrap_or_default();
        let profile = match self.subject.is_storm() {
            true => format!(" · {}", self.subject.profile().word()),
            false => String::new(),
        };
        let seeds = count(self.tally.seeds, "seed");
        format!("{}{profile} · {seeds} from {}{commit}\n", self.subject.name(), self.from)
    }

    fn totals(&self) -> String {
        let (tally, wall) = (self.tally, self.wall_seconds);
        let system = self.subject.system();
        let units = system.units();
        let done = tally.figures.number(&units);
        let verdict = match (tally.broken.is_empty(), self.gaps.is_empty()) {
            (true, true) => "held",
            (true, false) => "gaps",
            (false, _) => "broken",
        };
        format!(
            "{verdict} · {} · {} · {} virtual s in {wall:.1} s\n{} seeds/s · {} {units}/s · {} \
             virtual s per s · fingerprint {}\n",
            count(tally.seeds, "seed"),
            count(done, system.unit),
            grouped(tally.virtual_seconds.round() as u64),
            rate(tally.seeds as f64, wall),
            rate(done as f64, wall),
            rate(tally.virtual_seconds, wall),
            tally.fingerprint(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;
    use crate::cli::subject::Finding;
    use crate::cli::testing::{ABOUT, broken, outcome, registries};
    use stormproof_faults::outcome::Outcome;

    fn with<T>(outcomes: Vec<Outcome>, gaps: &[Gap], look: impl FnOnce(&Summary<'_>) -> T) -> T {
        let subject = Subject::storm(ABOUT, Profile::Swarm);
        let mut tally = Tally::new(outcomes[0].seed);
        for outcome in outcomes {
            tally.add(outcome.seed, Finding::Ended(Box::new(outcome)));
        }
        look(&Summary {
            subject: &subject,
            registries: &registries(),
            from: 1,
            tally: &tally,
            gaps,
            commit: Some("3fce3b5"),
            wall_seconds: 0.5,
        })
    }

    #[test]
    fn a_broken_run_prints_all_that_is_needed_to_see_it_again() {
        let text =
            with(vec![broken(48213, "one charge, one payback")], &[], |summary| summary.failures());
        let expected = "BROKEN  one charge, one payback\n        \
                        visit-1 charged <twice> under 48213\n        \
                        storm · seed 48213 · commit 3fce3b5\n\
                        replay  cargo sim run storm --seed 48213\n\
                        shrink  cargo sim shrink storm --seed 48213\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn many_seeds_are_told_in_groups() {
        let outcomes = vec![outcome(1), broken(2, "no oversell"), broken(3, "no oversell")];
        let text = with(outcomes, &[], |summary| summary.text());
        assert!(text.starts_with("storm · swarm · 3 seeds from 1 · commit 3fce3b5\n"), "{text}");
        assert!(text.contains("BROKEN  no oversell · 2 of 3 seeds\n"), "{text}");
        assert_eq!(text.matches("\nreplay  cargo sim ").count(), 1, "{text}");
        assert!(text.contains("\norders by status\n  DELIVERED  6\n  FAILED     3\n"), "{text}");
    }

    #[test]
    fn a_gap_is_told_apart_and_is_no_success() {
        let gap = Gap { gap: "never seen", name: "void lost".to_owned() };
        assert_eq!(with(vec![outcome(1)], &[], |summary| summary.verdict()), Verdict::Held);
        assert_eq!(
            with(vec![broken(1, "private")], &[], |summary| summary.verdict()),
            Verdict::Broken
        );
        with(vec![outcome(1)], &[gap], |summary| {
            assert_eq!(summary.verdict(), Verdict::Broken);
            let text = summary.text();
            assert!(text.contains("\nGAP     never seen: void lost\n"), "{text}");
            assert!(!text.contains("BROKEN"), "{text}");
        });
    }

    #[test]
    fn json_has_every_promised_field() {
        let json = with(vec![broken(7, "private")], &[], |summary| {
            serde_json::to_value(summary.json(Some(&[]))).expect("plain data")
        });
        for field in [
            "seeds",
            "broken",
            "orders",
            "orders_by_status",
            "virtual_seconds",
            "wall_seconds",
            "events",
            "faults_fired",
            "sometimes",
            "fingerprint",
            "story",
            "scenario",
            "seed",
        ] {
            assert!(json.get(field).is_some(), "{field} is missing");
        }
        assert_eq!(json["broken"][0]["replay"], "cargo sim run storm --seed 7");
        assert_eq!(json["broken"][0]["invariant"], "private");
        assert_eq!(json["fingerprint"], outcome(7).fingerprint);
    }
}
