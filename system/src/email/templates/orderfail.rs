//! To the customer: the order failed, and why.

use super::Content;
use crate::email::letter::Letter;
use crate::id::OrderId;
use crate::messages::{MAIL_FAIL, OrderFail};

impl Letter for OrderFail {
    const QUEUE: &'static str = MAIL_FAIL;

    fn order_id(&self) -> &OrderId {
        &self.order_id
    }

    fn template(&self) -> String {
        "orderfail".into()
    }

    fn to(&self) -> &str {
        &self.to
    }

    fn content(&self) -> Content {
        Content {
            subject: "Your order failed".into(),
            opening: "We are sorry: your order could not be completed.",
            details: vec![
                ("Order", self.order_id.to_string()),
                ("Reason", self.explanation.clone()),
            ],
            closing: "Nothing will be delivered for this order. You are welcome to order again.",
        }
    }

    fn words(&self) -> String {
        "mails the failure of the order".into()
    }
}
