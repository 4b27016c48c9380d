//! The invariants: one checker a file, one registry for the checks, the lists and the reports.
//!
//! A checker reads the mirror and what people were told, never the shop's own conclusions. Those
//! that hold always look at every commit, and most look at the whole once more at the end.

mod bounded;
mod commits_last;
mod customers_told;
mod delivered_is_paid;
mod every_order_settles;
mod expected;
mod heard_in_time;
mod keys_are_whose_they_are;
mod legal_transitions;
mod machines;
mod messages_taken;
mod money_conserved;
mod moves_audited;
mod no_money_kept;
mod no_oversell;
mod no_refusal_without_cause;
mod no_stock_stuck;
mod nothing_forgotten;
mod one_debit_one_refund;
mod only_poison_dies;
mod private;
mod promises_kept;
mod same_key_same_answer;
mod soon_enough;
mod stock_conserved;
mod sums_are_right;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod views_agree;

pub use legal_transitions::moves;
pub use machines::arrows;

use crate::client_history::ClientHistory;
use crate::scenario::Scenario;
use crate::truth::final_state::FinalState;
use crate::truth::rows::Id;
use crate::truth::{Step, Truth};

/// Something that must hold.
pub struct Invariant {
    pub name: &'static str,
    pub says: &'static str,
    pub when: When,
    /// Looks at one commit.
    pub step: Option<fn(&Truth, &Step, &mut Findings)>,
    /// Looks at the whole, at rest.
    pub end: Option<fn(&Evidence<'_>, &mut Findings)>,
}

/// When an invariant must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    AtRest,
}

/// All that can be known at the end.
pub struct Evidence<'a> {
    pub truth: &'a Truth,
    pub client_history: &'a ClientHistory,
    pub final_state: &'a FinalState,
    pub scenario: &'a Scenario,
}

/// What a checker found.
#[derive(Clone, Debug, Default)]
pub struct Findings(pub Vec<Finding>);

/// One breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The order that it is about, if it is about one.
    pub order: Option<Id>,
    /// What was seen, as the rest of a sentence that begins with the order.
    pub what: String,
}

/// Every invariant, in the order of `world.md`'s table.
pub const INVARIANTS: [Invariant; 26] = [
    money_conserved::INVARIANT,
    one_debit_one_refund::INVARIANT,
    stock_conserved::INVARIANT,
    no_oversell::INVARIANT,
    legal_transitions::INVARIANT,
    delivered_is_paid::INVARIANT,
    no_stock_stuck::INVARIANT,
    no_money_kept::INVARIANT,
    every_order_settles::INVARIANT,
    no_refusal_without_cause::INVARIANT,
    promises_kept::INVARIANT,
    customers_told::INVARIANT,
    heard_in_time::INVARIANT,
    soon_enough::INVARIANT,
    nothing_forgotten::INVARIANT,
    messages_taken::INVARIANT,
    moves_audited::INVARIANT,
    views_agree::INVARIANT,
    sums_are_right::INVARIANT,
    keys_are_whose_they_are::INVARIANT,
    only_poison_dies::INVARIANT,
    private::INVARIANT,
    same_key_same_answer::INVARIANT,
    bounded::INVARIANT,
    commits_last::INVARIANT,
    expected::INVARIANT,
];

impl When {
    pub fn as_str(self) -> &'static str {
        match self {
            When::Always => "always",
            When::AtRest => "at rest",
        }
    }
}

impl Findings {
    /// A breach that is about one order.
    pub fn of(&mut self, order: &Id, what: impl Into<String>) {
        self.0.push(Finding { order: Some(order.clone()), what: what.into() });
    }

    /// A breach that is about no single order.
    pub fn that(&mut self, what: impl Into<String>) {
        self.0.push(Finding { order: None, what: what.into() });
    }
}

/// `42.00`.
fn amount(minor: i64) -> String {
    use stormproof_system::money::{Currency, Money};
    Money::new(minor, Currency::AUD).to_string()
}
