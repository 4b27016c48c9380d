//! To the customer: the money went back.

use stormproof_ports::time::Time;

use super::{Content, price};
use crate::email::date::rfc3339;
use crate::email::letter::Letter;
use crate::id::OrderId;
use crate::messages::{MAIL_REFUND, Refund};

impl Letter for Refund {
    const QUEUE: &'static str = MAIL_REFUND;

    fn order_id(&self) -> &OrderId {
        &self.order_id
    }

    fn template(&self) -> String {
        "refund".into()
    }

    fn to(&self) -> &str {
        &self.to
    }

    fn content(&self) -> Content {
        Content {
            subject: "Your refund".into(),
            opening: "We have returned your money to your account.",
            details: vec![
                ("Order", self.order_id.to_string()),
                ("Amount", price(self.amount)),
                ("Time", rfc3339(Time(self.time))),
                ("Reason", self.reason.clone()),
            ],
            closing: "You need not do anything.",
        }
    }

    fn words(&self) -> String {
        format!("mails the refund of {}", self.amount)
    }
}
