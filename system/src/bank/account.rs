//! A customer's account, and when it pays: pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::money::Money;

/// What an account lets happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    #[default]
    Open,
    /// Debits are declined, refunds arrive.
    Frozen,
    /// Nothing moves; the balance stays.
    Closed,
}

/// A customer's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub owner: UserId,
    pub balance: Money,
    pub status: Status,
}

/// Why a debit of `amount` is declined; `None` if it is not.
pub fn why_declined(account: Option<&Account>, amount: Money) -> Option<&'static str> {
    let Some(account) = account else { return Some("no such account") };
    match account.status {
        Status::Closed => Some("account closed"),
        Status::Frozen => Some("card declined"),
        Status::Open if account.balance.currency != amount.currency => Some("other currency"),
        Status::Open if account.balance.minor < amount.minor => Some("too little money"),
        Status::Open => None,
    }
}

impl Status {
    pub const ALL: [Status; 3] = [Status::Open, Status::Frozen, Status::Closed];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Open => "OPEN",
            Status::Frozen => "FROZEN",
            Status::Closed => "CLOSED",
        }
    }

    /// Reads what [`Status::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    #[test]
    fn who_pays_and_who_does_not() {
        let account = |minor, status| Account {
            owner: UserId::parse("ada").expect("a valid id"),
            balance: Money::new(minor, Currency::AUD),
            status,
        };
        let price = Money::new(4200, Currency::AUD);
        let table = [
            (None, Some("no such account")),
            (Some(account(9999, Status::Closed)), Some("account closed")),
            (Some(account(9999, Status::Frozen)), Some("card declined")),
            (Some(account(4199, Status::Open)), Some("too little money")),
            (Some(account(4200, Status::Open)), None),
        ];
        for (account, expected) in table {
            assert_eq!(why_declined(account.as_ref(), price), expected, "{account:?}");
        }
        let euro = Money::new(1, Currency::parse("EUR").expect("well formed"));
        let rich = account(9999, Status::Open);
        assert_eq!(why_declined(Some(&rich), euro), Some("other currency"));
    }

    #[test]
    fn statuses_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::json!(status), status.as_str());
        }
    }
}
