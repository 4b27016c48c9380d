//! How operators ask the shop, wherever it runs: again while an answer is only passing, in words where
//! it refuses.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use stormproof_ports::retry::Backoff;
use stormproof_ports::time::Time;
use stormproof_ports::{Answer, CallError, Ports};
use stormproof_system::context::Context;
use stormproof_system::error::{Kind, Problem};
use stormproof_system::id::UserId;
use stormproof_system::question::{Question, is_definitive};
use stormproof_system::token;

/// Who asks, in tokens and logs.
pub const NAME: &str = "operator";

/// What one attempt came to.
pub type Outcome = Result<Answer, CallError>;

/// Before a question is asked again.
const PAUSES: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(1) };

/// What an operator looks at.
pub fn get(to: &'static str, path: impl Into<String>) -> Question {
    Question::get(to, NAME, path)
}

/// What an operator wants done.
pub fn post(to: &'static str, path: impl Into<String>, body: &impl Serialize) -> Question {
    Question::post(to, NAME, path, body)
}

/// Asks again, the same question with the same key, while the outcome is a passing one and until
/// `deadline`, by the clock of who asks. The answer, whatever its status, and how often it was asked again.
///
/// # Errors
/// In words, if there is no answer or the deadline came first.
pub async fn insist(
    ports: &Ports,
    question: &Question,
    deadline: Time,
    is_passing: fn(&Outcome) -> bool,
) -> Result<(Answer, u32), String> {
    let Question { to, path, .. } = question;
    let mut asked_again = 0;
    loop {
        let outcome = ports.http.call(question.call()).await;
        if !is_passing(&outcome) {
            let answer = outcome.map_err(|error| format!("{to}: {error}"))?;
            return Ok((answer, asked_again));
        }
        asked_again += 1;
        let pause = PAUSES.delay(asked_again, &*ports.rng);
        if ports.clock.now() + pause > deadline {
            let why = outcome.map_or_else(|error| error.to_string(), |it| refusal(&it));
            return Err(format!("{to}: {path}: patience ended: {why}"));
        }
        ports.clock.sleep(pause).await;
    }
}

/// Any answer, whatever its status, but that nothing happened and to try again: so it does, for as
/// long as one attempt may take. What only reads, or has a key, is also asked again while it is not known
/// what an attempt came to.
///
/// # Errors
/// As [`insist`].
pub async fn answer(ports: &Ports, question: &Question) -> Result<Answer, String> {
    let does_no_harm_twice = question.method.is_safe() || question.key.is_some();
    let is_passing = if does_no_harm_twice { was_perhaps_heard } else { says_try_again };
    let deadline = ports.clock.now() + question.timeout;
    insist(ports, question, deadline, is_passing).await.map(|(answer, _)| answer)
}

/// The body of an answer of success.
///
/// # Errors
/// As [`answer`], or a refusal, or one that cannot be read.
pub async fn must<A: DeserializeOwned>(ports: &Ports, question: &Question) -> Result<A, String> {
    read(question, &answer(ports, question).await?)
}

/// What the answer to `question` says, if it is one of success.
///
/// # Errors
/// In words: a refusal, or one that cannot be read.
pub fn read<A: DeserializeOwned>(question: &Question, answer: &Answer) -> Result<A, String> {
    let Question { to, path, .. } = question;
    if !answer.status.is_success() {
        return Err(format!("{to}: {path}: {}", refusal(answer)));
    }
    let body: &[u8] = if answer.status == StatusCode::NO_CONTENT { b"null" } else { &answer.body };
    serde_json::from_slice(body).map_err(|error| format!("{to}: {path}: {error}"))
}

/// Whether the same question with the same key may still get an answer that is one.
pub fn is_in_doubt(outcome: &Outcome) -> bool {
    !outcome.as_ref().is_ok_and(is_definitive)
}

/// Whether it is in doubt, and not for want of anybody who hears: an operator wants to know that at once.
pub fn was_perhaps_heard(outcome: &Outcome) -> bool {
    is_in_doubt(outcome) && !matches!(outcome, Err(CallError::Unavailable(_)))
}

fn says_try_again(outcome: &Outcome) -> bool {
    let problem = outcome.as_ref().ok().and_then(|answer| Problem::parse(&answer.body));
    problem.is_some_and(|problem| problem.kind == Kind::Unavailable)
}

/// A refusal in words.
pub fn refusal(answer: &Answer) -> String {
    match Problem::parse(&answer.body) {
        Some(problem) => format!("{}: {}", problem.kind.title(), problem.detail),
        None => answer.status.to_string(),
    }
}

/// A token of the support team's.
pub fn support(context: &Context) -> String {
    let operator = UserId::parse(NAME).expect("a valid id");
    token::for_user(context, &operator, NAME, token::SUPPORT)
}
