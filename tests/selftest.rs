//! The harness, judged: what must break does break, and the right invariant says so.
//!
//! Each test has somebody in the world who does, past every service, what a mistake in one could
//! have done: a row that changes by itself, a message that nobody gets, a commit that is forgotten.
//! The services themselves are as they are.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use stormproof_ports::notify::Notify;
use stormproof_ports::{Session, Settle};
use stormproof_shop::invariants::INVARIANTS;
use stormproof_shop::scenario::Scenario;
use stormproof_sim::{Options, simulate, simulate_with};
use stormproof_world::World;
use stormproof_world::faults::{Fault, FaultKind, Target};

const DELIVERED: &str = r#"
about = "An order is delivered."
[world]
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
[[customer]]
script = [ { order = { teapot = 2 } } ]
"#;

const CANCELLED: &str = r#"
about = "An order is cancelled before the pick-up."
[world]
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
        "money conserved" + "one debit, one refund";

    /// The ledger stays balanced: only the order shows that it was paid back twice.
    one_refund_is_made_twice: CANCELLED, refund_again,
        "one debit, one refund" + "money conserved";

    one_debit_is_made_unasked: REFUSED, debit_unasked,
        "no money kept" + "views agree";

    one_reservation_is_held_again: DECLINED, hold_again,
        "no stock stuck" + "legal transitions" + "views agree";

    one_reservation_is_of_nothing: DELIVERED, commit_out_of_nothing,
        "no oversell" + "stock conserved" + "legal transitions" + "no stock stuck" + "views agree";

    one_unit_leaves_the_books: DELIVERED, miscount,
        "stock conserved";

    one_parcel_goes_out_unpaid: REFUSED, hand_over,
        "delivered is paid" + "legal transitions" + "views agree";

    one_status_jumps: DELIVERED, jump_back,
        "legal transitions" + "views agree";

    one_message_is_dropped: DELIVERED, steal_the_mail,
        "customers told";

    one_message_is_never_sent: DELIVERED, put_off,
        "nothing forgotten" + "every order settles";

    one_commit_is_lost: CANCELLED, forget_the_refund,
        "commits last";

    one_saga_is_lost: DELIVERED, forget_the_saga,
        "every order settles";

    one_price_changes_after_the_answer: DELIVERED, raise_the_price,
        "promises kept" + "views agree" + "sums are right";

    /// Total, debit and mail agree: only the catalogue knows better.
    one_line_is_marked_down: DELIVERED, mark_down,
        "sums are right";

    one_key_is_another_customers_too: ALIKE, share_the_key,
        "keys are whose they are" + "promises kept";

    one_message_is_given_up_too_soon: DELIVERED, bury_alive,
        "only poison dies";

    one_receipt_is_rewritten: DELIVERED, rename_the_debit,
        "views agree";

    one_order_is_made_twice: DELIVERED, order_again,
        "same key, same answer" + "legal transitions" + "every order settles" + "customers told"
            + "sums are right";

    one_token_is_told: DELIVERED, tell_a_token,
        "private";

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

/// There is no invariant that nobody has ever seen broken.
#[test]
fn every_invariant_is_aimed_at() {
    let all = INVARIANTS.iter().map(|invariant| invariant.name);
    assert_eq!(all.filter(|name| !AIMS.contains(name)).collect::<Vec<_>>(), [""; 0]);
}

async fn nobody(_: World) {}

async fn flip_an_entry(world: World) {
    sees(&world, "bank-db", "SELECT count(*) FROM debits").await;
    execute(&world, "bank", &["UPDATE entries SET amount = -amount WHERE account LIKE 'shop-%'"])
        .await;
}

async fn refund_again(world: World) {
    sees(&world, "bank-db", "SELECT count(*) FROM refunds").await;
    execute(
        &world,
        "bank",
        &[
            "UPDATE accounts SET balance = balance + (SELECT amount FROM entries \
             WHERE account = owner AND transaction_id = (SELECT transaction_id FROM refunds)) \
             WHERE owner IN (SELECT account FROM entries \
             WHERE transaction_id = (SELECT transaction_id FROM refunds))",
            "INSERT INTO entries SELECT 'again', account, amount FROM entries \
             WHERE transaction_id = (SELECT transaction_id FROM refunds)",
        ],
    )
    .await;
}

