//! Outgoing mail: by SMTP to a mail server, or as files in a folder.

mod maildrop;
mod smtp;

use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use stormproof_system::ports::Mail;

pub use maildrop::Maildrop;
pub use smtp::Smtp;

/// Why there is no mailer.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// Does not repeat the URL, for it may hold a password.
    #[error("no mail server's URL such as smtp://127.0.0.1:25: {0}")]
    BadUrl(&'static str),
    #[error("{0:?} is no sender such as \"Shop <shop@example.org>\": {1}")]
    BadSender(String, String),
    #[error("mails cannot be written to {0}: {1}")]
    Folder(String, std::io::Error),
}

/// The mail as it travels (RFC 5322), the alternatives from the plainest to the richest
/// (RFC 2046 §5.1.4). An error says which part of the mail cannot be.
fn compose(mail: Mail, from: &Mailbox) -> Result<Message, String> {
    let to: Address = mail.to.parse().map_err(|error| format!("{:?}: {error}", mail.to))?;
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(mail.subject)
        .message_id(Some(mail.message_id))
        .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))
        .map_err(|error| error.to_string())
}
