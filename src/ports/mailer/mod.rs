//! Outgoing mail: by SMTP to a mail server, or as files in a folder.

mod compose;
mod maildrop;
mod smtp;

pub use compose::MailerError;
pub use maildrop::Maildrop;
pub use smtp::Smtp;
