//! The plans of Postgres, which it makes of what it knows of the rows: so the tables hold what a
//! shop has kept after 20,000 orders (`rows/`), or nothing at all, for a connection keeps the plans of
//! its first day.
//!
//! Plans are generic, for any values. Only a limit is a number: of one that it does not know the
//! server expects a tenth of all rows. Such a plan costs more than one for the values, so it is
//! none that the server would keep.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Row as _};
use sqlx_postgres::PgConnection;
use stormproof_bindings::database::BEGINNING;

use super::{Index, Planner, Postgres, Scan, Service, parameters};

/// About as many rows as the shop's statements ask for.
const LIMIT: usize = 64;

/// What every service keeps.
const MESSAGES: &str = include_str!("rows/messages.sql");

/// What a service keeps besides.
const ROWS: [(&str, &str); 5] = [
    ("store", include_str!("rows/store.sql")),
    ("warehouse", include_str!("rows/warehouse.sql")),
    ("bank", include_str!("rows/bank.sql")),
    ("delivery", include_str!("rows/delivery.sql")),
    ("email", include_str!("rows/email.sql")),
];

/// A database with rows.
pub struct Server {
    connection: PgConnection,
    /// The first column of each index.
    leading: BTreeMap<String, String>,
}

impl Server {
    /// With the rows of many orders, as the server knows them.
    pub async fn grown(database: &Postgres, service: Service) -> Server {
        let own = ROWS.iter().find(|(name, _)| *name == service.name).expect("it has rows").1;
        Server::prepared(database, service, &[MESSAGES, own, "ANALYZE"]).await
    }

    /// As the shop finds it on its first day: nothing is in it, nothing is known of it.
    pub async fn young(database: &Postgres, service: Service) -> Server {
        Server::prepared(database, service, &[BEGINNING]).await
    }

    async fn prepared(database: &Postgres, service: Service, rows: &[&str]) -> Server {
        let mut connection = database.connect().await;
        service.migrator().run(&mut connection).await.expect("the migrations of a service apply");
        let mut server = Server { connection, leading: BTreeMap::new() };
        for rows in rows.iter().chain(&["SET plan_cache_mode = force_generic_plan"]) {
            server.change((*rows).to_owned()).await;
        }
        let leading = "SELECT i.relname::text, a.attname::text FROM pg_class i \
             JOIN pg_attribute a ON a.attrelid = i.oid AND a.attnum = 1 WHERE i.relkind = 'i'";
        server.leading = server.rows(leading).await.into_iter().collect();
        server
    }

    async fn rows(&mut self, sql: &'static str) -> Vec<(String, String)> {
        let rows = sqlx::query(sql).fetch_all(&mut self.connection).await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The plan's root.
    async fn plan(&mut self, statement: &str) -> Value {
        let statement = with_limit(statement);
        let nulls = vec!["NULL"; parameters(&statement)].join(", ");
        let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
        self.change(format!("PREPARE planned AS {statement}")).await;
        let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE planned{arguments}");
        let told = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_one(&mut self.connection).await;
        let told = told.unwrap_or_else(|error| panic!("{statement}: {error}"));
        self.change("DEALLOCATE planned".to_owned()).await;
        let told: String = told.try_get_unchecked(0).expect("JSON is text");
        let mut told: Value = serde_json::from_str(&told).expect("it is JSON");
        told[0]["Plan"].take()
    }

    /// What `node` and those below it read from end to end. `few`: whoever wants its rows stops when
    /// there are enough. `above`: the table whose rows an index is asked for.
    fn collect(&self, node: &Value, few: bool, above: Option<&str>, scans: &mut Vec<Scan>) {
        let text = |key: &str| node[key].as_str();
        let kind = text("Node Type").expect("a node has a type");
        let table = text("Relation Name").or(above);
        let is_whole = match kind {
            "Seq Scan" | "Sample Scan" | "Tid Scan" | "Tid Range Scan" => true,
            "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" => {
                let index = text("Index Name").expect("an index has a name");
                let begins = format!("({} = ", self.leading[index]);
                match text("Index Cond") {
                    Some(condition) if condition.contains(&begins) => false,
                    // A stretch with two ends.
                    Some(condition)
                        if [" >= ", " <= "].iter().all(|end| condition.contains(end)) =>
                    {
                        false
                    }
                    // From one end on until there are enough, and none is passed over.
                    condition => !(few && (condition.is_some() || text("Filter").is_none())),
                }
            }
            _ => false,
        };
        if is_whole {
            let table = table.expect("a scan is one of a table").to_owned();
            scans.push(Scan { table, plan: words(node) });
        }
        for below in node["Plans"].as_array().into_iter().flatten() {
            let few = match (kind, below["Parent Relationship"].as_str()) {
                ("Limit", Some("Outer")) => true,
                ("Incremental Sort" | "Nested Loop" | "Hash Join" | "LockRows", Some("Outer"))
                | ("Subquery Scan", Some("Subquery")) => few,
                _ => false,
            };
            self.collect(below, few, table, scans);
        }
    }
}

impl Planner for Server {
    async fn indexes(&mut self) -> Vec<Index> {
        let made = "SELECT i.indexname::text, i.indexdef FROM pg_indexes i WHERE NOT EXISTS \
             (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname) \
             AND i.schemaname = 'public'";
        let rows = self.rows(made).await.into_iter();
        rows.map(|(name, text)| Index { name, text }).collect()
    }

    async fn scans(&mut self, statement: &str) -> Vec<Scan> {
        let plan = self.plan(statement).await;
        let mut scans = Vec::new();
        self.collect(&plan, false, None, &mut scans);
        scans
    }

    async fn change(&mut self, sql: String) {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut self.connection).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// The statement with a number for the limit that it is given, which is its last parameter.
fn with_limit(statement: &str) -> String {
    let Some((before, after)) = statement.split_once(" LIMIT $") else {
        return statement.to_owned();
    };
    let rest = after.trim_start_matches(|letter: char| letter.is_ascii_digit());
    format!("{before} LIMIT {LIMIT}{rest}")
}

/// A node in words, without what it is expected to cost.
fn words(node: &Value) -> String {
    let keys = ["Node Type", "Relation Name", "Index Name", "Index Cond", "Filter"];
    keys.iter().filter_map(|key| node[*key].as_str()).collect::<Vec<_>>().join(", ")
}
