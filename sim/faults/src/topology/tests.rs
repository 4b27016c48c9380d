//! What there is to fail follows from what is told.

use super::*;
use crate::moment::Side;

/// A ledger that tells a mailer by queue.
fn ledger() -> Topology {
    Topology::of(["ledger", "mailer"])
        .clients("user")
        .call("user", "ledger", "book")
        .call("user", "ledger", "look")
        .queue("mailer.queue", "mailer", "booked")
        .commits("ledger", ["entry BOOKED"])
        .mails("mailer", ["summary"])
}

#[test]
fn nodes_and_ends_follow_the_size() {
    let replicas = Replicas::from([("ledger".to_owned(), 2)]);
    let topology = ledger().with_replicas(&replicas).with_clients("user", 1);
    let nodes = topology.nodes();
    assert_eq!(nodes[..3], ["ledger", "ledger-1", "ledger-2"]);
    assert_eq!(nodes[5..], ["ledger-db", "mailer-db", "broker", "mail"]);
    assert_eq!(topology.ends().last().map(String::as_str), Some("user-1"));
    assert_eq!((service_of("ledger-2"), service_of("ledger-db")), ("ledger", "ledger-db"));
}

#[test]
fn pairs_are_those_who_talk() {
    let topology = ledger();
    for pair in topology.pairs() {
        let (from, to) = pair.split_once(" -> ").expect("two ends");
        assert!(topology.calls(from, to), "{pair}");
    }
    assert!(!topology.calls("ledger", "mail") && !topology.calls("ledger", "mailer"));
    assert!(!topology.connections().contains(&"ledger -> ledger-db".to_owned()));
    assert_eq!(topology.operations("user-3", "ledger"), ["book", "look"]);
}

#[test]
fn acts_have_partners_and_messages_queues() {
    let topology = ledger();
    assert_eq!(topology.partner("user-2", Act::Call, "book"), Some("ledger"));
    assert_eq!(topology.partner("ledger", Act::Commit, "entry BOOKED"), Some("ledger-db"));
    assert_eq!(topology.queues_of("booked"), ["mailer.queue"]);
    assert_eq!(topology.owner_of("mailer.queue"), Some("mailer"));
    let booked = Moment::new(Side::After, Act::Commit, "entry BOOKED");
    assert!(topology.passes("ledger", &booked) && !topology.passes("mailer", &booked));
    assert_eq!(topology.authors(), ["ledger", "mailer"]);
}

/// Whoever consumes may send on what it has taken; whoever publishes it anyway does so often.
#[test]
fn what_is_told_as_seldom_and_as_often_is_often() {
    let topology =
        ledger().publishes("mailer", ["booked"]).seldom("mailer", Act::Publish, ["booked"]);
    let publishes = topology.points.iter().filter(|point| point.act == Act::Publish);
    let publishes: Vec<_> = publishes.map(|point| (point.names.join(" "), point.seldom)).collect();
    assert_eq!(publishes, [("booked".to_owned(), false)]);
}

/// Whoever asks, consumes and mails passes such moments: they are told once.
#[test]
fn points_follow_from_what_is_told() {
    let topology =
        ledger().call("ledger", "mailer", "address").seldom("ledger", Act::Commit, ["day ENDED"]);
    let points: Vec<_> = topology
        .points
        .iter()
        .map(|point| (point.service.as_str(), point.act, point.names.join(" "), point.seldom))
        .collect();
    let row = |service, act, names: &str, seldom| (service, act, names.to_owned(), seldom);
    assert_eq!(
        points,
        [
            row("ledger", Act::Call, "address", false),
            row("ledger", Act::Commit, "entry BOOKED", false),
            row("mailer", Act::Ack, "booked", false),
            row("mailer", Act::Mail, "summary", false),
            row("user", Act::Call, "book look", false),
            row("ledger", Act::Commit, "day ENDED", true),
            row("mailer", Act::Publish, "booked", true),
        ]
    );
    // Storms aim at what services do.
    assert!(topology.often().all(|point| point.service != "user") && topology.is_author("user"));
    assert!(topology.is_seldom("ledger-2", Act::Commit, "day ENDED"));
    assert!(!topology.is_seldom("ledger", Act::Commit, "entry BOOKED"));
}
