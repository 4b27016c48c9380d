//! The embedded broker's messages in SQLite: a row for each message in a queue.
//!
//! A turn's changes are reduced to what is left of them and written in one commit. Order within a
//! queue is by serial, and by order of return for what came back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, Connection as _, QueryBuilder, Row as _};
use stormproof_broker::{Change, Death, DeathReason, Place, Stored};
use stormproof_ports::Message;
use stormproof_ports::time::Time;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file.
    #[error("{path} is in use by another process", path = .0.display())]
    InUse(PathBuf),
    /// It is no journal, or one that SQLite or we cannot read.
    #[error("{path} is damaged: {why}", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It was written under another topology.
    #[error("the journal holds message {serial} of queue {queue}, which this version has not got")]
    UnknownQueue {
        /// The queue that is not declared.
        queue: String,
        /// The message's number in the journal.
        serial: u64,
    },
    /// There is no thread to be had for it.
    #[error("the broker cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    /// What SQLite says otherwise.
    #[error("the journal cannot be read or written: {0}")]
    Sql(#[from] sqlx::Error),
}

pub(super) struct Journal {
    path: PathBuf,
    connection: AnyConnection,
    /// The number of the last return.
    returns: i64,
}

/// A message, where it lies, and how.
pub(super) struct JournalRow {
    pub(super) queue: String,
    pub(super) place: Place,
    pub(super) stored: Stored,
}

/// Rows of an `INSERT`; SQLite takes 32,766 parameters.
const ROWS_MAX: usize = 500;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS messages ( \
    serial BIGINT NOT NULL PRIMARY KEY, \
    queue TEXT NOT NULL, \
    place TEXT NOT NULL, \
    returned BIGINT NOT NULL, \
    delivery_count BIGINT NOT NULL, \
    expires_at BIGINT, \
    deaths TEXT NOT NULL, \
    exchange TEXT NOT NULL, \
    routing_key TEXT NOT NULL, \
    message_id TEXT NOT NULL, \
    correlation_id TEXT NOT NULL, \
    schema_name TEXT NOT NULL, \
    schema_version BIGINT NOT NULL, \
    traceparent TEXT NOT NULL, \
    timestamp BIGINT NOT NULL, \
    attempt BIGINT NOT NULL, \
    body BLOB NOT NULL)";

impl Journal {
    pub(super) async fn open(path: &Path) -> Result<Journal, JournalError> {
        crate::database::install();
        let told = |error| explained(path, error);
        let mut connection = stormproof_sqlite::open_file(path).await.map_err(told)?;
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&mut connection)
            .await
            .map_err(told)?;
        if found != "ok" {
            return Err(JournalError::Damaged { path: path.to_owned(), why: found });
        }
        // Writing takes the lock for good.
        sqlx::query(TABLE).execute(&mut connection).await.map_err(told)?;
        Ok(Journal { path: path.to_owned(), connection, returns: 0 })
    }

    /// All messages: by queue, what came back before what waits, in their order.
    pub(super) async fn read(&mut self) -> Result<Vec<JournalRow>, JournalError> {
        let rows = sqlx::query("SELECT * FROM messages ORDER BY queue, returned, serial")
            .fetch_all(&mut self.connection)
            .await?;
        let mut read = Vec::with_capacity(rows.len());
        for row in rows {
            self.returns = self.returns.max(row.try_get("returned")?);
            let damaged = |why| JournalError::Damaged { path: self.path.clone(), why };
            read.push(read_row(&row).map_err(damaged)?);
        }
        Ok(read)
    }

    /// Makes changes durable, all or none.
    pub(super) async fn write(&mut self, changes: Vec<Change>) -> Result<(), JournalError> {
        if changes.is_empty() {
            return Ok(());
        }
        let net = self.reduce(changes);
        let mut transaction = self.connection.begin().await?;
        let arrived: Vec<_> = net.arrived.iter().collect();
        for rows in arrived.chunks(ROWS_MAX) {
            insert(&mut transaction, rows).await?;
        }
        if !net.handed_out.is_empty() {
            let sql = "UPDATE messages SET place = 'handed out', returned = 0 \
                WHERE serial IN (SELECT value FROM json_each($1))";
            sqlx::query(sql).bind(serials(&net.handed_out)).execute(&mut *transaction).await?;
        }
        for (serial, (returned, delivery_count)) in &net.given_back {
            let sql = "UPDATE messages SET place = 'returned', returned = $1, delivery_count = $2 \
                WHERE serial = $3";
            sqlx::query(sql)
                .bind(*returned)
                .bind(i64::from(*delivery_count))
                .bind(i64::try_from(*serial).expect("serials count messages"))
                .execute(&mut *transaction)
                .await?;
        }
        if !net.removed.is_empty() {
            let sql = "DELETE FROM messages WHERE serial IN (SELECT value FROM json_each($1))";
            sqlx::query(sql).bind(serials(&net.removed)).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    pub(super) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "the broker's journal does not close");
        }
    }
}

