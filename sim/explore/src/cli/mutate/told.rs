//! The score as text for people.

use super::ledger::MutantRow;
use super::score::{Counts, Score, kind, place};
use super::verdict::Became;
use crate::cli::terminal;

/// What columns of counts are called.
pub const HEAD: [&str; 8] = [
    "mutants",
    "by scenarios",
    "by storms",
    "refused",
    "argued",
    "missed",
    "of them unseen",
    "not reached",
];

/// Tables by kind and by table, who was missed, what is wrong, and the sums.
pub fn text(score: &Score) -> String {
    let rows = &score.rows;
    let mut parts = vec![
        terminal::table("mutants, by kind", &counted("kind", score.by(rows, kind))),
        terminal::table("mutants, by place", &counted("place", score.by(rows, place))),
    ];
    let missed =
        |row: &&MutantRow| row.verdict.is_missed() && score.argued.reason(&row.mutant).is_none();
    let missed: Vec<String> = rows.iter().filter(missed).map(line).collect();
    if !missed.is_empty() {
        parts.push(missed.join("\n") + "\n");
    }
    let mut wrong = String::new();
    for unread in &score.unread {
        let text = unread.text.split_whitespace().collect::<Vec<_>>().join(" ");
        wrong.push_str(&format!("UNREAD  {text}\n        {}\n", unread.why));
    }
    for complaint in score.complaints() {
        wrong.push_str(&format!("BROKEN  {complaint}\n"));
    }
    if !wrong.is_empty() {
        parts.push(wrong);
    }
    parts.push(sums(score));
    parts.join("\n")
}

/// One that nobody noticed.
fn line(row: &MutantRow) -> String {
    let Became::Missed { runs, differed } = row.verdict else { return String::new() };
    let mutant = &row.mutant;
    format!(
        "MISSED  {} {}: {}\n        {}\n        {} · {differed} of {} went another way",
        mutant.id,
        mutant.kind.word(),
        mutant.what,
        mutant.statement,
        place(row),
        terminal::count(runs, "run"),
    )
}

fn sums(score: &Score) -> String {
    let counts = score.counts(&score.rows);
    let (noticed, could) = (
        counts.by_scenarios + counts.by_storms,
        counts.mutants - counts.refused - counts.argued - counts.not_reached,
    );
    let number = |count: usize, noun| terminal::count(count as u64, noun);
    let mut text = format!(
        "{} of {} in {}, {noticed} of {could} noticed · {} and at most {} · {} not read\n",
        terminal::grouped(counts.mutants as u64),
        number(score.mutants, "mutant"),
        number(score.sources, score.target.source()),
        number(score.scenarios, "scenario"),
        terminal::count(score.seeds, "storm"),
        number(score.unread.len(), "statement"),
    );
    if let Became::Caught { run, by, .. } = &score.canary {
        text.push_str(&format!("control: all runs hold · canary: {by} in {run}\n"));
    }
    text
}

/// A table's rows, the sum last.
pub fn counted(name: &str, groups: std::collections::BTreeMap<String, Counts>) -> Vec<Vec<String>> {
    let head = std::iter::once(name).chain(HEAD).map(str::to_owned).collect();
    let row = |(name, counts): (&str, Counts)| {
        std::iter::once(name.to_owned()).chain(cells(counts)).collect()
    };
    let mut all = Counts::default();
    let mut rows = vec![head];
    for (name, counts) in &groups {
        all = sum(all, *counts);
        rows.push(row((name, *counts)));
    }
    rows.push(row(("all", all)));
    rows
}

fn cells(counts: Counts) -> [String; 8] {
    let Counts { mutants, by_scenarios, by_storms, refused, argued, missed, unseen, not_reached } =
        counts;
    [mutants, by_scenarios, by_storms, refused, argued, missed, unseen, not_reached]
        .map(|count| count.to_string())
}

fn sum(a: Counts, b: Counts) -> Counts {
    Counts {
        mutants: a.mutants + b.mutants,
        by_scenarios: a.by_scenarios + b.by_scenarios,
        by_storms: a.by_storms + b.by_storms,
        refused: a.refused + b.refused,
        argued: a.argued + b.argued,
        missed: a.missed + b.missed,
        unseen: a.unseen + b.unseen,
        not_reached: a.not_reached + b.not_reached,
    }
}
