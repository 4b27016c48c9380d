//! To the customer: the order is paid.

use super::{Content, price};
use crate::email::letter::Letter;
use crate::id::OrderId;
use crate::messages::{MAIL_SUCCESS, OrderSuccess};

impl Letter for OrderSuccess {
    const QUEUE: &'static str = MAIL_SUCCESS;

    fn order_id(&self) -> &OrderId {
        &self.order_id
    }

    fn template(&self) -> String {
        "ordersuccess".into()
    }

    fn to(&self) -> &str {
        &self.to
    }

    fn content(&self) -> Content {
        Content {
            subject: "Your order is paid".into(),
            opening: "Thank you for your order. It is paid, and on its way to the carrier.",
            details: vec![("Order", self.order_id.to_string()), ("Total", price(self.total))],
            closing: "You can follow the parcel on your order's page.",
        }
    }

    fn words(&self) -> String {
        format!("mails the success of the order: {}", self.total)
    }
}
