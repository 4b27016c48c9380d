//! What every replica has counted of its transactions, asked at its `/metrics`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, Method, StatusCode};
use stormproof_bindings::http::HttpClient;
use stormproof_ports::metrics::{OutcomeCounts, TransactionOutcome};
use stormproof_ports::{Call, Http as _};
use stormproof_shop::load::named_transactions::{Look, ReplicaCounts};

use crate::host::metrics::{PATH, START_TIME, TRANSACTIONS};

/// How long a replica may take to tell.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks every replica of `peers` at once.
pub async fn look(peers: &BTreeMap<String, Vec<String>>) -> Look {
    let urls = peers.values().flatten();
    join_all(urls.map(async |url| (url.clone(), ask(url).await))).await.into_iter().collect()
}

async fn ask(url: &str) -> Result<ReplicaCounts, String> {
    let peers = BTreeMap::from([(url.to_owned(), vec![url.to_owned()])]);
    let client = HttpClient::new(peers).map_err(|error| error.to_string())?;
    let call = Call {
        to: url.to_owned().into(),
        operation: "read metrics".into(),
        method: Method::GET,
        path: PATH.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: PATIENCE,
    };
    let answer = client.call(call).await.map_err(|error| error.to_string())?;
    match (answer.status, std::str::from_utf8(&answer.body)) {
        (StatusCode::OK, Ok(text)) => parse(text),
        (StatusCode::OK, Err(_)) => Err(format!("{PATH} is no text")),
        (status, _) => Err(format!("{PATH} answers {status}")),
    }
}

/// Reads what the host tells; of other metrics it may tell more.
///
/// # Errors
/// In words: what is wrong, or missing.
pub fn parse(text: &str) -> Result<ReplicaCounts, String> {
    let mut life = None;
    let mut transactions = BTreeMap::<_, OutcomeCounts>::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let unreadable = || format!("{PATH}: cannot read {line:?}");
        let (name, labels, value) = sample(line).ok_or_else(unreadable)?;
        if name == START_TIME {
            life = Some(value.to_owned());
        } else if name.strip_suffix("_total") == Some(TRANSACTIONS) {
            let label = |name: &str| labels.get(name).cloned().ok_or_else(unreadable);
            let word = label("outcome")?;
            let mut outcomes = TransactionOutcome::ALL.into_iter();
            let outcome = outcomes.find(|it| it.word() == word).ok_or_else(unreadable)?;
            let count = value.parse().map_err(|_| unreadable())?;
            let counts = transactions.entry((label("service")?, label("transaction")?));
            counts.or_default().add(outcome, count);
        }
    }
    let life = life.ok_or_else(|| format!("{PATH} has no {START_TIME}"))?;
    Ok(ReplicaCounts { life, transactions })
}

/// A sample's name, labels and value; `None` if it is none.
fn sample(line: &str) -> Option<(&str, BTreeMap<&str, String>, &str)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(within) = rest.strip_prefix('{') {
        rest = within;
        while !rest.starts_with('}') {
            let (label, quoted) = rest.split_once("=\"")?;
            let (value, after) = unescape(quoted)?;
            labels.insert(label, value);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    Some((name, labels, rest.split_whitespace().next()?))
}

/// A label's value up to its closing quotation mark, and what follows.
fn unescape(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    loop {
        match letters.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => match letters.next()?.1 {
                'n' => value.push('\n'),
                letter => value.push(letter),
            },
            (_, letter) => value.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_said() {
        let start = "process_start_time_seconds 1.5\n";
        let counter = "stormproof_transactions_total{service=\"a\",transaction=\"b\"";
        let table = [
            ("<html>".to_owned(), "cannot read \"<html>\""),
            ("up 1\n".to_owned(), "has no process_start_time_seconds"),
            (format!("{start}{counter}}} 5"), "cannot read"),
            (format!("{start}{counter},outcome=\"lucky\"}} 5"), "cannot read"),
            (format!("{start}{counter},outcome=\"committed\"}} many"), "cannot read"),
            (format!("{start}{counter},outcome=\"committed"), "cannot read"),
        ];
        for (text, expected) in table {
            let why = parse(&text).err().unwrap_or_else(|| panic!("{text}: expected a mistake"));
            assert!(why.contains(expected), "{text}: {why}");
        }
        let told =
            parse(&format!("# HELP up\nup{{}} 1\n{start}{counter},outcome=\"committed\"}} 5"));
        let told = told.expect("it is well formed");
        assert_eq!((told.life.as_str(), told.transactions.len()), ("1.5", 1));
    }

    #[tokio::test]
    async fn who_does_not_answer_is_told_of() {
        let listener =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has room");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        drop(listener);
        let peers = BTreeMap::from([("store".to_owned(), vec![url.clone(), "nowhere".to_owned()])]);
        let look = look(&peers).await;
        assert_eq!(look.len(), 2);
        assert!(look.values().all(Result::is_err));
    }
}
