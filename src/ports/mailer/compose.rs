//! A mail as it travels, whoever takes it along, and why nobody may.

use lettre::address::AddressError;
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use stormproof_ports::Mail;

/// Why there is no mailer.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// Does not repeat the URL, for it may hold a password.
    #[error("no mail server's URL such as smtp://127.0.0.1:25: {0}")]
    BadUrl(&'static str),
    /// The sender, and why it is none.
    #[error("{0:?} is no sender such as \"Desk <desk@example.org>\": {1}")]
    BadSender(String, String),
    /// The folder, and what the system says.
    #[error("mails cannot be written to {0}: {1}")]
    Folder(String, std::io::Error),
}

/// `from` as a sender.
pub(super) fn sender(from: &str) -> Result<Mailbox, MailerError> {
    from.parse()
        .map_err(|error: AddressError| MailerError::BadSender(from.to_owned(), error.to_string()))
}

/// The mail as it travels (RFC 5322), the alternatives from the plainest to the richest
/// (RFC 2046 §5.1.4). An error says which part of the mail cannot be.
pub(super) fn compose(mail: Mail, from: &Mailbox) -> Result<Message, String> {
    let to: Address = mail.to.parse().map_err(|error| format!("{:?}: {error}", mail.to))?;
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(mail.subject)
        .message_id(Some(mail.message_id))
        .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))
        .map_err(|error| error.to_string())
}
