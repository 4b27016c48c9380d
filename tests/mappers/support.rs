//! What the support team sees.

use scoped_futures::ScopedFutureExt as _;
use stormproof_system::alert::{self, Trouble};
use stormproof_system::store::mapper::support;
use stormproof_system::store::payment::PaymentStatus;

use super::bench::{Bench, START};
use super::orders::{case, insert, order_id};

super::checks!("store":
    parked_refunds_are_listed_by_order,
    an_alert_is_raised_for_each_trouble,
    an_endless_cause_can_be_told,
    alerts_are_listed_newest_first,
);

async fn parked_refunds_are_listed_by_order(bench: Bench) {
    let page = async |after: &str| {
        let ids = bench.once(|transaction| support::parked(transaction, after, 100).scope_boxed());
        ids.await.expect("the rows can be read")
    };
    let parked = async || page("").await;
    let write = async |id: &str, status| {
        let mut case = case(id, "ada");
        case.payment.status = status;
        insert(&bench, &case).await.expect("a new order");
    };
    for status in PaymentStatus::ALL {
        write(&format!("b-{}", status.as_str()), status).await;
    }
    write("a", PaymentStatus::Parked).await;
    assert_eq!(parked().await, ["a", "b-PARKED"]);
    for number in 0..101 {
        write(&format!("c-{number:03}"), PaymentStatus::Parked).await;
    }
    let first = parked().await;
    assert_eq!((first.len(), first[99].as_str()), (100, "c-097"));
    assert_eq!(page("c-097").await, ["c-098", "c-099", "c-100"]);
}

/// What lasts, or dies again, is told once a day; each by itself.
async fn an_alert_is_raised_for_each_trouble(bench: Bench) {
    const HOUR: i64 = 3600 * 1_000_000;
    let table = [
        (0, "order-1", "lost", ""),
        (1, "order-1", "lost", ""),
        (1, "order-1", "stuck", "RETURN"),
        (1, "order-1", "stuck", "REFUND"),
        (2, "order-1", "dead", "m-1"),
        (3, "order-1", "dead", "m-1"),
        (5, "order-1", "dead", "m-2"),
        (6, "order-2", "lost", ""),
        (24 * HOUR - 1, "order-1", "lost", ""),
        (24 * HOUR, "order-1", "lost", ""),
    ];
    for (at, order, kind, cause) in table {
        bench.set_clock(at);
        let (order, text) = (&order_id(order), "Look.");
        let raised = bench.once(|transaction| {
            let trouble = Trouble { order, kind, cause, text };
            async move { Ok(alert::raise(transaction, trouble).await?) }.scope_boxed()
        });
        raised.await.expect("an alert can be raised");
    }
    let told = "SELECT order_id, kind, cause, text FROM alerts ORDER BY order_id, kind, cause";
    assert_eq!(
        bench.rows(told).await,
        [
            "order-1 dead m-1 Look.",
            "order-1 dead m-2 Look.",
            "order-1 lost  Look.",
            "order-1 lost  Look.",
            "order-1 stuck REFUND Look.",
            "order-1 stuck RETURN Look.",
            "order-2 lost  Look.",
        ]
    );
    // A mail to the support team for each.
    let mails = bench.rows("SELECT routing_key, count(*) FROM outbox GROUP BY routing_key").await;
    assert_eq!(mails, ["email.support 7"]);
}

/// Of a row that nobody can read, the cause may be anything that was ever stored.
async fn an_endless_cause_can_be_told(bench: Bench) {
    let cause: String = (1_u64..2_000).map(|n| format!("{:x}", n * 0x9e37_79b9_7f4a)).collect();
    for _ in 0..2 {
        let order = &order_id("order-1");
        let raised = bench.once(|transaction| {
            let trouble = Trouble { order, kind: "unreadable row", cause: &cause, text: &cause };
            async move { Ok(alert::raise(transaction, trouble).await?) }.scope_boxed()
        });
        raised.await.expect("an alert can be raised");
    }
    let told = "SELECT count(*), max(length(text)) FROM alerts";
    assert_eq!(bench.rows(told).await, [format!("1 {}", cause.len())]);
}

async fn alerts_are_listed_newest_first(bench: Bench) {
    let raise = async |id: &str, kind, at| {
        bench.set_clock(at);
        let order = &order_id(id);
        let trouble = Trouble { order, kind, cause: "", text: "Look." };
        let raised = bench.once(|transaction| {
            async move { Ok(alert::raise(transaction, trouble).await?) }.scope_boxed()
        });
        raised.await.expect("an alert can be raised");
    };
    let listed = async || {
        let alerts = bench.once(|transaction| support::alerts(transaction).scope_boxed()).await;
        let alerts = alerts.expect("the rows can be read").into_iter();
        let words = alerts
            .map(|it| format!("{} {} {} {}", it.raised_at - START, it.order_id, it.kind, it.text));
        words.collect::<Vec<_>>()
    };
    for (id, kind, at) in [("b", "lost", 1), ("c", "lost", 3), ("b", "dead", 1), ("a", "lost", 1)] {
        raise(id, kind, at).await;
    }
    assert_eq!(
        listed().await,
        ["3 c lost Look.", "1 a lost Look.", "1 b dead Look.", "1 b lost Look."]
    );
    for number in 0..100 {
        raise(&format!("d-{number:03}"), "lost", 10).await;
    }
    let page = listed().await;
    assert_eq!((page.len(), page[99].as_str()), (100, "10 d-099 lost Look."));
}
