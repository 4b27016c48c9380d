//! The harness, judged: what must break does break, and the right invariant says so.
//!
//! Each test has somebody in the world who does, past every service, what a mistake in one could
//! have done: a row that changes by itself, a message that nobody gets, a commit that is forgotten.
//! The services themselves are as they are.

mod meddlers;

use std::collections::BTreeSet;
use std::future::Future;

use stormproof_shop::invariants::INVARIANTS;
use stormproof_shop::scenario::Scenario;
use stormproof_shop::topology;
use stormproof_shop::truth::reading::watched;
use stormproof_sim::{Options, simulate, simulate_with};
use stormproof_world::World;

use meddlers::*;

const DELIVERED: &str = r#"
about = "An order is delivered."
[world]
page = 3
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
script = [ { order = { teapot = 2 } } ]
"#;

/// More than anybody orders.
const PLENTY: &str = r#"
about = "An order is delivered, and much is left."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 9 } ]
[[customer]]
script = [ { order = { teapot = 2 } } ]
"#;

const CANCELLED: &str = r#"
about = "An order is cancelled before the pick-up."
[world]
page = 3
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
carrier = { pick_up = "10m" }
[[customer]]
script = [ { order = { teapot = 2 } }, { wait_until = "RECEIVED", cancel = "last" } ]
"#;

const DECLINED: &str = r#"
about = "A card is declined."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
card = "declined"
script = [ { order = { teapot = 2 } } ]
"#;

const REFUSED: &str = r#"
about = "There is too little stock."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
script = [ { order = { teapot = 5 } } ]
"#;

const ALIKE: &str = r#"
about = "Two people order the same, one after the other."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
script = [ { order = { teapot = 1 } } ]
[[customer]]
script = [ { after = "20s", order = { teapot = 1 } } ]
"#;

const POISONED: &str = r#"
about = "A message that nobody can read."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
script = [ { order = { teapot = 1 } } ]
[[fault]]
poison = "delivery.update.queue"
at     = "1s"
"#;

const MISTAKEN: &str = r#"
about = "Somebody expected another end."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
script = [ { order = { teapot = 2 } } ]
[expect]
orders = { FAILED = 1 }
"#;