async fn debit_unasked(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders").await;
    let [order] = texts(&world, "store-db", "SELECT id FROM orders");
    let [buyer] = texts(&world, "store-db", "SELECT user_id FROM orders");
    let entry = |account: &str, amount: i64| {
        [
            format!("UPDATE accounts SET balance = balance + {amount} WHERE owner = '{account}'"),
            format!("INSERT INTO entries VALUES ('unasked', '{account}', {amount})"),
        ]
    };
    let debit = format!(
        "INSERT INTO debits VALUES ('DEBIT-{order}', '{order}', '{buyer}', 5000, 'AUD', \
         'DEBITED', NULL, 'unasked', 0)"
    );
    let sql = [entry(&buyer, -5000), entry("shop-0", 5000)].concat();
    execute(&world, "bank", &[&sql[..], &[debit]].concat()).await;
}

async fn hold_again(world: World) {
    sees(&world, "warehouse-db", "SELECT count(*) FROM reservations WHERE state = 'RELEASED'")
        .await;
    execute(
        &world,
        "warehouse",
        &["UPDATE reservations SET state = 'HELD'", "UPDATE stock SET reserved = 2"],
    )
    .await;
}

async fn commit_out_of_nothing(world: World) {
    sees(&world, "warehouse-db", "SELECT count(*) FROM reservations").await;
    execute(
        &world,
        "warehouse",
        &[
            "INSERT INTO reservation_lines VALUES ('nobody', 'teapot', 'sydney', 9)",
            "INSERT INTO reservations VALUES ('nobody', 'COMMITTED', 1, 0, 0)",
        ],
    )
    .await;
}

async fn miscount(world: World) {
    sees(&world, "warehouse-db", "SELECT count(*) FROM reservations").await;
    let sql = "UPDATE stock SET received = received - 1, on_hand = on_hand - 1";
    execute(&world, "warehouse", &[sql]).await;
}

async fn hand_over(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders").await;
    let [order] = texts(&world, "store-db", "SELECT id FROM orders");
    let sql = format!(
        "INSERT INTO parcels (order_id, status, sequence, changed_at, request, received_at, \
         picked_up_at, in_transit_at, delivered_at) \
         VALUES ('{order}', 'DELIVERED', 4, 4, '{{}}', 1, 2, 3, 4)"
    );
    execute(&world, "delivery", &[sql]).await;
}

/// While the Email service is away, somebody else takes what waits for it.
async fn steal_the_mail(world: World) {
    settle_for_email(world, Settle::Ack).await;
}

/// The same, but it is refused, for good.
async fn bury_alive(world: World) {
    settle_for_email(world, Settle::Reject).await;
}

async fn settle_for_email(world: World, settle: Settle) {
    let node = "email".to_owned();
    world.strike(&Fault::new(FaultKind::Stop, Target::node(node)).by(Duration::from_secs(30)));
    let thief = world.ports("staff");
    let notify = Notify::default();
    let queue = thief.queue.subscribe("email.ordersuccess.queue", 1, notify.clone()).await;
    let mut queue = queue.expect("the broker is up");
    loop {
        match queue.take().expect("the broker stays up") {
            None => notify.notified().await,
            Some(delivery) => {
                return queue.settle(delivery.tag, settle).await.expect("and hears it");
            }
        }
    }
}

async fn put_off(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM outbox").await;
    let sql = "INSERT INTO outbox SELECT id || '-later', exchange, routing_key, correlation_id, \
               schema_name, schema_version, traceparent, body, 'NEW', 0, created_at, \
               9000000000000000000, NULL FROM outbox";
    execute(&world, "store", &[sql]).await;
}

