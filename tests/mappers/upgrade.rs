//! What an older version has stored is there after the migrations of today. The seeded world begins with
//! today's tables.

use std::sync::Arc;

use sqlx::migrate::Migrator;
use stormproof_bindings::database::Sql;
use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::{Payment, PaymentStatus};
use stormproof_system::store::saga::{Aside, DeliveryState, Goal, Saga, Step, Stock};

use super::bench::{Bench, START};
use super::orders::{load, order_id, save};
use super::{Service, on_this_machine};
use crate::contract::scratch::Scratch;
use crate::servers::postgres::Postgres;
use stormproof_system::service::SERVICES;

/// The first version in which an order is one row.
const WHOLE: i64 = 6;

/// An order as it was in three tables; the saga's version is that of the whole.
const OLDER: [&str; 3] = [
    "INSERT INTO orders (id, user_id, email, status, total, currency, reason, carrier_sequence, \
     version, pending_payment_at) VALUES ('order-1', 'ada', 'ada@shop.example', \
     'CANCEL_PENDING', 4200, 'AUD', 'You cancelled the order.', 3, 2, 1893456000000000)",
    "INSERT INTO payments (order_id, status, transaction_id, refund_id, parked_reason, version) \
     VALUES ('order-1', 'PARKED', 'debit-1', 'refund-1', 'account closed', 4)",
    "INSERT INTO sagas (order_id, goal, stock, delivery, step, attempts, replans, debit_queued, \
     next_attempt_at, lease_owner, lease_until, epoch, version) VALUES ('order-1', 'CANCEL', \
     'FREE', 'CANCELLED', 'AWAIT_REFUND', 4, 2, 1, 1893456000000005, 'replica-2', \
     1893456000000006, 7, 9)",
];

#[test]
fn an_order_of_three_tables_becomes_one_row() {
    let store = SERVICES.into_iter().find(|service| service.name == "store").expect("it is there");
    on_this_machine(async {
        let scratch = Scratch::new("upgrade");
        let sql = Sql::sqlite(&scratch.path().join("database")).await;
        upgrade(sql.expect("a new file can be opened"), store).await;
    });
    on_this_machine(async {
        let Some(server) = Postgres::or_skip("upgrade").await else { return };
        let sql = Sql::postgres(&server.url, 2).await;
        upgrade(sql.expect("the server answered just now"), store).await;
    });
}

async fn upgrade(sql: Sql, store: Service) {
    let today = store.migrator();
    let older = today.iter().filter(|migration| migration.version < WHOLE).cloned().collect();
    sql.migrate(&Migrator::with_migrations(older)).await.expect("the older ones apply");
    let sql = Arc::new(sql);
    let bench = Bench::new(sql.clone());
    for statement in OLDER {
        bench.execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    sql.migrate(&today).await.expect("those of today apply over them");

    let case = load(&bench, &order_id("order-1")).await.expect("the order is there");
    assert_eq!((case.order.status, case.order.version), (OrderStatus::CancelPending, 9));
    let payment = Payment {
        status: PaymentStatus::Parked,
        transaction_id: "debit-1".into(),
        refund_id: "refund-1".into(),
        parked_reason: "account closed".into(),
    };
    assert_eq!(case.payment, payment);
    let saga = Saga {
        goal: Goal::Cancel,
        stock: Stock::Free,
        delivery: DeliveryState::Cancelled,
        step: Step::AwaitRefund,
        attempts: 4,
        replans: 2,
        debit_queued: true,
        next_attempt_at: START + 5,
        lease_owner: "replica-2".into(),
        lease_until: START + 6,
        epoch: 7,
        since: START,
        aside: Aside::NONE,
    };
    assert_eq!(case.saga, saga);
    save(&bench, &case, &case).await.expect("it can be written on");
    assert!(bench.execute("DELETE FROM sagas").await.is_err(), "the old tables are gone");
    sql.close().await;
}
