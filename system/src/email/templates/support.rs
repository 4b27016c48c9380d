//! To the support team: somebody has to look. One mail for each alert.

use super::Content;
use crate::email::letter::{Letter, SUPPORT_ADDRESS};
use crate::id::OrderId;
use crate::messages::{MAIL_SUPPORT, Support};

impl Letter for Support {
    const QUEUE: &'static str = MAIL_SUPPORT;

    fn order_id(&self) -> &OrderId {
        &self.order_id
    }

    fn template(&self) -> String {
        match self.alert.as_str() {
            "" => format!("support:{}", self.kind),
            alert => format!("support:{}:{alert}", self.kind),
        }
    }

    fn to(&self) -> &str {
        SUPPORT_ADDRESS
    }

    fn content(&self) -> Content {
        Content {
            subject: format!("Alert: {} ({})", self.kind, self.order_id),
            opening: "An order needs your attention.",
            details: vec![
                ("Order", self.order_id.to_string()),
                ("Kind", self.kind.clone()),
                ("What happened", self.text.clone()),
            ],
            closing: "The support page shows all open alerts.",
        }
    }

    fn words(&self) -> String {
        format!("mails support: {}", super::line(&self.kind))
    }
}
