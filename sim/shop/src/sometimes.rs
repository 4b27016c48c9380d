//! What must happen sometimes: the rare roads that a set of seeds has to travel, or it proves
//! little. Gaps of coverage, told apart from violations.

use std::collections::BTreeMap;

use crate::invariants;
use crate::truth::Step;
use crate::value_ranges;

/// A rare event.
pub struct Sometimes {
    pub name: &'static str,
    pub says: &'static str,
    /// The facts that are it: (noun, state).
    facts: &'static [(&'static str, &'static str)],
}

/// Every rare event. Besides these, every fault kind must fire and every transition be taken.
pub const REGISTRY: &[Sometimes] = &[
    sometimes(
        "cancel refused by the carrier",
        "the parcel was picked up before the cancellation came",
        &[("parcel", "CANCEL_REFUSED")],
    ),
    sometimes(
        "void won against a debit",
        "a debit was given up before the Bank made it",
        &[("debit", "VOIDED")],
    ),
    sometimes(
        "void lost",
        "a debit was to be given up and had been made",
        &[("debit", "VOID_LOST")],
    ),
    sometimes(
        "tombstone planted",
        "a release or a cancel overtook what it undoes",
        &[("reservation", "TOMBSTONE"), ("parcel", "TOMBSTONE")],
    ),
    sometimes(
        "tombstone hit",
        "what was overtaken came late and was refused",
        &[("parcel", "TOMBSTONE_HIT"), ("reservation", "TOMBSTONE_HIT")],
    ),
    sometimes("refund parked", "a refund was left to people", &[("payment", "PARKED")]),
    sometimes(
        "refund parked then recovered",
        "a parked refund went through later",
        &[("saga", "REFUND_RECOVERED")],
    ),
    sometimes(
        "lease taken over",
        "a replica went on with the order of another",
        &[("saga", "TAKEN_OVER")],
    ),
    sometimes(
        "stale owner fenced off",
        "an owner whose lease had ended tried to write",
        &[("saga", "FENCED")],
    ),
    sometimes(
        "duplicate dropped by the inbox",
        "a message came twice and had its effect once",
        &[("inbox", "DUPLICATE")],
    ),
    sometimes(
        "debit by queue",
        "the Bank could not be reached and the debit went by queue",
        &[("payment", "DEBIT_BY_QUEUE")],
    ),
    sometimes(
        "re-plan after losing stock",
        "a rival took the stock between plan and reservation",
        &[("saga", "REPLANNED")],
    ),
    sometimes(
        "answer replayed",
        "an idempotency key was asked again and got its first answer",
        &[("key", "REPLAYED")],
    ),
    sometimes(RESTOCKED_HELD, "goods came while an order held some of the same", &[]),
    sometimes(LONG_LIST, "somebody read a list of orders beyond its first page", &[]),
    sometimes(OTHER_WORDS, "a key was asked again in other words, and known", &[]),
    sometimes(KEY_FORGOTTEN, "a key was asked again after its retention, and made an order", &[]),
    sometimes(DLQ_REPLAY, "a dead letter was tried once more, under its own id", &[]),
    sometimes(FORGOTTEN, "a service forgot what it had been done with for long", &[]),
    sometimes(MAIL_REPEATED, "a crash after the mail server's word cost a second mail", &[]),
    sometimes(value_ranges::LONG_CART, "a cart that no page shows whole", &[]),
    sometimes(value_ranges::MANY_UNITS, "a quantity of three or four digits", &[]),
    sometimes(value_ranges::DEAR, "a sum that a float of 32 bits cannot hold to the cent", &[]),
    sometimes(value_ranges::DECLINED_DEAR, "a sum beyond what the account has", &[]),
    sometimes(value_ranges::CHEAP, "a sum of a few cents", &[]),
    sometimes(value_ranges::SPREAD, "no warehouse had all of it", &[]),
];

/// Counted by the judge, not by a fact.
pub const RESTOCKED_HELD: &str = "restocked while an order holds";
/// Counted by the customer who reads, not by a fact.
pub const LONG_LIST: &str = "a list of more than a page";
/// Counted by the customer who asks again, not by a fact.
pub const OTHER_WORDS: &str = "repeat in other words";
/// See [`OTHER_WORDS`].
pub const KEY_FORGOTTEN: &str = "repeat after the key's retention";
/// Counted by the operator, not by a fact.
pub const DLQ_REPLAY: &str = "DLQ replay";
/// Counted by what is deleted, not by a fact.
const FORGOTTEN: &str = "old rows forgotten";
/// Counted at the end, not by a fact, as the ranges of values are.
pub const MAIL_REPEATED: &str = "mail sent twice by a crash";

const fn sometimes(
    name: &'static str,
    says: &'static str,
    facts: &'static [(&'static str, &'static str)],
) -> Sometimes {
    Sometimes { name, says, facts }
}

/// How often each rare event has happened.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    names: BTreeMap<&'static str, u64>,
    /// By machine, from and to.
    transitions: BTreeMap<(&'static str, &'static str, &'static str), u64>,
}

impl Counters {
    /// Counts what a commit brought.
    pub fn step(&mut self, step: &Step) {
        if step.forgotten > 0 {
            self.count(FORGOTTEN);
        }
        for fact in &step.facts {
            let fits = |sometimes: &&Sometimes| sometimes.facts.contains(&(fact.noun, fact.state));
            if let Some(sometimes) = REGISTRY.iter().find(fits) {
                self.count(sometimes.name);
            }
        }
        let transitions = &mut self.transitions;
        invariants::moves(step, |machine, _, from, to| {
            *transitions.entry((machine, from, to)).or_default() += 1;
        });
    }

    pub fn count(&mut self, name: &'static str) {
        *self.names.entry(name).or_default() += 1;
    }

    /// Everything that should happen sometimes, with how often it did; zero included.
    pub fn all(&self) -> BTreeMap<String, u64> {
        let names = REGISTRY.iter().map(|sometimes| {
            (sometimes.name.to_owned(), self.names.get(sometimes.name).copied().unwrap_or(0))
        });
        let arrows = invariants::arrows().into_iter().map(|arrow| {
            let (machine, from, to) = arrow;
            let count = self.transitions.get(&arrow).copied().unwrap_or(0);
            (format!("{machine} {from} -> {to}"), count)
        });
        names.chain(arrows).collect()
    }
}
