//! Mails as Email's API shows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stormproof_ports::time::Time;

use super::mapper::Sent;

/// A mail that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mail {
    pub order_id: String,
    /// `ordersuccess`, `orderfail`, `refund`, `lost` or `support:<kind>`.
    pub template: String,
    pub message_id: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Microseconds since the epoch.
    pub sent_at: Time,
}

/// The latest mails, newest first, at most 200.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mailbox {
    pub mails: Vec<Mail>,
}

/// Whose mails.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct Filter {
    /// Everybody's, if not given.
    pub to: Option<String>,
}

impl From<Sent> for Mail {
    fn from(sent: Sent) -> Mail {
        Mail {
            order_id: sent.order_id,
            template: sent.template,
            message_id: sent.mail.message_id,
            to: sent.mail.to,
            subject: sent.mail.subject,
            text: sent.mail.text,
            html: sent.mail.html,
            sent_at: sent.sent_at,
        }
    }
}
