//! SMTP (RFC 5321) without TLS: a relay on the same machine or in the same network.
//!
//! Up to the reply to DATA nothing can have been taken, so a failure before it is Unavailable, and
//! a kept connection that turns out dead is replaced. A refusal is a refusal at every stage. From
//! the first byte of the content on, silence is Unknown.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use lettre::Message;
use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Category, Code, Detail, Severity};
use stormproof_ports::{CallError, Mail, Mailer};
use tokio::time::{Instant, timeout_at};

use super::compose::{MailerError, compose, sender};

/// How long handing over one mail may take; who sends has to wait longer.
const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections kept while nobody needs them, and for how long.
const IDLE_MAX: usize = 4;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// "Service not available, closing transmission channel": what a server says to a connection that
/// has been idle for too long (RFC 5321 §3.8).
const CLOSING: Code = Code {
    severity: Severity::TransientNegativeCompletion,
    category: Category::Connections,
    detail: Detail::One,
};

/// A mail server.
pub struct Smtp {
    host: String,
    port: u16,
    from: Mailbox,
    hello: ClientId,
    timeout: Duration,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// How far a mail had come when something failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The content has not begun to leave.
    Envelope,
    Content,
}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Smtp(#[from] smtp::Error),
    /// Neither taken nor refused.
    #[error("the mail server answers the content with {0}")]
    Reply(String),
}

impl Smtp {
    /// `url`: `smtp://host` or `smtp://host:port` (25 if not told); `from`: the sender of every mail,
    /// such as `Desk <desk@example.org>`. Connects when there is something to send.
    ///
    /// # Errors
    /// If one of them is none.
    pub fn open(url: &str, from: &str) -> Result<Smtp, MailerError> {
        let bad = MailerError::BadUrl;
        let uri: http::Uri = url.parse().map_err(|_| bad("it is no URL"))?;
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        if uri.scheme_str() != Some("smtp") {
            return Err(bad("only smtp: is spoken, without TLS"));
        }
        if authority.as_str().contains('@') {
            return Err(bad("a password would travel in the clear"));
        }
        let from = sender(from)?;
        Ok(Smtp {
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(25),
            from,
            hello: ClientId::default(),
            timeout: TIMEOUT,
            idle: Mutex::default(),
        })
    }

    /// With another limit to how long handing over one mail may take; 20 seconds if not told.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Smtp {
        Smtp { timeout, ..self }
    }

    async fn hand_over(&self, mail: Mail) -> Result<(), CallError> {
        let message = compose(mail, &self.from).map_err(CallError::Unavailable)?;
        let deadline = Instant::now() + self.timeout;
        let mut stage = Stage::Envelope;
        let why = match timeout_at(deadline, self.converse(&message, &mut stage)).await {
            Ok(Ok(())) => return Ok(()),
            // The server has spoken: it does not take this mail.
            Ok(Err(Failure::Smtp(error))) if error.status().is_some() => {
                return Err(CallError::Unavailable(error.to_string()));
            }
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => format!("{} did not answer in time", self.host),
        };
        match stage {
            Stage::Envelope => Err(CallError::Unavailable(why)),
            Stage::Content => Err(CallError::Unknown(why)),
        }
    }

    /// A connection is kept only after a whole conversation: one that was cut short may still hold
    /// the reply to something else.
    async fn converse(&self, message: &Message, stage: &mut Stage) -> Result<(), Failure> {
        let content = message.formatted();
        let mut connection = self.begin(message, &content).await?;
        *stage = Stage::Content;
        let reply = connection.message(&content).await?;
        if reply.code().severity != Severity::PositiveCompletion {
            return Err(Failure::Reply(reply.code().to_string()));
        }
        let mut idle = self.idle();
        if idle.len() < IDLE_MAX {
            idle.push((connection, Instant::now()));
        }
        Ok(())
    }

    /// A connection whose server waits for the content. A kept one may have died; the mail then
    /// begins anew on a fresh one.
    async fn begin(
        &self,
        message: &Message,
        content: &[u8],
    ) -> Result<AsyncSmtpConnection, smtp::Error> {
        while let Some(mut connection) = self.kept() {
            match envelope(&mut connection, message, content).await {
                Ok(()) => return Ok(connection),
                Err(error) if error.status().is_some_and(|code| code != CLOSING) => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        let server = (self.host.as_str(), self.port);
        let wait = Some(CONNECT_TIMEOUT);
        let connect = AsyncSmtpConnection::connect_tokio1(server, wait, &self.hello, None, None);
        let mut connection = connect.await?;
        envelope(&mut connection, message, content).await?;
        Ok(connection)
    }

    /// A connection that has not been idle for too long.
    fn kept(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle();
        idle.retain(|(_, since)| since.elapsed() < IDLE_TIMEOUT);
        idle.pop().map(|(connection, _)| connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(AsyncSmtpConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailer for Smtp {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), CallError>> {
        Box::pin(self.hand_over(mail))
    }
}

/// Sender, recipient, and the announcement of the content.
async fn envelope(
    connection: &mut AsyncSmtpConnection,
    message: &Message,
    content: &[u8],
) -> Result<(), smtp::Error> {
    let envelope = message.envelope();
    let mut options = Vec::new();
    if !content.is_ascii() {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    if envelope.to().iter().chain(envelope.from()).any(|address| !address.to_string().is_ascii()) {
        options.push(MailParameter::SmtpUtfEight);
    }
    connection.command(commands::Mail::new(envelope.from().cloned(), options)).await?;
    for recipient in envelope.to() {
        connection.command(commands::Rcpt::new(recipient.clone(), Vec::new())).await?;
    }
    connection.command(commands::Data).await?;
    Ok(())
}
