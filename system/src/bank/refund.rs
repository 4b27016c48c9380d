//! A refund, and whether a debit can have one: pure.
//!
//! One key and one refund for each debit, and never more than was debited (`protocol.md` §3).

use super::debit::{self, Charge, Debit};
use super::dto::RefundRequest;
use crate::error::{Error, Kind};
use crate::id::OrderId;
use crate::messages::PaymentOutcome;
use crate::money::Money;

/// A refund that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub amount: Money,
    pub transaction_id: String,
}

/// What a refund request comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It was made before, by this transaction.
    Made(String),
    /// It goes to this account.
    Pay(Charge),
}

/// The key of the refund of `order`.
pub fn key(order: &OrderId) -> String {
    format!("REFUND-{order}")
}

/// Checks a request that came from outside.
pub fn check(request: &RefundRequest) -> Result<(), Error> {
    debit::check_key(&request.key, &key(&request.order_id))?;
    debit::check_key(&request.debit_key, &debit::key(&request.order_id))?;
    debit::check_amount(request.amount)
}

/// Decides on `request`, given the debit it is for and the refund that the debit has had.
pub fn decide(
    debit: Option<&Debit>,
    made: Option<&Refund>,
    request: &RefundRequest,
) -> Result<Decision, Error> {
    let conflict = |detail: &str| Err(Error::rejected(Kind::Conflict, detail));
    match made {
        Some(made) if made.amount == request.amount => {
            return Ok(Decision::Made(made.transaction_id.clone()));
        }
        Some(_) => {
            return Err(Error::rejected(Kind::KeyReused, "the key belongs to another refund"));
        }
        None => {}
    }
    let Some(debit) = debit else { return conflict("there is no such debit") };
    let charge = match &debit.charge {
        Some(charge) if debit.outcome == PaymentOutcome::Debited => charge,
        _ => return conflict("the debit took no money"),
    };
    if charge.amount.currency != request.amount.currency {
        return conflict("the debit was in another currency");
    }
    if charge.amount.minor < request.amount.minor {
        return conflict("the debit took less than that");
    }
    Ok(Decision::Pay(charge.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;
    use crate::money::Currency;

    #[test]
    fn who_gets_money_back() {
        let order_id = OrderId::parse("order-1").expect("a valid id");
        let amount = |minor| Money::new(minor, Currency::AUD);
        let ada = UserId::parse("ada").expect("a valid id");
        let charge = Charge { account: ada, amount: amount(4200) };
        let debit = |outcome| Debit {
            key: debit::key(&order_id),
            order_id: order_id.clone(),
            charge: Some(charge.clone()),
            outcome,
            transaction_id: None,
            reason: None,
        };
        let made = Refund { amount: amount(4200), transaction_id: "t".into() };
        let debited = debit(PaymentOutcome::Debited);
        let declined = debit(PaymentOutcome::Declined);
        let voided = Debit { charge: None, ..debit(PaymentOutcome::Voided) };
        let pay = || Ok(Decision::Pay(charge.clone()));

        let table = [
            (None, None, 4200, Err(Kind::Conflict)),
            (Some(&voided), None, 4200, Err(Kind::Conflict)),
            (Some(&declined), None, 4200, Err(Kind::Conflict)),
            (Some(&debited), None, 4201, Err(Kind::Conflict)),
            (Some(&debited), None, 4200, pay()),
            (Some(&debited), None, 1, pay()),
            (Some(&debited), Some(&made), 4200, Ok(Decision::Made("t".into()))),
            (Some(&debited), Some(&made), 1, Err(Kind::KeyReused)),
        ];
        for (debit, made, minor, expected) in table {
            let request = RefundRequest {
                key: key(&order_id),
                debit_key: debit::key(&order_id),
                order_id: order_id.clone(),
                amount: amount(minor),
            };
            assert!(check(&request).is_ok());
            let decided = decide(debit, made, &request).map_err(|error| match error {
                Error::Rejected(problem) => problem.kind,
                other => panic!("{other}"),
            });
            assert_eq!(decided, expected, "{debit:?} {made:?} {minor}");
        }
    }
}