/// The rows go without a commit that anybody is told of, as if the disk had lied about its sync.
async fn forget_the_refund(world: World) {
    sees(&world, "bank-db", "SELECT count(*) FROM refunds").await;
    let (bank, disk) = (world.ports("bank"), world.database("bank-db"));
    let work = world.spawn("bank", async move {
        let mut session = bank.database.begin().await.expect("the database is up");
        run(&mut *session, &["DELETE FROM refunds", "COMMIT"].map(str::to_owned)).await;
        disk.take_changes();
    });
    work.await.expect("the service stays up");
}

async fn forget_the_saga(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders").await;
    let sql = "UPDATE orders SET next_attempt_at = 9223372036854775807, epoch = epoch + 1, \
               version = version + 1";
    execute(&world, "store", &[sql]).await;
}

async fn raise_the_price(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    execute(&world, "store", &["UPDATE orders SET total = total + 1, version = version + 1"]).await;
}

async fn mark_down(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    execute(&world, "store", &["UPDATE order_lines SET price = price - 1"]).await;
}

async fn share_the_key(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM idempotency").await;
    let sql = "INSERT INTO idempotency (user_id, route, key, body_hash, status, location, body, created_at) \
               SELECT u.id, i.route, i.key, i.body_hash, i.status, i.location, i.body, i.created_at \
               FROM idempotency i JOIN users u ON u.id <> i.user_id";
    execute(&world, "store", &[sql]).await;
}

async fn rename_the_debit(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    let sql = "UPDATE orders SET transaction_id = 'another', version = version + 1";
    execute(&world, "store", &[sql]).await;
}

async fn jump_back(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    let sql = "UPDATE orders SET payment_status = 'NONE', version = version + 1";
    execute(&world, "store", &[sql]).await;
}

async fn order_again(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    let sql = "INSERT INTO orders (id, user_id, email, status, total, currency, reason, \
               carrier_sequence, version, pending_payment_at, failed_at, goal, stock, delivery, \
               step, next_attempt_at) \
               SELECT 'again', user_id, email, 'FAILED', total, currency, reason, 0, 1, \
               pending_payment_at, delivered_at, 'DELIVER', 'NONE', 'NONE', 'REST', \
               9223372036854775807 FROM orders";
    execute(&world, "store", &[sql]).await;
}

async fn tell_a_token(world: World) {
    world.sleep(Duration::from_secs(2)).await;
    world.say("store", "", "answers with eyJhbGciOiJIUzI1NiJ9");
}

/// Waits until what `sql` counts is there.
async fn sees(world: &World, database: &str, sql: &'static str) {
    loop {
        let rows = world.database(database).peek(sql, &[]).expect("the database is up");
        if rows[0][0].as_i64() > Some(0) {
            return;
        }
        world.sleep(Duration::from_millis(10)).await;
    }
}

/// The texts of as many rows as are expected.
fn texts<const N: usize>(world: &World, database: &str, sql: &'static str) -> [String; N] {
    let rows = world.database(database).peek(sql, &[]).expect("the database is up");
    let texts: Vec<_> = rows.iter().filter_map(|row| row[0].as_str().map(str::to_owned)).collect();
    texts.try_into().expect("as many rows as expected")
}

/// A transaction on a service's database that the service knows nothing of.
async fn execute<S: ToString>(world: &World, service: &str, statements: &[S]) {
    let database = world.ports(service).database;
    let statements: Vec<String> = statements.iter().map(S::to_string).collect();
    let work = world.spawn(service, async move {
        let mut session = database.begin().await.expect("the database is up");
        run(&mut *session, &statements).await;
        session.commit(&[]).await.expect("nothing is in the way");
    });
    work.await.expect("the service stays up");
}

async fn run(session: &mut dyn Session, statements: &[String]) {
    for sql in statements {
        // The text is put together from ids of the world's own making.
        let query = sqlx::query(sqlx::AssertSqlSafe(sql.clone()));
        let done = query.execute(session.connection()).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}
