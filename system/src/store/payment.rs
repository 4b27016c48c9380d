//! The Store's view of a payment, and its machine (`protocol.md` §1). Pure.

/// What the Store knows of the Bank's doing for one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PaymentStatus {
    None,
    DebitIntent,
    Debited,
    Declined,
    Voided,
    RefundDue,
    Refunded,
    Parked,
}

use PaymentStatus::*;

/// Every legal move. Only an operator or the slow probe leads out of PARKED.
pub const ARROWS: [(PaymentStatus, PaymentStatus); 8] = [
    (PaymentStatus::None, DebitIntent),
    (DebitIntent, Debited),
    (DebitIntent, Declined),
    (DebitIntent, Voided),
    (Debited, RefundDue),
    (RefundDue, Refunded),
    (RefundDue, Parked),
    (Parked, RefundDue),
];

impl PaymentStatus {
    pub const ALL: [PaymentStatus; 8] =
        [PaymentStatus::None, DebitIntent, Debited, Declined, Voided, RefundDue, Refunded, Parked];

    pub fn as_str(self) -> &'static str {
        match self {
            PaymentStatus::None => "NONE",
            DebitIntent => "DEBIT_INTENT",
            Debited => "DEBITED",
            Declined => "DECLINED",
            Voided => "VOIDED",
            RefundDue => "REFUND_DUE",
            Refunded => "REFUNDED",
            Parked => "PARKED",
        }
    }

    pub fn parse(text: &str) -> Option<PaymentStatus> {
        PaymentStatus::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub fn may_become(self, next: PaymentStatus) -> bool {
        ARROWS.contains(&(self, next))
    }
}

/// The payment of one order. Its amount is the order's total.
#[derive(Clone, Debug, PartialEq)]
pub struct Payment {
    pub status: PaymentStatus,
    /// The Bank's transaction of the debit; empty before.
    pub transaction_id: String,
    /// The Bank's transaction of the refund; empty before.
    pub refund_id: String,
    /// Why the refund is parked; empty if it is not.
    pub parked_reason: String,
}

impl Payment {
    /// A payment that nobody has begun.
    pub fn none() -> Payment {
        Payment {
            status: PaymentStatus::None,
            transaction_id: String::new(),
            refund_id: String::new(),
            parked_reason: String::new(),
        }
    }

    /// Moves along an arrow; any other move is a bug of ours.
    pub fn become_status(&mut self, next: PaymentStatus) {
        assert!(
            self.status.may_become(next),
            "no arrow leads from {} to {}",
            self.status.as_str(),
            next.as_str()
        );
        self.status = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_the_protocols() {
        let table: Vec<String> = PaymentStatus::ALL
            .into_iter()
            .map(|from| {
                let next = PaymentStatus::ALL.into_iter().filter(|next| from.may_become(*next));
                let next: Vec<_> = next.map(PaymentStatus::as_str).collect();
                format!("{} -> {}", from.as_str(), next.join(" "))
            })
            .collect();
        let expected = "NONE -> DEBIT_INTENT\n\
            DEBIT_INTENT -> DEBITED DECLINED VOIDED\n\
            DEBITED -> REFUND_DUE\n\
            DECLINED -> \n\
            VOIDED -> \n\
            REFUND_DUE -> REFUNDED PARKED\n\
            REFUNDED -> \n\
            PARKED -> REFUND_DUE";
        assert_eq!(table.join("\n"), expected);
    }
}
