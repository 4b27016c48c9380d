//! How an operator's command reaches the shop: the configuration of a served one, or the data folder
//! of one that `stormproof up` keeps open. Either holds the secrets that open the doors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use stormproof_ports::retry::Backoff;
use stormproof_ports::{Answer, CallError, Ports};
use stormproof_system::context::Context;
use stormproof_system::error::{Kind, Problem};
use stormproof_system::id::UserId;
use stormproof_system::question::Question;
use stormproof_system::token;
use tokio::time::{Instant, sleep};

use crate::admin_ports;
use crate::config::{Config, ConfigFile};
use crate::data_folder;

/// Where the shop is.
#[derive(clap::Args, Clone, Debug)]
pub struct ShopAddress {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The data folder of a shop that `stormproof up` keeps open, instead of a configuration.
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    pub data: Option<PathBuf>,
    /// Where the Store answers, if not at its usual address.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// Who asks, in tokens and logs.
const NAME: &str = "operator";

impl ShopAddress {
    /// The settings of the shop.
    ///
    /// # Errors
    /// The first mistake in them.
    pub fn config(&self) -> Result<Config, String> {
        let mut config = match &self.data {
            Some(folder) => of_folder(folder)?,
            None => {
                let config = self.config.read(Config::default())?;
                config.check("store").map_err(|mistake| mistake.to_string())?;
                config
            }
        };
        if let Some(url) = &self.url {
            config.peers.insert("store", vec![url.clone()]);
        }
        Ok(config)
    }

    /// Ports that reach the shop's services, and the secrets that open them.
    ///
    /// # Errors
    /// As [`ShopAddress::config`], or an address that is none.
    pub fn context(&self) -> Result<Context, String> {
        admin_ports::context(&self.config()?, NAME)
    }
}

/// The settings of a shop in one process: of its services only the Store has an address that is
/// known outside.
fn of_folder(folder: &Path) -> Result<Config, String> {
    let mut config = Config::of_one_machine();
    let secrets = data_folder::secrets_in(folder)?;
    let secrets = secrets.ok_or_else(|| format!("there is no shop in {}", folder.display()))?;
    config.shop.auth.customer_secret = secrets.customer.into_bytes();
    config.shop.auth.service_secret = secrets.service.into_bytes();
    let store: BTreeMap<_, _> =
        config.peers.into_iter().filter(|(service, _)| *service == "store").collect();
    config.peers = store;
    Ok(config)
}

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
/// `deadline`. The answer, whatever its status, and how often it was asked again.
///
/// # Errors
/// In words, if there is no answer or the deadline came first.
pub async fn insist(
    ports: &Ports,
    question: &Question,
    deadline: Instant,
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
        if Instant::now() + pause > deadline {
            let why = outcome.map_or_else(|error| error.to_string(), |it| refusal(&it));
            return Err(format!("{to}: {path}: patience ended: {why}"));
        }
        sleep(pause).await;
    }
}

/// Any answer, whatever its status, but that nothing happened and to try again: so it does, for as
/// long as one attempt may take.
///
/// # Errors
/// As [`insist`].
pub async fn answer(ports: &Ports, question: &Question) -> Result<Answer, String> {
    let deadline = Instant::now() + question.timeout;
    insist(ports, question, deadline, says_try_again).await.map(|(answer, _)| answer)
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
