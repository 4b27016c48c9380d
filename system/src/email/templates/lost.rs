//! To the customer: the carrier lost the parcel.

use super::Content;
use crate::email::letter::Letter;
use crate::id::OrderId;
use crate::messages::{Lost, MAIL_LOST};

impl Letter for Lost {
    const QUEUE: &'static str = MAIL_LOST;

    fn order_id(&self) -> &OrderId {
        &self.order_id
    }

    fn template(&self) -> String {
        "lost".into()
    }

    fn to(&self) -> &str {
        &self.to
    }

    fn content(&self) -> Content {
        Content {
            subject: "Your parcel is lost".into(),
            opening: "We are sorry: the carrier has lost your parcel.",
            details: vec![("Order", self.order_id.to_string())],
            closing: "We return your money; another mail will tell you when that is done.",
        }
    }

    fn words(&self) -> String {
        "mails the loss of the parcel".into()
    }
}
