//! What is compared: two or three transactions on a small table, and whose turn it is.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;

/// Three rows are there; two keys and a label are free.
pub const TABLE: [&str; 2] = [
    "CREATE TABLE shelf (id TEXT NOT NULL PRIMARY KEY, units BIGINT NOT NULL, label TEXT UNIQUE, \
     CHECK (units >= 0))",
    "INSERT INTO shelf (id, units, label) VALUES ('a', 1, 'left'), ('b', 2, NULL), ('c', 0, 'right')",
];

/// A case, as it is drawn.
#[derive(Clone)]
pub struct Plan {
    /// The isolation level, by its SQL name.
    pub level: &'static str,
    /// Who does what next. Whoever waits skips what is said until it goes on.
    pub turns: Vec<(usize, Turn)>,
}

/// What a transaction does.
#[derive(Clone, Debug)]
pub enum Turn {
    Run(String),
    Commit,
    RollBack,
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (who, turn) in &self.turns {
            let text = match turn {
                Turn::Run(text) => text,
                Turn::Commit => "COMMIT",
                Turn::RollBack => "ROLLBACK",
            };
            write!(formatter, "\n  {who}: {text}")?;
        }
        Ok(())
    }
}

/// Any case of this level.
pub fn plan(level: &'static str) -> impl Strategy<Value = Plan> {
    (2..=3usize).prop_flat_map(move |count| {
        let turns = vec((0..count, turn(level, count)), 4..=14);
        turns.prop_map(move |turns| Plan { level, turns })
    })
}

fn turn(level: &'static str, count: usize) -> impl Strategy<Value = Turn> {
    prop_oneof![
        8 => statement(level, count).prop_map(Turn::Run),
        2 => Just(Turn::Commit),
        1 => Just(Turn::RollBack),
    ]
}

/// What is deleted is not inserted again, and at REPEATABLE READ labels are not freed: how the world differs
/// there is in the differences. Keys are given by two at most: of several who wait for one,
/// PostgreSQL lets any go first.
fn statement(level: &'static str, count: usize) -> impl Strategy<Value = String> {
    let select = |from: &[&'static str]| prop::sample::select(from.to_vec());
    let frees = level == "READ COMMITTED";
    let labels: &[_] =
        if frees { &["'left'", "'right'", "'top'", "NULL"] } else { &["'top'", "NULL"] };
    let kinds: &[u8] = match (count, frees) {
        (2, true) => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        (2, false) => &[0, 1, 2, 3, 4, 5, 7, 8, 9, 10],
        _ => &[0, 1, 2, 3, 4, 5, 10],
    };
    let kind = prop::sample::select(kinds.to_vec());
    let ids = (select(&["a", "b", "c", "d", "e"]), select(&["d", "e"]), select(&["a", "b", "c"]));
    (kind, ids, 0..4i64, select(labels)).prop_map(|(kind, (id, free, there), units, label)| {
        text(kind, id, [free, there], units, label)
    })
}

fn text(kind: u8, id: &str, [free, there]: [&str; 2], units: i64, label: &str) -> String {
    match kind {
        0 => format!("SELECT id || '=' || units FROM shelf WHERE id = '{id}'"),
        1 => "SELECT id || '=' || units FROM shelf ORDER BY id".to_owned(),
        2 => format!("UPDATE shelf SET units = units + {units} WHERE id = '{id}'"),
        3 => format!("UPDATE shelf SET units = units - 1 WHERE id = '{id}' AND units >= 1"),
        4 => format!("UPDATE shelf SET units = {units} WHERE id = '{id}'"),
        5 => format!("UPDATE shelf SET units = units - 2 WHERE id = '{id}'"),
        6 => format!("UPDATE shelf SET label = {label} WHERE id = '{id}'"),
        7 => format!("INSERT INTO shelf (id, units, label) VALUES ('{free}', {units}, {label})"),
        8 => format!(
            "INSERT INTO shelf (id, units) VALUES ('{free}', {units}) ON CONFLICT (id) DO NOTHING"
        ),
        9 => format!(
            "INSERT INTO shelf (id, units) VALUES ('{free}', {units}) \
             ON CONFLICT (id) DO UPDATE SET units = shelf.units + excluded.units"
        ),
        _ => format!("DELETE FROM shelf WHERE id = '{there}'"),
    }
}
