//! The templates, with harmless and with hostile values.

use stormproof_ports::Mail;

use super::*;
use crate::email::letter::{Letter, SUPPORT_ADDRESS, mail};
use crate::id::OrderId;
use crate::messages::{Lost, OrderFail, OrderSuccess, Refund, Support};
use crate::money::{Currency, Money};

const HOSTILE: &str =
    "</td><script>alert('1')</script>\r\nBcc: eve@evil.example\r\n\r\n\u{202e}&\"\0";

fn order() -> OrderId {
    OrderId::parse("order-1").expect("well formed")
}

fn refund(reason: &str) -> Refund {
    Refund {
        order_id: order(),
        to: "ada@shop.example".into(),
        amount: Money::new(4200, Currency::AUD),
        time: 1_000_000_000_000_000,
        reason: reason.into(),
    }
}

fn made(letter: &impl Letter) -> Mail {
    mail(letter).expect("the address is plain")
}

#[test]
fn a_refund_in_full() {
    let mail = made(&refund("the parcel was lost"));
    assert_eq!(mail.to, "ada@shop.example");
    assert_eq!(mail.message_id, "<refund.order-1@stormproof.example>");
    assert_eq!(mail.subject, "Your refund");
    assert_eq!(
        mail.text,
        "We have returned your money to your account.\n\nOrder: order-1\nAmount: 42.00 AUD\n\
         Time: 2001-09-09T01:46:40Z\nReason: the parcel was lost\n\nYou need not do anything.\n\n\
         Stormproof\n"
    );
    assert!(mail.html.contains("<tr><th align=\"left\">Amount</th><td>42.00 AUD</td></tr>"));
    assert_eq!(refund("").words(), "mails the refund of 42.00");
}

#[test]
fn every_mail_has_a_name_of_its_own_and_names_the_order() {
    let (order_id, to) = (order(), String::from("ada@shop.example"));
    let total = Money::new(1, Currency::AUD);
    let mails = [
        made(&OrderSuccess { order_id: order_id.clone(), to: to.clone(), total }),
        made(&OrderFail { order_id: order_id.clone(), to: to.clone(), explanation: "x".into() }),
        made(&refund("x")),
        made(&Lost { order_id: order_id.clone(), to }),
        made(&Support {
            order_id: order_id.clone(),
            kind: "dead letter".into(),
            text: "x".into(),
            alert: String::new(),
        }),
        made(&Support {
            order_id,
            kind: "refund parked".into(),
            text: "x".into(),
            alert: "0a1b".into(),
        }),
    ];
    for (index, mail) in mails.iter().enumerate() {
        assert!(mail.text.contains("order-1") && mail.html.contains("order-1"));
        assert!(mails[..index].iter().all(|other| other.message_id != mail.message_id));
    }
    assert_eq!(mails[4].to, SUPPORT_ADDRESS);
    assert_eq!(mails[4].subject, "Alert: dead letter (order-1)");
}

#[test]
fn hostile_values_stay_values() {
    let fail =
        OrderFail { order_id: order(), to: "ada@shop.example".into(), explanation: HOSTILE.into() };
    let support = Support {
        order_id: order(),
        kind: HOSTILE.into(),
        text: HOSTILE.into(),
        alert: HOSTILE.into(),
    };
    let harmless = OrderFail { explanation: "x".into(), ..fail.clone() };
    assert_eq!(made(&harmless).html.matches('<').count(), made(&fail).html.matches('<').count());
    for mail in [made(&refund(HOSTILE)), made(&fail), made(&support)] {
        assert!(!mail.subject.contains(char::is_control), "{:?}", mail.subject);
        assert!(!mail.message_id.contains(char::is_control), "{:?}", mail.message_id);
        assert!(!mail.message_id.contains([' ', ';', '/']), "{:?}", mail.message_id);
        assert!(!mail.html.contains("<script") && !mail.html.contains("\"\0"), "{}", mail.html);
        assert!(mail.html.contains("&lt;script&gt;alert(&#39;1&#39;)"), "{}", mail.html);
        // The value stays on its own line: it can neither end the mail nor begin a header.
        assert!(!mail.text.contains("\nBcc") && !mail.text.contains('\r'), "{}", mail.text);
        assert!(!mail.text.contains('\u{202e}') && !mail.text.contains('\0'), "{}", mail.text);
    }
}

#[test]
fn a_hostile_recipient_gets_nothing() {
    let lost = Lost { order_id: order(), to: "ada@shop.example\r\nBcc: eve@evil.example".into() };
    assert!(mail(&lost).is_err());
}

#[test]
fn subjects_are_short() {
    let support = Support {
        order_id: order(),
        kind: "ü".repeat(5000),
        text: String::new(),
        alert: String::new(),
    };
    assert_eq!(made(&support).subject.chars().count(), SUBJECT_MAX);
}

#[test]
fn lines_and_escapes() {
    assert_eq!(line("  a\r\n\tb\u{85}c\u{2028}d\u{7f} "), "a b c d");
    assert_eq!(escape("<a href=\"x\">'&amp;'</a>").matches(['<', '>', '"', '\'']).count(), 0);
    assert_eq!(escape("&lt;"), "&amp;lt;");
}
