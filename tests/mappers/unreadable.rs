//! Rows of the outbox that cannot be sent as they are. What other tables have of the kind is checked beside
//! their statements.

use std::sync::Arc;

use stormproof_ports::worker::Progress;
use stormproof_system::context::Context;
use stormproof_system::unreadable;

use super::bench::Bench;
use super::messaging::{replica, send};

super::checks!("store":
    a_message_that_cannot_be_sent_is_set_aside_and_stops_no_other,
);

async fn a_message_that_cannot_be_sent_is_set_aside_and_stops_no_other(bench: Bench) {
    for order in ["a", "b", "c", "d", "e"] {
        send(&bench, order).await;
    }
    for broken in [
        "UPDATE outbox SET schema_version = -1 WHERE correlation_id = 'a'",
        "UPDATE outbox SET exchange = 'nowhere' WHERE correlation_id = 'b'",
        "UPDATE outbox SET attempts = 9223372036854775807 WHERE correlation_id = 'c'",
        "UPDATE outbox SET routing_key = \
         'an endless name, an endless name, an endless name, an endless name, an endless name, \
         an endless name, an endless name, an endless name, an endless name, an endless name, \
         an endless name, an endless name, an endless name, an endless name, an endless name, \
         an endless name, an endless name, an endless name, an endless name, an endless name' \
         WHERE correlation_id = 'd'",
    ] {
        assert_eq!(bench.execute(broken).await.ok(), Some(1), "{broken}");
    }
    let (ports, script) = replica(&bench, &[]);
    let relay = unreadable::relay(&Context::new(ports, Arc::default()));
    while relay.step().await == Progress::Worked {}
    let sent = script.published();
    assert_eq!(
        sent,
        ["a", "b", "c", "d", "e"],
        "one message, and what support is told of the others"
    );
    let aside = "SELECT correlation_id FROM outbox WHERE next_attempt_at = 9223372036854775807 \
                 AND status = 'NEW' ORDER BY correlation_id";
    assert_eq!(bench.rows(aside).await, ["a", "b", "c", "d"]);
    let told = "SELECT order_id FROM alerts WHERE kind = 'unreadable row' ORDER BY order_id";
    assert_eq!(bench.rows(told).await, ["a", "b", "c", "d"]);
    // People put back what they have mended.
    let mended = "UPDATE outbox SET schema_version = 1, next_attempt_at = 0 \
                  WHERE correlation_id = 'a' AND schema_version = -1";
    assert_eq!(bench.execute(mended).await.ok(), Some(1));
    // What was sent is marked; then it looks again.
    for micros in [1_000_000, 20_000_000] {
        bench.set_clock(micros);
        while relay.step().await == Progress::Worked {}
    }
    assert_eq!(script.published(), ["a"]);
}
