//! The score as a page that is kept: tables by kind and by table, and every mutant that nobody noticed.

use std::fmt::Write as _;

use super::ledger::MutantRow;
use super::score::{Score, kind, place};
use super::told::counted;
use super::verdict::Became;
use crate::cli::arguments::MutateTarget;

/// The page, of all rows that are recorded.
pub fn page(score: &Score, rows: &[MutantRow]) -> String {
    let Score { target, command, sources, mutants, scenarios, .. } = score;
    let (record, argued) = (target.record(), target.argued());
    let (of, what, who, refused) = match target {
        MutateTarget::Sql => {
            ("the SQL", "statement or migration", "say the statement", "SQLite cannot compile it")
        }
        MutateTarget::Code => ("the code", "function", "come to the place", "it does not compile"),
    };
    let (word, source) = (target.word(), target.source());
    let mut page = format!(
        "# Mutants of {of}\n\nWritten by `{command} mutate {word} --record`. One thing is changed in one {what} at \
         a time; who notices? {mutants} mutants of {sources} {source}s, each in those of {scenarios} scenarios and of \
         its storms that {who}. The rows are in [{record}]({record}), what is argued in [{argued}]({argued}).\n\n\
         *Refused*: {refused}. *Argued*: missed, and the reason why it is no mistake is given. \
         *Unseen*: missed, and no run went another way, so that nobody could have noticed. *Not reached*: no run \
         comes there.\n\n"
    );
    for (name, groups) in [
        ("kind", score.by(rows, kind)),
        ("place", score.by(rows, place)),
        ("seeds", seeds(score, rows)),
    ] {
        let _ = writeln!(page, "## By {name}\n\n{}", table_of(&counted(name, groups)));
    }
    page.push_str("## Missed\n\n");
    let mut statement = "";
    for row in rows.iter().filter(|row| row.verdict.is_missed()) {
        if score.argued.reason(&row.mutant).is_some() {
            continue;
        }
        if statement != row.mutant.statement {
            statement = &row.mutant.statement;
            let _ = match target {
                MutateTarget::Sql => {
                    writeln!(page, "\n{}:\n\n```sql\n{statement}\n```\n", place(row))
                }
                MutateTarget::Code => writeln!(page, "\n{}, `{statement}`:\n", place(row)),
            };
        }
        let Became::Missed { runs, differed } = row.verdict else { continue };
        let (id, what) = (&row.mutant.id, &row.mutant.what);
        let _ = writeln!(page, "- {} {id}: {what} ({differed} of {runs} runs differ)", kind(row));
    }
    page.push_str("\n## Argued\n\n");
    for pattern in &score.argued.patterns {
        let argued = rows.iter().filter(|row| row.verdict.is_missed() && pattern.fits(&row.mutant));
        let _ = writeln!(page, "- {} mutants: {}", argued.count(), pattern.because);
    }
    page
}

fn seeds(
    score: &Score,
    rows: &[MutantRow],
) -> std::collections::BTreeMap<String, super::score::Counts> {
    score.by(rows, |row| format!("{:>5}", row.seeds))
}

fn table_of(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (place, row) in rows.iter().enumerate() {
        let _ = writeln!(text, "| {} |", row.join(" | "));
        if place == 0 {
            let _ = writeln!(text, "|{}", "---|".repeat(row.len()));
        }
    }
    text
}