/// What is left of a turn's changes: a message that came and went leaves no trace.
#[derive(Default)]
struct Net {
    arrived: BTreeMap<u64, Arrived>,
    handed_out: BTreeSet<u64>,
    /// Number of the return, and delivery count.
    given_back: BTreeMap<u64, (i64, u32)>,
    removed: BTreeSet<u64>,
}

struct Arrived {
    queue: Arc<str>,
    stored: Stored,
    place: Place,
    returned: i64,
}

impl Journal {
    fn reduce(&mut self, changes: Vec<Change>) -> Net {
        let mut net = Net::default();
        for change in changes {
            match change {
                Change::Arrived { queue, stored } => {
                    let (place, returned) = (Place::Waiting, 0);
                    net.arrived.insert(stored.serial, Arrived { queue, stored, place, returned });
                }
                Change::HandedOut { serial } => match net.arrived.get_mut(&serial) {
                    Some(arrived) => (arrived.place, arrived.returned) = (Place::HandedOut, 0),
                    None => {
                        net.given_back.remove(&serial);
                        net.handed_out.insert(serial);
                    }
                },
                Change::GivenBack { serial, delivery_count } => {
                    self.returns += 1;
                    match net.arrived.get_mut(&serial) {
                        Some(arrived) => {
                            (arrived.place, arrived.returned) = (Place::Returned, self.returns);
                            arrived.stored.delivery_count = delivery_count;
                        }
                        None => {
                            net.handed_out.remove(&serial);
                            net.given_back.insert(serial, (self.returns, delivery_count));
                        }
                    }
                }
                Change::Removed { serial } => {
                    if net.arrived.remove(&serial).is_none() {
                        net.handed_out.remove(&serial);
                        net.given_back.remove(&serial);
                        net.removed.insert(serial);
                    }
                }
            }
        }
        net
    }
}

async fn insert(
    connection: &mut AnyConnection,
    rows: &[(&u64, &Arrived)],
) -> Result<(), sqlx::Error> {
    let mut sql = QueryBuilder::<Any>::new(
        "INSERT INTO messages (serial, queue, place, returned, delivery_count, expires_at, deaths, \
         exchange, routing_key, message_id, correlation_id, schema_name, schema_version, \
         traceparent, timestamp, attempt, body) ",
    );
    sql.push_values(rows, |mut row, (serial, arrived)| {
        let (stored, message) = (&arrived.stored, &arrived.stored.message);
        row.push_bind(i64::try_from(**serial).expect("serials count messages"))
            .push_bind(arrived.queue.to_string())
            .push_bind(word(arrived.place))
            .push_bind(arrived.returned)
            .push_bind(i64::from(stored.delivery_count))
            .push_bind(stored.expires_at.map(|at| at.0))
            .push_bind(write_deaths(&stored.deaths))
            .push_bind(message.exchange.clone())
            .push_bind(message.routing_key.clone())
            .push_bind(message.message_id.clone())
            .push_bind(message.correlation_id.clone())
            .push_bind(message.schema.clone())
            .push_bind(i64::from(message.version))
            .push_bind(message.traceparent.clone())
            .push_bind(message.timestamp)
            .push_bind(i64::from(message.attempt))
            .push_bind(message.body.to_vec());
    });
    // The text differs with the number of rows: not worth remembering.
    sql.build().persistent(false).execute(connection).await.map(drop)
}

