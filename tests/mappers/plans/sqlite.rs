//! The plans of SQLite. They are made of tables and indexes alone, for nobody tells it of the rows.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use stormproof_sqlite::Disk;

use super::{Index, Planner, Scan, Service, parameters};

/// A database on a disk of its own.
pub struct File {
    connection: AnyConnection,
    tables: BTreeSet<String>,
    /// Of each index the condition that it is limited to.
    conditions: BTreeMap<String, Option<String>>,
    _disk: Disk,
}

impl File {
    pub async fn new(service: Service) -> File {
        let disk = Disk::new("plans");
        let opened = stormproof_sqlite::open(&disk, "database").await;
        let mut connection = opened.expect("a new file can be opened");
        service.migrator().run(&mut connection).await.expect("the migrations of a service apply");
        let (tables, conditions) = (BTreeSet::new(), BTreeMap::new());
        let mut file = File { connection, tables, conditions, _disk: disk };
        let tables = file.rows("SELECT name FROM sqlite_master WHERE type = 'table'", 0).await;
        file.tables = tables.into_iter().map(|[name, _]| name).collect();
        let indexes = file.indexes().await.into_iter();
        let condition = |text: &str| text.split_once(" WHERE ").map(|(_, after)| after.to_owned());
        file.conditions = indexes.map(|it| (it.name, condition(&it.text))).collect();
        file
    }

    /// The first and last column of what it answers.
    async fn rows(&mut self, sql: &str, arguments: usize) -> Vec<[String; 2]> {
        // Kept prepared, EXPLAIN would say again what it said before an index went.
        let mut query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false);
        for _ in 0..arguments {
            query = query.bind(None::<i64>);
        }
        let rows = query.fetch_all(&mut self.connection).await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let column = |row: &sqlx::any::AnyRow, place| {
            let text = row.try_get::<String, _>(place);
            text.or_else(|_| row.try_get::<i64, _>(place).map(|number| number.to_string()))
        };
        let columns = |row: &sqlx::any::AnyRow| {
            [0, row.len() - 1].map(|place| column(row, place).expect("a text or a number"))
        };
        rows.iter().map(columns).collect()
    }

    /// The table that goes by `name` in the statement.
    fn table(&self, name: &str, statement: &str) -> Option<String> {
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
        let words: Vec<&str> =
            statement.split(|letter| !is_part(letter)).filter(|word| !word.is_empty()).collect();
        let named = words.windows(3).find_map(|words| match words {
            ["FROM" | "JOIN" | "UPDATE" | "INTO", table, alias] => {
                ([*table, *alias].contains(&name) && self.tables.contains(*table)).then_some(*table)
            }
            _ => None,
        });
        let last = || self.tables.contains(name).then_some(name);
        named.or_else(last).map(str::to_owned)
    }

    /// Whether a step of the plan that reads a table reads all of it, or may.
    fn is_whole(&self, step: &[&str], statement: &str, takes_few: bool) -> bool {
        if step.contains(&"AUTOMATIC") {
            return true;
        }
        let index = step.iter().skip_while(|word| **word != "INDEX").nth(1).copied();
        if step[0] == "SCAN" {
            // From one end of the index on, all that it holds, until there are enough.
            let all_of_it = index.is_some_and(|index| {
                let condition = self.conditions.get(index).and_then(Option::as_deref);
                condition == condition_of(statement)
            });
            return !(takes_few && all_of_it);
        }
        // `(user_id=? AND id>?)`: values that the index begins with, then a range of others.
        let Some(sought) = step.iter().find_map(|word| word.strip_prefix('(')) else {
            // The greatest of all, say.
            return true;
        };
        let operator = sought.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let is_range = operator.is_none_or(|place| !sought[place..].starts_with("=?"));
        // `(at>? AND at<?)`: a stretch with two ends.
        let has_ends = [">?", "<?"].iter().all(|end| step.iter().any(|word| word.contains(end)));
        is_range && !takes_few && !has_ends
    }
}

impl Planner for File {
    async fn indexes(&mut self) -> Vec<Index> {
        let made = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
        let rows = self.rows(made, 0).await.into_iter();
        rows.map(|[name, text]| Index { name, text }).collect()
    }

    /// A statement with a limit reads that many rows and no more, unless it has to sort them first.
    async fn scans(&mut self, statement: &str) -> Vec<Scan> {
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let steps = self.rows(&explain, parameters(statement)).await;
        let steps: Vec<String> = steps.into_iter().map(|[_, step]| step).collect();
        let has_limit = statement.contains(" LIMIT ");
        let sorts = steps.iter().any(|step| step == "USE TEMP B-TREE FOR ORDER BY");
        let plan = steps.join("; ");
        let mut scans = Vec::new();
        for step in &steps {
            let words: Vec<&str> = step.split(' ').collect();
            let ["SCAN" | "SEARCH", name, ..] = words[..] else { continue };
            // What is to be inserted.
            if step.ends_with("VALUES CLAUSE") || step == "SCAN CONSTANT ROW" {
                continue;
            }
            let table = self.table(name, statement);
            let table = table.unwrap_or_else(|| panic!("{name} is no table: {statement}\n{plan}"));
            // All that was found is sorted for the few that are wanted.
            let sorts_all = has_limit && sorts;
            if sorts_all || self.is_whole(&words, statement, has_limit && !sorts) {
                scans.push(Scan { table, plan: plan.clone() });
            }
        }
        scans
    }

    async fn change(&mut self, sql: String) {
        self.rows(&sql, 0).await;
    }
}

/// What a statement that reads one table asks of its rows.
fn condition_of(statement: &str) -> Option<&str> {
    let (_, after) = statement.split_once(" WHERE ")?;
    Some(after.split_once(" ORDER BY ").map_or(after, |(condition, _)| condition))
}
