//! A debit key and what it stands for, for ever: pure.
//!
//! ABSENT → DEBITED | DECLINED | VOIDED, and nothing after that: the first to claim the key decides
//! (`protocol.md` §3, §4). So a repeat, on either road, charges nobody twice, and a void settles
//! what a debit that may still be on the wire can do.

use crate::error::{Error, Kind};
use crate::id::{OrderId, UserId};
use crate::messages::{DebitRequest, PaymentOutcome, PaymentResult};
use crate::money::Money;

/// Who pays how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub account: UserId,
    pub amount: Money,
}

/// A claimed debit key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debit {
    pub key: String,
    pub order_id: OrderId,
    /// `None` in a tombstone: the void came first, and nobody knows what the debit would say.
    pub charge: Option<Charge>,
    pub outcome: PaymentOutcome,
    pub transaction_id: Option<String>,
    pub reason: Option<String>,
}

/// The key of the debit of `order`: one for each order, whoever asks and however often.
pub fn key(order: &OrderId) -> String {
    format!("DEBIT-{order}")
}

/// An outcome as it is stored and told.
pub fn word(outcome: PaymentOutcome) -> &'static str {
    match outcome {
        PaymentOutcome::Debited => "DEBITED",
        PaymentOutcome::Declined => "DECLINED",
        PaymentOutcome::Voided => "VOIDED",
    }
}

/// Reads what [`word`] wrote.
pub fn parse_outcome(text: &str) -> Option<PaymentOutcome> {
    use PaymentOutcome::{Debited, Declined, Voided};
    [Debited, Declined, Voided].into_iter().find(|outcome| word(*outcome) == text)
}

/// Checks a debit that came from outside, by either road.
pub fn check(request: &DebitRequest) -> Result<(), Error> {
    check_key(&request.key, &key(&request.order_id))?;
    check_amount(request.amount)
}

/// Keys are derived from the order, so a key that is not cannot be meant.
pub fn check_key(given: &str, expected: &str) -> Result<(), Error> {
    if given == expected {
        return Ok(());
    }
    Err(Error::invalid(format!("key {given:?}: expected {expected:?} for this order")))
}

/// Checks an amount to be moved.
pub fn check_amount(amount: Money) -> Result<(), Error> {
    if amount.minor > 0 {
        return Ok(());
    }
    Err(Error::invalid(format!("amount {amount}: expected more than 0")))
}

impl Debit {
    /// The answer that this key gets, now and for ever.
    pub fn result(&self) -> PaymentResult {
        PaymentResult {
            key: self.key.clone(),
            order_id: self.order_id.clone(),
            outcome: self.outcome,
            transaction_id: self.transaction_id.clone(),
            reason: self.reason.clone(),
        }
    }

    /// The answer to a debit whose key is claimed. Whatever a void has claimed stays void; else
    /// the content must be the one that claimed it.
    pub fn repeat(&self, request: &DebitRequest) -> Result<PaymentResult, Error> {
        match &self.charge {
            Some(charge)
                if charge.account != request.account || charge.amount != request.amount =>
            {
                Err(Error::rejected(Kind::KeyReused, "the key belongs to another debit"))
            }
            _ => Ok(self.result()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn request(minor: i64) -> DebitRequest {
        let order_id = OrderId::parse("order-1").expect("a valid id");
        DebitRequest {
            key: key(&order_id),
            order_id,
            account: UserId::parse("ada").expect("a valid id"),
            amount: Money::new(minor, Currency::AUD),
        }
    }

    fn claimed(outcome: PaymentOutcome) -> Debit {
        let DebitRequest { key, order_id, account, amount } = request(4200);
        let charge = (outcome != PaymentOutcome::Voided).then_some(Charge { account, amount });
        Debit { key, order_id, charge, outcome, transaction_id: None, reason: None }
    }

    #[test]
    fn a_claimed_key_in_one_table() {
        use PaymentOutcome::{Debited, Declined, Voided};
        // Claimed as; answer to the same debit again; answer to another debit with the key.
        let table =
            [(Debited, Debited, None), (Declined, Declined, None), (Voided, Voided, Some(Voided))];
        for (outcome, same, other) in table {
            let debit = claimed(outcome);
            assert_eq!(debit.repeat(&request(4200)).map(|it| it.outcome).ok(), Some(same));
            let again = debit.repeat(&request(4201));
            assert!(again.is_ok() || again.as_ref().is_err_and(|it| it.is(Kind::KeyReused)));
            assert_eq!(again.map(|it| it.outcome).ok(), other);
            assert_eq!(parse_outcome(word(outcome)), Some(outcome));
            assert_eq!(serde_json::json!(outcome), word(outcome));
        }
    }

    #[test]
    fn only_the_orders_own_key_and_a_real_amount_pass_the_door() {
        assert!(check(&request(1)).is_ok());
        assert!(check(&request(0)).is_err());
        assert!(check(&DebitRequest { key: "DEBIT-order-2".into(), ..request(1) }).is_err());
    }
}