fn read_row(row: &AnyRow) -> Result<JournalRow, String> {
    let place: String = get(row, "place")?;
    let known = [Place::Waiting, Place::HandedOut, Place::Returned];
    let place = known.into_iter().find(|known| word(*known) == place).ok_or(place)?;
    let message = Message {
        exchange: get(row, "exchange")?,
        routing_key: get(row, "routing_key")?,
        message_id: get(row, "message_id")?,
        correlation_id: get(row, "correlation_id")?,
        schema: get(row, "schema_name")?,
        version: number(row, "schema_version")?,
        traceparent: get(row, "traceparent")?,
        timestamp: get(row, "timestamp")?,
        attempt: number(row, "attempt")?,
        body: get::<Vec<u8>>(row, "body")?.into(),
    };
    let serial: i64 = get(row, "serial")?;
    let stored = Stored {
        serial: u64::try_from(serial).map_err(|error| error.to_string())?,
        message: Arc::new(message),
        delivery_count: number(row, "delivery_count")?,
        expires_at: get::<Option<i64>>(row, "expires_at")?.map(Time),
        deaths: read_deaths(&get::<String>(row, "deaths")?)?,
    };
    Ok(JournalRow { queue: get(row, "queue")?, place, stored })
}

fn number(row: &AnyRow, column: &str) -> Result<u32, String> {
    u32::try_from(get::<i64>(row, column)?).map_err(|error| format!("{column}: {error}"))
}

fn get<'r, T>(row: &'r AnyRow, column: &str) -> Result<T, String>
where
    T: sqlx::Decode<'r, Any> + sqlx::Type<Any>,
{
    row.try_get(column).map_err(|error| error.to_string())
}

fn word(place: Place) -> &'static str {
    match place {
        Place::Waiting => "waiting",
        Place::HandedOut => "handed out",
        Place::Returned => "returned",
    }
}

fn serials(serials: &BTreeSet<u64>) -> String {
    serde_json::to_string(serials).expect("numbers are JSON")
}

/// A death as JSON.
#[derive(Serialize, Deserialize)]
struct DeathRow {
    queue: String,
    reason: String,
    count: u32,
    at: Time,
    exchange: String,
    routing_key: String,
}

fn write_deaths(deaths: &[Death]) -> String {
    let rows: Vec<_> = deaths
        .iter()
        .map(|death| DeathRow {
            queue: death.queue.to_string(),
            reason: death.reason.as_str().to_owned(),
            count: death.count,
            at: death.at,
            exchange: death.exchange.clone(),
            routing_key: death.routing_key.clone(),
        })
        .collect();
    serde_json::to_string(&rows).expect("names and numbers are JSON")
}

fn read_deaths(text: &str) -> Result<Vec<Death>, String> {
    let rows: Vec<DeathRow> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    rows.into_iter()
        .map(|row| {
            let reason = DeathReason::ALL.into_iter().find(|it| it.as_str() == row.reason);
            Ok(Death {
                queue: row.queue.into(),
                reason: reason.ok_or(row.reason)?,
                count: row.count,
                at: row.at,
                exchange: row.exchange,
                routing_key: row.routing_key,
            })
        })
        .collect()
}

/// What SQLite says about a file, in words for who started the program.
fn explained(path: &Path, error: sqlx::Error) -> JournalError {
    let code = match &error {
        sqlx::Error::Database(error) => error.code().unwrap_or_default().into_owned(),
        _ => return error.into(),
    };
    let path = path.to_owned();
    match code.as_str() {
        // SQLITE_BUSY
        "5" => JournalError::InUse(path),
        // SQLITE_CORRUPT, SQLITE_NOTADB
        "11" | "26" => JournalError::Damaged { path, why: error.to_string() },
        _ => error.into(),
    }
}
