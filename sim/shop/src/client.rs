//! Asking the shop from outside: one call, and calls that are asked again until they are answered.

use std::time::Duration;

use stormproof_ports::retry::Backoff;
use stormproof_ports::{Answer, CallError, Ports};
use stormproof_system::error::{Kind, Problem};
use stormproof_system::question::{Question, is_definitive};

const AGAIN: Backoff = Backoff { base: Duration::from_millis(300), cap: Duration::from_secs(10) };

/// Asks once.
pub async fn ask_once(ports: &Ports, question: &Question) -> Result<Answer, CallError> {
    ports.http.call(question.call()).await
}

/// Asks until there is a definitive answer. Only the end of the run ends it otherwise.
pub async fn ask(ports: &Ports, question: &Question) -> Answer {
    for attempt in 1.. {
        match ask_once(ports, question).await {
            Ok(answer) if is_definitive(&answer) => return answer,
            _ => ports.clock.sleep(AGAIN.delay(attempt, &*ports.rng)).await,
        }
    }
    unreachable!("nobody asks four billion times")
}

/// The page that follows, if the answer's `Link` names one.
pub fn next_page(answer: &Answer) -> Option<String> {
    let link = answer.headers.get(http::header::LINK)?.to_str().ok()?;
    let (path, relation) = link.strip_prefix('<')?.split_once('>')?;
    (relation == "; rel=\"next\"").then(|| path.to_owned())
}

/// The kind of refusal, if the answer is one.
pub fn problem_kind(answer: &Answer) -> Option<Kind> {
    match answer.status.is_client_error() {
        true => Problem::parse(&answer.body).map(|problem| problem.kind),
        false => None,
    }
}
