//! What a system was seen to run, and the mutants of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, SetExpr, Statement, visit_relations};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::site::changed;
use super::{Mutant, MutantKind, name_of};

/// A text that a system was seen to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// As it was written.
    pub text: String,
    /// Whether it is a migration.
    pub is_migration: bool,
    /// Who ran it.
    pub databases: BTreeSet<String>,
}

/// What is one statement to those who wrote it: its texts differ in the number of rows or values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The shortest of its texts; of a migration one of its statements.
    pub statement: String,
    /// Whether it is of a migration.
    pub is_migration: bool,
    /// The databases that run it.
    pub databases: BTreeSet<String>,
    /// The table that it is about.
    pub table: String,
    /// Each of its texts, all of a migration, as it was written and as the parser writes it: the same, in other
    /// letters.
    pub texts: Vec<(String, String)>,
}

/// A text that is no SQL to the parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// As it was written.
    pub text: String,
    /// What the parser says.
    pub why: String,
}

/// Every statement of what was seen with its mutants, in the order of databases, tables and texts; and what could
/// not be read.
pub fn mutants(seen: &[Seen]) -> (Vec<(Family, Vec<Mutant>)>, Vec<Unread>) {
    let mut seen: Vec<&Seen> = seen.iter().collect();
    seen.sort_by_key(|it| (it.text.len(), &it.text));
    let (mut found, mut unread) = (BTreeMap::<String, Members>::new(), Vec::new());
    for seen in seen {
        match Parser::parse_sql(&PostgreSqlDialect {}, &seen.text) {
            Ok(statements) => {
                for place in 0..statements.len() {
                    let key = match seen.is_migration {
                        true => format!("{place} of {}", seen.text),
                        false => shape(&seen.text),
                    };
                    found.entry(key).or_default().add(seen, &statements, place);
                }
            }
            Err(why) => unread.push(Unread { text: seen.text.clone(), why: why.to_string() }),
        }
    }
    let mut all: Vec<_> = found.into_values().filter_map(Members::told).collect();
    all.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
    (all, unread)
}

/// Every UPDATE and DELETE of what was seen beside what it is for all rows; where there are none, every INSERT
/// beside one that adds nothing. For those who ask whether anybody notices anything.
pub fn unguarded(seen: &[Seen]) -> Vec<(String, String)> {
    let read = |text: &str| Parser::parse_sql(&PostgreSqlDialect {}, text).ok()?.pop();
    let all = |change: &dyn Fn(&mut Statement) -> Option<()>| -> Vec<(String, String)> {
        let pair = |seen: &Seen| {
            let mut statement = read(&seen.text)?;
            change(&mut statement)?;
            Some((seen.text.clone(), statement.to_string()))
        };
        seen.iter().filter(|it| !it.is_migration).filter_map(pair).collect()
    };
    let of_all_rows = all(&|statement| match statement {
        Statement::Update(update) => update.selection.take().map(drop),
        Statement::Delete(delete) => delete.selection.take().map(drop),
        _ => None,
    });
    if !of_all_rows.is_empty() {
        return of_all_rows;
    }
    all(&|statement| {
        let Statement::Insert(insert) = statement else { return None };
        let SetExpr::Values(values) = &*insert.source.as_ref()?.body else { return None };
        let row: Vec<String> = values.rows.first()?.content.iter().map(Expr::to_string).collect();
        match read(&format!("SELECT {} WHERE 1 = 0", row.join(", ")))? {
            Statement::Query(nothing) => insert.source = Some(nothing),
            _ => return None,
        }
        Some(())
    })
}

fn order(family: &Family) -> (bool, &BTreeSet<String>, &str, &str) {
    let Family { is_migration, databases, table, statement, .. } = family;
    (*is_migration, databases, table, statement)
}

/// The texts of a family, and its mutants by what they come to.
#[derive(Default)]
struct Members {
    family: Option<Family>,
    /// In the order in which the shortest text has them.
    order: Vec<String>,
    mutants: BTreeMap<String, Mutant>,
}

