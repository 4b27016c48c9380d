//! Who does what no service would, past every service.

use std::time::Duration;

use stormproof_ports::notify::Notify;
use stormproof_ports::{Session, Settle};
use stormproof_world::World;
use stormproof_world::faults::{Fault, FaultKind, Target};

pub(super) async fn nobody(_: World) {}

/// Of a message that was received before there were computers.
pub(super) async fn keep_a_row(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM inbox").await;
    execute(&world, "store", &["INSERT INTO inbox VALUES ('delivery.update.queue', 'old', 0)"])
        .await;
}

pub(super) async fn flip_an_entry(world: World) {
    sees(&world, "bank-db", "SELECT count(*) FROM debits").await;
    execute(&world, "bank", &["UPDATE entries SET amount = -amount WHERE account LIKE 'shop-%'"])
        .await;
}

pub(super) async fn refund_again(world: World) {
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

pub(super) async fn debit_unasked(world: World) {
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

pub(super) async fn hold_again(world: World) {
    sees(&world, "warehouse-db", "SELECT count(*) FROM reservations WHERE state = 'RELEASED'")
        .await;
    execute(
        &world,
        "warehouse",
        &["UPDATE reservations SET state = 'HELD'", "UPDATE stock SET reserved = 2"],
    )
    .await;
}

pub(super) async fn commit_out_of_nothing(world: World) {
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

pub(super) async fn miscount(world: World) {
    sees(&world, "warehouse-db", "SELECT count(*) FROM reservations").await;
    let sql = "UPDATE stock SET received = received - 1, on_hand = on_hand - 1";
    execute(&world, "warehouse", &[sql]).await;
}

pub(super) async fn hand_over(world: World) {
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
pub(super) async fn steal_the_mail(world: World) {
    settle_for_email(world, Settle::Ack).await;
}

/// The same, but it is refused, for good.
pub(super) async fn bury_alive(world: World) {
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

pub(super) async fn put_off(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM outbox").await;
    let sql = "INSERT INTO outbox SELECT id || '-later', exchange, routing_key, correlation_id, \
               schema_name, schema_version, traceparent, body, 'NEW', 0, created_at, \
               9000000000000000000, NULL FROM outbox";
    execute(&world, "store", &[sql]).await;
}

/// The rows go without a commit that anybody is told of, as if the disk had lied about its sync.
pub(super) async fn forget_the_refund(world: World) {
    sees(&world, "bank-db", "SELECT count(*) FROM refunds").await;
    let (bank, disk) = (world.ports("bank"), world.database("bank-db"));
    let work = world.spawn("bank", async move {
        let mut session = bank.database.begin().await.expect("the database is up");
        run(&mut *session, &["DELETE FROM refunds", "COMMIT"].map(str::to_owned)).await;
        disk.take_changes();
    });
    work.await.expect("the service stays up");
}

pub(super) async fn forget_the_saga(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders").await;
    let sql = "UPDATE orders SET next_attempt_at = 9223372036854775807, epoch = epoch + 1, \
               version = version + 1";
    execute(&world, "store", &[sql]).await;
}

pub(super) async fn wipe_the_alert(world: World) {
    let sql = "CREATE TRIGGER wiped AFTER INSERT ON alerts BEGIN DELETE FROM alerts; END";
    execute(&world, "store", &[sql]).await;
}

/// For a while, and then it goes on as if nothing had been.
pub(super) async fn leave_lying(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'PENDING_PAYMENT'").await;
    let sql = "UPDATE orders SET next_attempt_at = next_attempt_at + 600000000, epoch = epoch + 1, \
               version = version + 1";
    execute(&world, "store", &[sql]).await;
}

pub(super) async fn raise_the_price(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    execute(&world, "store", &["UPDATE orders SET total = total + 1, version = version + 1"]).await;
}

pub(super) async fn mark_down(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    execute(&world, "store", &["UPDATE order_lines SET price = price - 1"]).await;
}

pub(super) async fn share_the_key(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM idempotency").await;
    let sql = "INSERT INTO idempotency (user_id, route, key, body_hash, status, location, body, created_at) \
               SELECT u.id, i.route, i.key, i.body_hash, i.status, i.location, i.body, i.created_at \
               FROM idempotency i JOIN users u ON u.id <> i.user_id";
    execute(&world, "store", &[sql]).await;
}

pub(super) async fn rename_the_debit(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    let sql = "UPDATE orders SET transaction_id = 'another', version = version + 1";
    execute(&world, "store", &[sql]).await;
}

pub(super) async fn jump_back(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    let sql = "UPDATE orders SET payment_status = 'NONE', version = version + 1";
    execute(&world, "store", &[sql]).await;
}

pub(super) async fn freeze(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    execute(&world, "bank", &["UPDATE accounts SET status = 'FROZEN' WHERE status = 'OPEN'"]).await;
}

pub(super) async fn order_again(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    let sql = "INSERT INTO orders (id, user_id, email, status, total, currency, reason, \
               carrier_sequence, version, pending_payment_at, failed_at, goal, stock, delivery, \
               step, next_attempt_at) \
               SELECT 'again', user_id, email, 'FAILED', total, currency, reason, 0, 1, \
               pending_payment_at, delivered_at, 'DELIVER', 'NONE', 'NONE', 'REST', \
               9223372036854775807 FROM orders";
    execute(&world, "store", &[sql]).await;
}

pub(super) async fn refuse(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders").await;
    let sql = "UPDATE orders SET status = 'FAILED', failed_at = pending_payment_at, goal = 'DONE', \
               reason = 'There is not enough.', next_attempt_at = 9223372036854775807, \
               epoch = epoch + 1, version = version + 1";
    execute(&world, "store", &[sql]).await;
}

pub(super) async fn tell_a_token(world: World) {
    world.sleep(Duration::from_secs(2)).await;
    world.say("store", "", "answers with eyJhbGciOiJIUzI1NiJ9");
}

pub(super) async fn log_a_token(world: World) {
    world.sleep(Duration::from_secs(2)).await;
    tracing::trace!(target: "somebody's crate", token = ?Some("eyJhbGciOiJIUzI1NiJ9"), "answers");
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

pub(super) async fn forget_a_message(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    let sql = "UPDATE inbox SET message_id = 'another-' || message_id";
    execute(&world, "delivery", &[sql]).await;
}

pub(super) async fn rewrite_a_move(world: World) {
    sees(&world, "store-db", "SELECT count(*) FROM orders WHERE status = 'DELIVERED'").await;
    let sql = "UPDATE audit SET from_state = 'PAID', to_state = 'LOST' WHERE to_state = 'PAID'";
    execute(&world, "store", &[sql]).await;
}
