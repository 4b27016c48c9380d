//! Customers told: one mail for every failure, refund and loss, and no mail about what did not
//! happen. That an order explains itself to who looks at it, customers see for themselves.

use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;

use super::{Evidence, Findings, Invariant, When};

pub const INVARIANT: Invariant = Invariant {
    name: "customers told",
    says: "every order paid, failed, refunded or lost: exactly one mail, and one to support for \
            every alert but that such a mail died; a second one only where a fault came, for that mail, between the mail \
            server and the commit; an order that is looked at explains what is to explain, and nothing else; a list \
            shows one's orders, the newest first, all of them that were there, each with its lines",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

/// The schema of mails to support.
const TO_SUPPORT: &str = "email.support";

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let Evidence { truth, client_history, final_state, .. } = evidence;
    let counts = final_state.mails_counted();
    let mails_of = |name: (&str, &str, &str)| counts.get(&name).copied().unwrap_or(0);
    let once = |name: (&str, &str, &str), mails| {
        mails == 1 || (mails > 1 && final_state.repeats_excused(name))
    };
    for customer in &evidence.client_history.customers {
        for (order, shown) in &customer.shown {
            let lines = final_state.lines.get(order);
            if lines.is_some_and(|lines| lines != shown) {
                let what = format!("has the lines {lines:?}, and {} saw {shown:?}", customer.name);
                findings.of(order, what);
            }
        }
    }
    for order in truth.orders.iter() {
        for (template, due) in [
            ("ordersuccess", order.paid_at.is_some()),
            ("orderfail", order.status == OrderStatus::Failed),
            ("refund", order.payment_status == PaymentStatus::Refunded),
            ("lost", order.status == OrderStatus::Lost),
        ] {
            let name = (&*order.id, template, "");
            let mails = mails_of(name);
            let fits = if due { once(name, mails) } else { mails == 0 };
            if !fits {
                let status = order.status.as_str();
                let expected = u8::from(due);
                findings.of(
                    &order.id,
                    format!("is {status} and got {mails} mails of {template}, expected {expected}"),
                );
            }
        }
    }
    for mail in final_state.mails.iter().filter(|mail| !mail.template.starts_with("support")) {
        if truth.orders.get(&mail.order).is_none() {
            findings
                .of(&mail.order, format!("is no order, and a mail of {} went out", mail.template));
        }
    }
    for alert in &final_state.alerts {
        let template = format!("support:{}", alert.kind);
        let name = (&*alert.order, template.as_str(), alert.id.as_str());
        let mails = mails_of(name);
        // Another mail would die like it.
        let was_mail = |schema: &str, id: &str| schema == TO_SUPPORT && id == alert.cause;
        let dead = final_state.dead.iter().any(|it| was_mail(&it.schema, &it.message_id));
        let mut found = client_history.letters_found.iter();
        let is_of_mail = dead || found.any(|it| was_mail(&it.schema, &it.message_id));
        let fits = if is_of_mail { mails == 0 } else { once(name, mails) };
        if !fits {
            let kind = &alert.kind;
            findings.of(
                &alert.order,
                format!(
                    "support got {mails} mails of one alert of {kind:?}, expected {}",
                    u8::from(!is_of_mail)
                ),
            );
        }
    }
}
