//! `stormproof dlq`: the dead letters of a shop. In RabbitMQ they can be looked at while the shop
//! runs; the embedded broker's lie in the data folder, which `stormproof up` must have closed.
//!
//! Trying one again keeps its message id, so that a consumer that had done its work after all takes
//! it for the repeat that it is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stormproof_broker::{Death, DeathReason};
use stormproof_ports::time::Time;
use stormproof_ports::{Clock as _, Message};
use stormproof_system::messages::DEAD;

use crate::brokers;
use crate::config::{Config, ConfigFile};
use crate::data_folder::DataFolder;
use crate::terminal::print;
use stormproof_bindings::clock::SystemClock;
use stormproof_bindings::dead_letters::{DeadLetters, DeadMessage};
use stormproof_bindings::embedded_queue::EmbeddedBroker;

/// What to do with dead letters.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Every dead letter, by queue, the oldest first.
    List(List),
    /// One dead letter with its envelope, its body, and why it died.
    Show(One),
    /// Gives dead letters back to the queues they came from.
    Replay(Replay),
}

/// Which broker, and how to answer.
#[derive(clap::Args, Debug)]
pub struct Place {
    #[command(flatten)]
    config: ConfigFile,
    /// The data folder of a shop that `stormproof up` has closed, instead of RabbitMQ.
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    data: Option<PathBuf>,
    /// Only those of this queue.
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// JSON instead of words.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args, Debug)]
pub struct List {
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args, Debug)]
pub struct One {
    message_id: String,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args, Debug)]
pub struct Replay {
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    message_id: Option<String>,
    /// Every dead letter there is.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    place: Place,
}

/// Does what was asked.
///
/// # Errors
/// If the broker cannot be asked, or there is no such dead letter.
pub async fn run(command: &Command) -> Result<ExitCode, String> {
    let place = match command {
        Command::List(List { place }) => place,
        Command::Show(One { place, .. }) => place,
        Command::Replay(Replay { place, .. }) => place,
    };
    let broker = open(place).await?;
    let done = answer(&*broker.letters, command, place).await;
    if let Some(embedded) = broker.embedded {
        embedded.close().await;
    }
    print(&done?).map(|()| ExitCode::SUCCESS)
}

/// A broker's dead letters, and what has to be closed after.
struct Open {
    letters: Arc<dyn DeadLetters>,
    embedded: Option<Arc<EmbeddedBroker>>,
    /// Nobody else opens the folder meanwhile.
    _data: Option<DataFolder>,
}

async fn open(place: &Place) -> Result<Open, String> {
    let Some(folder) = &place.data else {
        let config = place.config.read(Config::default())?;
        let broker = brokers::rabbit(&config)?;
        return Ok(Open { letters: Arc::new(broker), embedded: None, _data: None });
    };
    let file = journal(folder)?;
    let data = DataFolder::open(folder)?;
    let broker = brokers::embedded(&file).await;
    let broker = Arc::new(broker.map_err(|error| error.to_string())?);
    Ok(Open { letters: broker.clone(), embedded: Some(broker), _data: Some(data) })
}

/// The embedded broker's file, which is not made by looking for it.
fn journal(folder: &Path) -> Result<PathBuf, String> {
    let file = folder.join("broker.db");
    match file.is_file() {
        true => Ok(file),
        false => Err(format!("there is no shop in {}", folder.display())),
    }
}

async fn answer(
    letters: &dyn DeadLetters,
    command: &Command,
    place: &Place,
) -> Result<String, String> {
    let all = letters.list().await.map_err(|error| error.to_string())?;
    let all: Vec<DeadMessage> = all.into_iter().filter(|dead| is_in(place, &dead.queue)).collect();
    match command {
        Command::List(_) if place.json => {
            Ok(format!("{:#}", Value::from_iter(all.iter().map(whole))))
        }
        Command::List(_) => Ok(table(&all, SystemClock.now())),
        Command::Show(One { message_id, .. }) => {
            let one = all.iter().find(|dead| is_called(dead, message_id));
            let one = one.ok_or_else(|| unknown(message_id, place))?;
            Ok(if place.json { format!("{:#}", whole(one)) } else { page(one) })
        }
        Command::Replay(asked) => {
            let chosen = all
                .iter()
                .filter(|dead| asked.message_id.as_ref().is_none_or(|id| is_called(dead, id)));
            let chosen: Vec<&DeadMessage> = chosen.collect();
            if let (Some(id), true) = (&asked.message_id, chosen.is_empty()) {
                return Err(unknown(id, place));
            }
            replay(letters, &chosen, place.json).await
        }
    }
}

/// A queue is named by its own name or by that of its dead-letter queue.
fn is_in(place: &Place, queue: &str) -> bool {
    let named = |name: &String| name == queue || queue.strip_suffix(DEAD) == Some(name);
    place.queue.as_ref().is_none_or(named)
}

