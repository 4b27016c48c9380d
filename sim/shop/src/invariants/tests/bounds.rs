//! What grows for ever, and what only seems to.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use stormproof_faults::injector::StrikeTime;
use stormproof_ports::time::Time;
use stormproof_ports::{Call, trace};

use super::{ORDER, Stage, id};
use crate::scenario::Scenario;

const HOUR: u64 = 3600;

/// The breaches of a stage that is looked at after `now` seconds.
fn said(mut stage: Stage, now: u64) -> Vec<String> {
    stage.final_state.looked_at = Duration::from_secs(now);
    stage.final_state.time = seconds(now);
    stage.says("bounded")
}

fn seconds(seconds: u64) -> Time {
    Time(1_893_456_000_000_000) + Duration::from_secs(seconds)
}

/// A stage whose services forget after `kept`, and of whose table the oldest row is from the beginning.
fn with_row(kept: &str, table: &'static str, fault: &str) -> Stage {
    let mut stage = Stage::delivered();
    let scenario = format!(
        "about = \"A stage.\"\nworld = {{ retention = \"{kept}\" }}\n[[customer]]\nscript = []\n{fault}"
    );
    stage.scenario = Scenario::parse("stage.toml", &scenario).expect("no mistake");
    stage.final_state.oldest.insert(("bank-db".to_owned(), table), seconds(0));
    stage
}

#[test]
fn rows_are_forgotten_soon_after_their_time() {
    // An hour, and twice the quarter of an hour after which it is looked for, and a little.
    for (table, now, kept_for_ever) in [
        ("outbox", 5_400, false),
        ("outbox", 5_600, true),
        ("inbox", 5_600, true),
        ("audit", 5_600, true),
        // For a month, and for two days, whatever the scenario says.
        ("alerts", 30 * 24 * HOUR, false),
        ("alerts", 31 * 24 * HOUR, true),
        ("idempotency", 47 * HOUR, false),
        ("idempotency", 49 * HOUR, true),
    ] {
        let said = said(with_row("1h", table, ""), now);
        assert_eq!(!said.is_empty(), kept_for_ever, "{table} after {now} s: {said:?}");
    }
    assert_eq!(said(with_row("5s", "audit", ""), 1_200), [""; 0], "by it is seen who rests");
    assert_ne!(said(with_row("5s", "audit", ""), 1_300), [""; 0]);
}

#[test]
fn a_service_that_is_away_forgets_nothing() {
    let away = |node: &str, from: u64| {
        let fault = format!("[[fault]]\nstop = \"{node}\"\nat = \"1s\"\nrestart = \"2h\"");
        let mut stage = with_row("1h", "inbox", &fault);
        let from = Duration::from_secs(from);
        stage.final_state.strikes = vec![StrikeTime { fault: 0, from, until: Some(from) }];
        stage.final_state.healed_at = Duration::from_secs(9 * HOUR);
        !said(stage, 3 * HOUR).is_empty()
    };
    assert!(!away("bank", HOUR), "it was away when it had to");
    assert!(away("store", HOUR), "another was");
    assert!(away("bank", 10 * HOUR), "that came later");
}

/// So many questions about an order, with such pauses.
fn asked(operation: &'static str, order: &str, times: u32, pause: Duration) -> Stage {
    let mut stage = Stage::delivered();
    let mut headers = HeaderMap::new();
    let parent = trace::parent(order, operation);
    headers.insert("traceparent", HeaderValue::try_from(parent).expect("it is ASCII"));
    for number in 0..times {
        let call = Call {
            to: "bank".into(),
            operation: operation.into(),
            method: Method::POST,
            path: "/debits".into(),
            headers: headers.clone(),
            body: Default::default(),
            timeout: Duration::from_secs(5),
        };
        stage.truth.questions.hear(number * pause, &call);
    }
    stage
}

#[test]
fn nobody_asks_without_a_pause() {
    let tenth = Duration::from_millis(100);
    let told = said(asked("debit", ORDER, 36_000, tenth), 2 * HOUR);
    assert_eq!(told, ["cost 36000 calls of debit in an hour, at most 79"]);
    assert_eq!(
        said(asked("debit", ORDER, 20, tenth), HOUR),
        [""; 0],
        "a few may follow each other"
    );
    let minutes = Duration::from_secs(60);
    assert_eq!(
        said(asked("debit", ORDER, 5_000, minutes), 100 * HOUR),
        [""; 0],
        "for days, slowly"
    );
    let parked = Duration::from_secs(30);
    assert_ne!(said(asked("debit", ORDER, 200, parked), 2 * HOUR), [""; 0]);
    assert_eq!(said(asked("refund", ORDER, 200, parked), 2 * HOUR), [""; 0], "it is probed");
    assert_eq!(said(asked("debit", "reconciliation", 500, tenth), HOUR), [""; 0], "of no order");
}

#[test]
fn nobody_is_told_the_same_all_the_time() {
    let told = |count| {
        let mut stage = Stage::delivered();
        let key = (id(ORDER), "delivery.request".to_owned());
        stage.final_state.most_messages.insert(key, count);
        said(stage, 2 * HOUR)
    };
    assert_eq!(told(60), [""; 0]);
    assert_eq!(told(61), ["had 61 messages delivery.request in an hour, at most 60"]);
}