impl Members {
    fn add(&mut self, seen: &Seen, statements: &[Statement], place: usize) {
        let statement = &statements[place];
        let written = |changed: Option<&Statement>| {
            let all = statements.iter().enumerate();
            let all = all.map(|(at, it)| if at == place { changed.unwrap_or(it) } else { it });
            all.map(ToString::to_string).collect::<Vec<_>>().join(";\n")
        };
        let own = match seen.is_migration {
            true => statement.to_string(),
            false => seen.text.clone(),
        };
        let family = self.family.get_or_insert_with(|| Family {
            statement: own.split_whitespace().collect::<Vec<_>>().join(" "),
            is_migration: seen.is_migration,
            databases: BTreeSet::new(),
            table: table(statement),
            texts: Vec::new(),
        });
        family.databases.extend(seen.databases.iter().cloned());
        family.texts.push((seen.text.clone(), written(None)));
        let same = statement.to_string();
        let (mut texts, mut alike) = (BTreeSet::from([same]), BTreeMap::<String, usize>::new());
        for (kind, what, changed) in changed(statement) {
            if !texts.insert(changed.to_string()) {
                continue;
            }
            let form = format!("{} {}", kind.word(), shape(&changed.to_string()));
            let number = alike.entry(form.clone()).or_default();
            *number += 1;
            let key = format!("{form} {number}");
            let pair = (seen.text.clone(), written(Some(&changed)));
            let mutant = self.mutants.entry(key.clone()).or_insert_with(|| {
                self.order.push(key.clone());
                mutant(family, kind, what, &key)
            });
            mutant.pairs.push(pair);
        }
    }

    fn told(mut self) -> Option<(Family, Vec<Mutant>)> {
        let family = self.family?;
        let databases: Vec<String> = family.databases.iter().cloned().collect();
        let mutants = self.order.iter().filter_map(|key| self.mutants.remove(key));
        let mutants = mutants.map(|it| Mutant { databases: databases.clone(), ..it });
        let mutants = mutants.collect();
        Some((family, mutants))
    }
}

fn mutant(family: &Family, kind: MutantKind, what: String, form: &str) -> Mutant {
    let named = format!("{}\0{form}", shape(&family.statement));
    Mutant {
        id: name_of(&named),
        kind,
        databases: Vec::new(),
        place: family.table.clone(),
        is_migration: family.is_migration,
        statement: family.statement.clone(),
        what,
        pairs: Vec::new(),
        switch: None,
    }
}

/// The first table that a statement names.
fn table(statement: &Statement) -> String {
    let mut first = None;
    let _ = visit_relations(statement, |name| {
        first = Some(name.to_string());
        ControlFlow::Break(())
    });
    first.unwrap_or_default()
}

/// A text as it would be for one row and one value: without the numbers of parameters, and of those that follow
/// each other, and of rows that are alike, one.
pub(super) fn shape(text: &str) -> String {
    let mut parts = Vec::new();
    for (place, part) in text.split('\'').enumerate() {
        // What stands in quotes is nobody's affair.
        parts.push(if place % 2 == 0 { numberless(part) } else { part.to_owned() });
    }
    let mut shape = parts.join("'");
    while shape.contains("$, $") {
        shape = shape.replace("$, $", "$");
    }
    if let Some(begin) = shape.find("VALUES (").map(|at| at + "VALUES ".len())
        && let Some(row) = group(&shape[begin..])
    {
        let more = format!("{row}, {row}");
        while shape[begin..].starts_with(&more) {
            shape.replace_range(begin..begin + more.len(), &row);
        }
    }
    shape
}

/// `$12` as `$`, and one blank for many.
fn numberless(part: &str) -> String {
    let mut plain = String::with_capacity(part.len());
    for letter in part.chars() {
        let (after_dollar, after_blank) = (plain.ends_with('$'), plain.ends_with(' '));
        match letter {
            '0'..='9' if after_dollar => {}
            letter if letter.is_whitespace() && after_blank => {}
            letter if letter.is_whitespace() => plain.push(' '),
            letter => plain.push(letter),
        }
    }
    plain
}

/// What stands in the parentheses that a text begins with, with them.
fn group(text: &str) -> Option<String> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(text[..=at].to_owned()),
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}
