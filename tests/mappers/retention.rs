//! What is forgotten: which rows, which of them first, how many at a time.

use std::time::Duration;

use scoped_futures::ScopedFutureExt as _;
use stormproof_messaging::inbox;
use stormproof_messaging::janitor::{
    self, FORGOTTEN_MAX, Forgettable, Kept, MOVES, RECEIVED, SENT,
};
use stormproof_ports::Message;
use stormproof_ports::story::Fact;
use stormproof_ports::time::Time;
use stormproof_ports::worker::Progress;
use stormproof_system::alert::{self, ALERTS, Trouble};
use stormproof_system::messages::{Lost, encode};
use stormproof_system::store::mapper::idempotency::{self, ClientKey, KEYS, Stored};

use super::bench::{Bench, START};
use super::messaging::send;
use super::orders::{order_id, user_id};

super::checks!("store":
    the_oldest_are_forgotten_a_hundred_at_a_time,
    what_is_not_sent_stays_however_old,
    a_janitor_forgets_what_is_old_by_the_databases_clock,
);

/// What can be forgotten, with a query of how many rows there are and how many milliseconds after the start
/// the oldest is.
const TABLES: [(&Forgettable, &str); 5] = [
    (&SENT, "SELECT count(*), (min(created_at) - 1893456000000000) / 1000 FROM outbox"),
    (&RECEIVED, "SELECT count(*), (min(received_at) - 1893456000000000) / 1000 FROM inbox"),
    (&MOVES, "SELECT count(*), (min(at) - 1893456000000000) / 1000 FROM audit"),
    (&ALERTS, "SELECT count(*), (min(raised_at) - 1893456000000000) / 1000 FROM alerts"),
    (&KEYS, "SELECT count(*), (min(created_at) - 1893456000000000) / 1000 FROM idempotency"),
];

/// A row of `number` milliseconds after the start, as a service writes it.
async fn write(bench: &Bench, rows: &Forgettable, number: i64) {
    bench.set_clock(1000 * number);
    let name = &number.to_string();
    if rows.name == SENT.name {
        return send(bench, name).await;
    }
    let written = bench.once(|transaction| {
        async move {
            match rows.name {
                "forget_received" => {
                    let lost = Lost { order_id: order_id(name), to: "ada@shop.example".into() };
                    let message: Message = encode(&lost, name.clone(), 0);
                    assert!(inbox::first_time(transaction, "queue-1", &message).await?);
                }
                "forget_moves" => {
                    transaction.moved("PAID", Fact::new("order", "LOST", name.as_str(), ""));
                }
                "forget_alerts" => {
                    let (order, kind) = (&order_id(name), "lost");
                    let trouble = Trouble { order, kind, cause: "", text: "Look." };
                    alert::raise(transaction, trouble).await?;
                }
                "forget_keys" => {
                    let key = ClientKey { user: &user_id("ada"), route: "POST /orders", key: name };
                    let [body_hash, location, body] = [(); 3].map(|()| String::new());
                    let stored = Stored { body_hash, status: 202, location, body };
                    assert!(idempotency::insert(transaction, key, &stored).await?);
                }
                other => unreachable!("nobody writes what {other} takes"),
            }
            Ok(())
        }
        .scope_boxed()
    });
    written.await.expect("a row can be written");
}

/// Forgets what is older than `before` milliseconds after the start.
async fn forget(bench: &Bench, rows: &Forgettable, before: i64) -> usize {
    let before = Time(START + 1000 * before);
    let forgotten = bench.once(|transaction| {
        async move { Ok(rows.forget_before(transaction, before).await?) }.scope_boxed()
    });
    forgotten.await.expect("rows can be deleted")
}

async fn all_are_sent(bench: &Bench) {
    let sql = "UPDATE outbox SET status = 'SENT', sent_at = created_at";
    bench.execute(sql).await.expect("rows can be changed");
}

async fn the_oldest_are_forgotten_a_hundred_at_a_time(bench: Bench) {
    // Alerts write messages, too.
    for (rows, left) in TABLES {
        for number in 0..130 {
            write(&bench, rows, number).await;
        }
        all_are_sent(&bench).await;
        let name = rows.name;
        for (before, forgotten, kept) in [
            (0, 0, "130 0"),
            (120, FORGOTTEN_MAX, "30 100"),
            (120, 20, "10 120"),
            (120, 0, "10 120"),
        ] {
            assert_eq!(forget(&bench, rows, before).await, forgotten, "{name} before {before}");
            assert_eq!(bench.rows(left).await, [kept], "{name} before {before}");
        }
        bench.execute("DELETE FROM outbox").await.expect("rows can be deleted");
    }
}

async fn what_is_not_sent_stays_however_old(bench: Bench) {
    for number in 0..3 {
        write(&bench, &SENT, number).await;
    }
    let sql = "UPDATE outbox SET status = 'SENT', sent_at = created_at WHERE correlation_id = '1'";
    bench.execute(sql).await.expect("rows can be changed");
    assert_eq!(forget(&bench, &SENT, 1_000_000).await, 1);
    let left = bench.rows("SELECT correlation_id, status FROM outbox ORDER BY id").await;
    assert_eq!(left, ["0 NEW", "2 NEW"]);
}

async fn a_janitor_forgets_what_is_old_by_the_databases_clock(bench: Bench) {
    let now = bench
        .once(|transaction| async move { Ok(transaction.database_time().await?) }.scope_boxed());
    let now = (now.await.expect("the database tells the time").0 - START) / 1000;
    let (hour, minute) = (3_600_000, 60_000);
    for number in 0..110 {
        write(&bench, &MOVES, now - 2 * hour + number).await;
        write(&bench, &RECEIVED, now - 2 * hour + number).await;
    }
    write(&bench, &MOVES, now).await;
    // The clock of the replica is far behind: it says when to look, and not what is old.
    bench.set_clock(0);
    let kept = [&MOVES, &RECEIVED];
    let kept = kept.map(|rows| Kept { rows, at_least: Duration::from_secs(3600) });
    let every = Duration::from_secs(600);
    let janitor = janitor::worker(&bench.ports, kept.into(), every);
    let at = |milliseconds| Time(START + 1000 * milliseconds);
    let counts = "SELECT (SELECT count(*) FROM audit), (SELECT count(*) FROM inbox)";
    assert_eq!(janitor.step().await, Progress::Until(at(minute)), "it has just started");
    assert_eq!(bench.rows(counts).await, ["111 110"]);
    bench.set_clock(1000 * minute);
    assert_eq!(janitor.step().await, Progress::Worked, "there may be more");
    assert_eq!(bench.rows(counts).await, ["11 10"]);
    assert_eq!(janitor.step().await, Progress::Until(at(11 * minute)));
    assert_eq!(bench.rows(counts).await, ["1 0"]);
    bench.set_clock(-3_600_000_000);
    let next = Progress::Until(at(10 * minute - hour));
    assert_eq!(janitor.step().await, next, "a clock that was set back");
}
