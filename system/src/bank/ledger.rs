//! The ledger: money moves, it is never made. Pure.
//!
//! A [`Posting`] is one movement as double entry: what leaves one account arrives at another, so
//! its amounts sum to 0, and with them all balances of the Bank. There is no way to build another.

use crate::id::OrderId;
use crate::money::Currency;

/// The Bank's own account for money from outside: opening balances come from it.
pub const OUTSIDE: &str = "outside";

/// The books are kept in one currency, or their sum would mean nothing.
pub const CURRENCY: Currency = Currency::AUD;

/// The shop's accounts. One would be enough for the books, but it would be a row that every debit
/// writes: PostgreSQL would then undo most of the debits that happen at once, to run them again.
const TILLS: [&str; 8] =
    ["shop-0", "shop-1", "shop-2", "shop-3", "shop-4", "shop-5", "shop-6", "shop-7"];

/// The shop's account for the money of `order`, the same for its debit and its refund.
pub fn till(order: &OrderId) -> &'static str {
    let sum: usize = order.as_str().bytes().map(usize::from).sum();
    TILLS[sum % TILLS.len()]
}

/// One movement of money, balanced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    transaction_id: String,
    entries: [Entry; 2],
}

/// What a posting adds to one account, in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub account: String,
    pub amount: i64,
}

impl Posting {
    /// `amount` moves from one account to another. Callers have checked that it is positive and
    /// that the accounts differ.
    pub fn transfer(transaction_id: &str, from: &str, to: &str, amount: i64) -> Posting {
        assert!(amount > 0, "a posting moves a positive amount, not {amount}");
        assert_ne!(from, to, "a posting moves money between two accounts");
        let entry = |account: &str, amount| Entry { account: account.to_owned(), amount };
        Posting {
            transaction_id: transaction_id.to_owned(),
            entries: [entry(from, -amount), entry(to, amount)],
        }
    }

    pub fn transaction_id(&self) -> &str {
        &self.transaction_id
    }

    /// The entries; their amounts sum to 0.
    pub fn entries(&self) -> &[Entry; 2] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_posting_is_balanced() {
        for amount in [1, 4200, i64::MAX] {
            let posting = Posting::transfer("t", "ada", "shop-0", amount);
            let [from, to] = posting.entries();
            assert_eq!(from.amount + to.amount, 0);
            assert_eq!((from.account.as_str(), to.account.as_str()), ("ada", "shop-0"));
        }
    }

    #[test]
    #[should_panic(expected = "positive amount")]
    fn nothing_is_no_posting() {
        Posting::transfer("t", "ada", "shop-0", 0);
    }

    #[test]
    fn orders_spread_over_all_tills_and_keep_theirs() {
        let order = |number: u32| OrderId::parse(format!("order-{number:02}")).expect("a valid id");
        let mut used: Vec<_> = (0..20).map(|number| till(&order(number))).collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used, TILLS);
        assert_eq!(till(&order(7)), till(&order(7)));
    }
}