macro_rules! tampered {
    ($($(#[$doc:meta])* $name:ident: $scenario:ident, $meddler:expr,
        $aim:literal $(+ $besides:literal)*;)*) => {
        $($(#[$doc])* #[test] fn $name() { breaks($scenario, $meddler, &[$aim, $($besides),*]); })*

        /// The invariants that the tests above are aimed at.
        const AIMS: &[&str] = &[$($aim),*];
    };
}

// Each line: what is tampered with, the invariant that it is aimed at, and those that also see it.
tampered! {
    /// Whoever adds up sees it, and so does whoever looks for what was behind the movement.
    one_ledger_entry_is_flipped: DELIVERED, flip_an_entry,
        "money conserved" + "one debit, one refund" + "views agree";

    /// The ledger stays balanced: only the order shows that it was paid back twice.
    one_refund_is_made_twice: CANCELLED, refund_again,
        "one debit, one refund" + "money conserved";

    one_debit_is_made_unasked: REFUSED, debit_unasked,
        "no money kept" + "views agree" + "legal transitions" + "moves audited";

    one_reservation_is_held_again: DECLINED, hold_again,
        "no stock stuck" + "legal transitions" + "views agree" + "moves audited";

    one_reservation_is_of_nothing: DELIVERED, commit_out_of_nothing,
        "no oversell" + "stock conserved" + "legal transitions" + "no stock stuck" + "views agree";

    one_unit_leaves_the_books: DELIVERED, miscount,
        "stock conserved";

    one_parcel_goes_out_unpaid: REFUSED, hand_over,
        "delivered is paid" + "legal transitions" + "views agree" + "moves audited";

    one_status_jumps: DELIVERED, jump_back,
        "legal transitions" + "views agree" + "moves audited";

    /// Money and goods are where they should be: nobody has asked for it, that is all.
    one_account_is_frozen_unasked: DELIVERED, freeze,
        "legal transitions";

    one_message_is_dropped: DELIVERED, steal_the_mail,
        "customers told" + "messages taken";

    one_message_is_never_sent: DELIVERED, put_off,
        "nothing forgotten" + "every order settles";

    one_commit_is_lost: CANCELLED, forget_the_refund,
        "commits last" + "views agree";

    one_saga_is_lost: DELIVERED, forget_the_saga,
        "every order settles" + "soon enough";

    one_price_changes_after_the_answer: DELIVERED, raise_the_price,
        "promises kept" + "views agree" + "sums are right";

    /// Total, debit and mail agree: only the catalogue knows better.
    one_line_is_marked_down: DELIVERED, mark_down,
        "sums are right";

    one_key_is_another_customers_too: ALIKE, share_the_key,
        "keys are whose they are" + "promises kept";

    one_message_is_given_up_too_soon: DELIVERED, bury_alive,
        "only poison dies" + "heard in time";

    one_receipt_is_rewritten: DELIVERED, rename_the_debit,
        "views agree";

    one_order_is_made_twice: DELIVERED, order_again,
        "same key, same answer" + "legal transitions" + "every order settles" + "customers told"
            + "sums are right" + "no refusal without cause" + "moves audited" + "views agree";

    one_order_is_refused_for_nothing: PLENTY, refuse,
        "no refusal without cause" + "no stock stuck" + "customers told" + "views agree"
            + "legal transitions" + "moves audited";

    one_token_is_told: DELIVERED, tell_a_token,
        "private";

    /// At a level that nobody reads in production, until somebody does.
    one_token_is_logged: DELIVERED, log_a_token,
        "private";

    one_alert_is_wiped_away: POISONED, wipe_the_alert,
        "heard in time" + "nothing forgotten";

    one_order_is_left_lying: DELIVERED, leave_lying,
        "soon enough";

    /// It did its work, and whoever gets it again would not know.
    one_message_is_not_noted: DELIVERED, forget_a_message,
        "messages taken";

    one_move_is_not_noted: DELIVERED, rewrite_a_move,
        "moves audited";

    one_row_is_kept_for_ever: DELIVERED, keep_a_row,
        "bounded";

    one_end_is_not_the_expected_one: MISTAKEN, nobody,
        "expected";
}

/// The scenario holds by itself; with the meddler exactly these invariants break.
fn breaks<F>(toml: &str, meddler: fn(World) -> F, invariants: &[&str])
where
    F: Future<Output = ()> + Send + 'static,
{
    let scenario = Scenario::parse("tampered.toml", toml);
    let scenario = scenario.unwrap_or_else(|mistake| panic!("{mistake}"));
    let options = Options { story: true, trace: false, ..Options::default() };
    if scenario.expect.is_none() {
        assert_eq!(simulate(&scenario, 7, options).broken, []);
    }
    let outcome = simulate_with(&scenario, 7, options, meddler);
    let caught: BTreeSet<&str> =
        outcome.broken.iter().map(|broken| broken.invariant.as_str()).collect();
    let expected: BTreeSet<&str> = invariants.iter().copied().collect();
    assert_eq!(caught, expected, "{:#?}\n{}", outcome.broken, outcome.story);
}

/// No table of any database can lose rows unseen.
#[test]
fn every_table_is_watched() {
    let scenario = Scenario::parse("whole.toml", DELIVERED).expect("it is one of ours");
    let outcome = simulate_with(&scenario, 7, Options::default(), |world| async move {
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
                   AND name NOT LIKE '_sqlx_%'";
        let mut tables = Vec::new();
        for database in topology::databases() {
            let rows = world.database(&database).peek(sql, &[]).expect("the database is up");
            let names = rows.iter().map(|row| row[0].as_str().expect("a name").to_owned());
            tables.extend(names.map(|table| (database.clone(), table)));
        }
        tables.sort_unstable();
        let watched = watched().into_iter().map(|(one, two)| (one.to_owned(), two.to_owned()));
        assert_eq!(tables, watched.collect::<Vec<_>>());
    });
    assert_eq!(outcome.broken, []);
}

/// There is no invariant that nobody has ever seen broken.
#[test]
fn every_invariant_is_aimed_at() {
    let all = INVARIANTS.iter().map(|invariant| invariant.name);
    assert_eq!(all.filter(|name| !AIMS.contains(name)).collect::<Vec<_>>(), [""; 0]);
}