/// By its id, or by what is shown of an id that is not for printing.
fn is_called(dead: &DeadMessage, message_id: &str) -> bool {
    let id = &dead.message.message_id;
    id == message_id || shown(id.as_bytes()) == message_id
}

fn unknown(message_id: &str, place: &Place) -> String {
    let place = place.queue.as_ref().map_or_else(String::new, |queue| format!(" of {queue}"));
    format!(
        "no dead letter{place} has the message id {message_id}: `stormproof dlq list` shows all"
    )
}

async fn replay(
    letters: &dyn DeadLetters,
    chosen: &[&DeadMessage],
    json: bool,
) -> Result<String, String> {
    let mut replayed = Vec::new();
    for DeadMessage { queue, message, .. } in chosen {
        let id = &message.message_id;
        match letters.replay(queue, id).await {
            Ok(true) => replayed.push((id, queue.strip_suffix(DEAD).unwrap_or(queue))),
            // Somebody else has just done it.
            Ok(false) => {}
            Err(error) => {
                let done = replayed.len();
                return Err(format!("{id} of {queue}: {error}; {done} before it were given back"));
            }
        }
    }
    if json {
        let rows = replayed.iter().map(|(id, to)| json!({ "message_id": id, "to": to }));
        return Ok(format!("{:#}", Value::from_iter(rows)));
    }
    let lines = replayed.iter().map(|(id, to)| format!("{}  back to {to}\n", shown(id.as_bytes())));
    Ok(lines.collect::<String>() + &format!("{} given back", replayed.len()))
}

fn table(all: &[DeadMessage], now: Time) -> String {
    let mut text = String::new();
    for dead in all {
        let age = dead.died_at().map_or_else(String::new, |at| ago(now.since(at)));
        let Message { message_id, correlation_id, schema, .. } = &dead.message;
        let [id, order, schema] =
            [message_id, correlation_id, schema].map(|text| shown(text.as_bytes()));
        let why = dead.deaths.first().map_or_else(|| "nobody knows why".to_owned(), words);
        text += &format!("{id}  {schema}  order {order}  {why}{age}\n");
    }
    match all.len() {
        0 => "no dead letters".to_owned(),
        1 => text + "1 dead letter",
        count => text + &format!("{count} dead letters"),
    }
}

fn words(death: &Death) -> String {
    let Death { queue, count, .. } = death;
    let why = match death.reason {
        DeathReason::Rejected => "rejected by",
        DeathReason::Expired => "expired in",
        DeathReason::DeliveryLimit => "came back too often in",
    };
    let times = if *count > 1 { format!(" {count} times") } else { String::new() };
    format!("{why} {queue}{times}")
}

fn ago(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!(", {seconds} s ago"),
        seconds @ 120..7200 => format!(", {} min ago", seconds / 60),
        seconds => format!(", {} h ago", seconds / 3600),
    }
}

fn page(dead: &DeadMessage) -> String {
    let message = &dead.message;
    let mut text = format!(
        "message id     {}\norder          {}\nschema         {} version {}\n\
         traceparent    {}\npublished      {} µs since the epoch\nlies in        {}\n",
        shown(message.message_id.as_bytes()),
        shown(message.correlation_id.as_bytes()),
        shown(message.schema.as_bytes()),
        message.version,
        shown(message.traceparent.as_bytes()),
        message.timestamp,
        dead.queue,
    );
    for death in &dead.deaths {
        text += &format!("died           {}\n", words(death));
    }
    let body = serde_json::from_slice::<Value>(&message.body);
    text + &body.map_or_else(|_| shown(&message.body), |body| format!("{body:#}"))
}

/// As text for a terminal: what is no text, and what a terminal would obey, is spelled out.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter.is_control() && letter != '\n' {
                true => text.extend(letter.escape_default()),
                false => text.push(letter),
            }
        }
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text
}

fn whole(dead: &DeadMessage) -> Value {
    let message = &dead.message;
    let deaths = dead.deaths.iter().map(|death| {
        json!({
            "queue": &*death.queue,
            "reason": match death.reason {
                DeathReason::Rejected => "rejected",
                DeathReason::Expired => "expired",
                DeathReason::DeliveryLimit => "delivery_limit",
            },
            "count": death.count,
            "at": death.at,
        })
    });
    let body = serde_json::from_slice::<Value>(&message.body)
        .unwrap_or_else(|_| shown(&message.body).into());
    json!({
        "queue": dead.queue,
        "message_id": message.message_id,
        "order_id": message.correlation_id,
        "schema": message.schema,
        "version": message.version,
        "traceparent": message.traceparent,
        "timestamp": message.timestamp,
        "deaths": Value::from_iter(deaths),
        "body": body,
    })
}
