//! A letter: what a message needs to become a mail, and the names that tell mails apart.
//!
//! Pure. The words of each letter are in `templates`, the sending is left to `service`.

use std::fmt::Write as _;

use stormproof_messaging::Payload;
use stormproof_ports::Mail;

use super::templates::Content;
use crate::error::Error;
use crate::id::OrderId;

/// Where mails to the support team go.
pub const SUPPORT_ADDRESS: &str = "support@stormproof.example";

/// The domain of our `Message-ID`s.
const DOMAIN: &str = "stormproof.example";

/// A message that becomes a mail.
pub trait Letter: Payload + Send + Sync + 'static {
    /// Where it comes in.
    const QUEUE: &'static str;

    /// The order that it is about.
    fn order_id(&self) -> &OrderId;

    /// With the order it names the mail: nobody gets two of one name.
    fn template(&self) -> String;

    /// The recipient's address.
    fn to(&self) -> &str;

    fn content(&self) -> Content;

    /// The story's words for sending it.
    fn words(&self) -> String;
}

/// The finished mail. An address that no mail server should see is refused for good.
pub fn mail(letter: &impl Letter) -> Result<Mail, Error> {
    check_address(letter.to())?;
    let content = letter.content();
    Ok(Mail {
        message_id: message_id(&letter.template(), letter.order_id()),
        to: letter.to().to_owned(),
        subject: content.subject(),
        text: content.text(),
        html: content.html(),
    })
}

/// The same mail has the same `Message-ID` however often it is sent, and no two mails share one
/// (RFC 5322 §3.6.4): every byte that is not plain is spelt out.
pub fn message_id(template: &str, order: &OrderId) -> String {
    let mut id = String::from("<");
    for byte in template.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => id.push(byte.into()),
            b' ' => id.push('-'),
            b':' => id.push('+'),
            _ => spell(&mut id, byte),
        }
    }
    id.push('.');
    for byte in order.as_str().bytes() {
        match byte {
            b'.' => spell(&mut id, byte),
            _ => id.push(byte.into()),
        }
    }
    write!(id, "@{DOMAIN}>").expect("writing to a string cannot fail");
    id
}

fn spell(id: &mut String, byte: u8) {
    write!(id, "={byte:02x}").expect("writing to a string cannot fail");
}

/// One plain `local@domain`: nothing that could end a header, begin a second address or a comment.
fn check_address(address: &str) -> Result<(), Error> {
    let harmless = |letter: char| {
        !letter.is_control() && !letter.is_whitespace() && !"<>()[],;:\\\"".contains(letter)
    };
    let parts = address.split_once('@');
    let fits = parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    if fits && address.len() <= 254 && address.chars().all(harmless) {
        return Ok(());
    }
    Err(Error::invalid("the recipient: expected one plain address, such as a@b.example"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(template: &str, order: &str) -> String {
        message_id(template, &OrderId::parse(order).expect("well formed"))
    }

    #[test]
    fn message_ids_are_readable_plain_and_distinct() {
        assert_eq!(id("refund", "0193-ab"), "<refund.0193-ab@stormproof.example>");
        assert_eq!(
            id("support:refund parked", "o_1"),
            "<support+refund-parked.o_1@stormproof.example>"
        );
        assert_eq!(id("a>\r\n", ".."), "<a=3e=0d=0a.=2e=2e@stormproof.example>");
        let alike =
            [id("a b", "c"), id("a-b", "c"), id("a:b", "c"), id("a", "b.c"), id("a.b", "c")];
        for (index, one) in alike.iter().enumerate() {
            assert!(!alike[..index].contains(one), "{one}");
        }
    }

    #[test]
    fn only_plain_addresses_get_mail() {
        for good in ["ada@shop.example", "a+b@c", "müller@post.example"] {
            assert!(check_address(good).is_ok(), "{good}");
        }
        let long = format!("{}@b", "a".repeat(254));
        for bad in ["", "a", "@b", "a@", "a@b@c", "a@b\r\nBcc: c@d", "a@b,c@d", "<a@b>", &long] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }
}
