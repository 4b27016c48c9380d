//! The score as a page that is kept: tables by kind and by table, and every mutant that nobody noticed.

use std::fmt::Write as _;

use super::ledger::{ARGUED, MutantRow, RECORD};
use super::score::{Score, kind, table};
use super::told::counted;
use super::verdict::Became;

/// The page, of all rows that are recorded.
pub fn page(score: &Score, rows: &[MutantRow]) -> String {
    let Score { command, statements, mutants, scenarios, .. } = score;
    let mut page = format!(
        "# Mutants of the SQL\n\nWritten by `{command} mutate sql --record`. One thing is changed in one statement \
         or migration at a time; who notices? {mutants} mutants of {statements} statements, each in those of \
         {scenarios} scenarios and of its storms that say the statement. The rows are in [{RECORD}]({RECORD}), what \
         is argued in [{ARGUED}]({ARGUED}).\n\n\
         *Refused*: SQLite cannot compile it. *Argued*: missed, and the reason why it is no mistake is given. \
         *Unseen*: missed, and no run went another way, so that nobody could have noticed.\n\n"
    );
    for (name, groups) in [
        ("kind", score.by(rows, kind)),
        ("table", score.by(rows, table)),
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
            let _ = writeln!(page, "\n{}:\n\n```sql\n{statement}\n```\n", table(row));
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
