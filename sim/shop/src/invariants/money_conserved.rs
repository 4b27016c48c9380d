//! Money conserved: it moves between accounts, it is never made or lost.

use super::{Evidence, Findings, Invariant, When, amount};
use crate::truth::derived;
use crate::truth::rows::AccountRow;
use crate::truth::{Step, Truth};

pub const INVARIANT: Invariant = Invariant {
    name: "money conserved",
    says: "the sum over all bank accounts is constant, the ledger is balanced, refunds are at most \
           the debit",
    when: When::Always,
    step: Some(step),
    end: Some(end),
};

fn step(truth: &Truth, step: &Step, findings: &mut Findings) {
    if step.accounts.is_empty() && step.entries.is_empty() && step.refunds.is_empty() {
        return;
    }
    if truth.derived.balances != 0 {
        let sum = amount(truth.derived.balances);
        findings.that(format!("the sum over all accounts became {sum}, expected 0.00"));
    }
    for moved in &step.entries {
        let Some(entry) = &moved.after else {
            findings.that(format!("an entry of the ledger was deleted: {:?}", moved.before));
            continue;
        };
        if let Some(before) = &moved.before {
            findings.that(format!("an entry of the ledger was rewritten: {before:?} to {entry:?}"));
        }
        let entries = truth.entries.all(&entry.transaction_id);
        let sum: i64 = entries.map(|entry| entry.amount).sum();
        if sum != 0 {
            findings.that(format!("a movement of money is out of balance by {}", amount(sum)));
        }
    }
    for account in step.accounts.iter().filter_map(|moved| moved.after.as_ref()) {
        balanced(truth, account, findings);
    }
    for entry in step.entries.iter().filter_map(|moved| moved.after.as_ref()) {
        match truth.accounts.get(&entry.account) {
            Some(account) => balanced(truth, account, findings),
            None => {
                findings.that(format!("money moved at {:?}, which is no account", entry.account))
            }
        }
    }
    for refund in step.refunds.iter().filter_map(|moved| moved.after.as_ref()) {
        let Some(debit) = truth.debit_of(refund) else { continue };
        let charged = debit.amount.unwrap_or(0);
        let refunds = truth.refunds.all(&refund.debit_key);
        let refunded: i64 = refunds.map(|refund| refund.amount).sum();
        if refunded > charged {
            let (refunded, charged) = (amount(refunded), amount(charged));
            findings.of(&debit.order_id, format!("refunded {refunded} of a debit of {charged}"));
        }
    }
}

fn balanced(truth: &Truth, account: &AccountRow, findings: &mut Findings) {
    let entries = truth.derived.ledger.get(&account.owner).copied().unwrap_or(0);
    if entries != account.balance {
        let (balance, entries) = (amount(account.balance), amount(entries));
        findings
            .that(format!("an account's balance is {balance}, the sum of its entries {entries}"));
    }
}

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    let truth = evidence.truth;
    if derived::afresh(truth).ledger != truth.derived.ledger {
        findings.that("the sums of the ledger do not add up any more");
    }
    for account in truth.accounts.iter() {
        balanced(truth, account, findings);
    }
    // What a customer has is what it began with, less what the shop kept for its orders.
    for customer in &evidence.client_history.customers {
        let Some(account) = truth.accounts.get(&customer.user_id) else { continue };
        let orders = truth.orders.iter().filter(|order| *order.user_id == *customer.user_id);
        let kept: i64 = orders.map(|order| truth.kept_of(&order.id)).sum();
        if account.balance != account.opened_balance - kept {
            let (begun, has) = (amount(account.opened_balance), amount(account.balance));
            let name = &customer.name;
            findings
                .that(format!("{name} began with {begun}, paid {} and has {has}", amount(kept)));
        }
    }
}
