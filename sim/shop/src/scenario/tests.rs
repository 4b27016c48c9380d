//! Scenarios that can run, and what those that cannot are told.

use std::time::Duration;

use super::*;
use stormproof_faults::{FaultKind, Target, When};

const GOOD: &str = r#"
about = "The card is charged but the reply is lost; asking again must not charge twice."
seed  = 7

[world]
replicas = { store = 2 }
stock    = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
products = [ { sku = "teapot", price = 21_00 } ]

[[customer]]
balance  = 100_00
script   = [ { order = { teapot = 2 } }, { cancel = "last", after = "2s" } ]

[[fault]]
cut      = "bank -> store"
from     = "0s"
until    = "8s"

[[fault]]
crash    = "store-1"
when     = "after commit of order PAID"
restart  = "3s"

[[fault]]
lose_parcel = "customer-1/1"

[expect]
orders   = { CANCELLED = 1 }
refunds  = 1
"#;

/// What `text`, put in for `instead_of` in the good scenario, is answered.
fn mistake(instead_of: &str, text: &str) -> String {
    assert!(GOOD.contains(instead_of), "{instead_of}");
    match Scenario::parse("scenarios/x.toml", &GOOD.replace(instead_of, text)) {
        Ok(_) => panic!("accepted: {text}"),
        Err(mistake) => mistake.to_string(),
    }
}

#[test]
fn a_scenario_is_read() {
    let scenario = Scenario::parse("scenarios/reply_lost.toml", GOOD).expect("no mistake");
    assert_eq!((scenario.name.as_str(), scenario.seed), ("reply_lost", 7));
    assert_eq!(scenario.world.products["teapot"], 2100);
    assert_eq!(scenario.world.replicas["store"], 2);
    assert!(matches!(scenario.customers[0].script[1].action, Action::Cancel(Which::Last)));
    assert_eq!(scenario.customers[0].script[1].after, Duration::from_secs(2));
    let until = Duration::from_secs(8);
    assert_eq!(
        scenario.faults[0],
        Fault::new(FaultKind::Cut, Target::link("bank", "store")).when(When::During {
            from: Duration::ZERO,
            until,
            times: u32::MAX
        })
    );
    assert!(matches!(&scenario.faults[1].when, When::Moment { nth: 1, .. }));
    assert_eq!(scenario.people.len(), 1);
}

#[test]
fn a_scenario_survives_being_written() {
    let scenario = Scenario::parse("x.toml", GOOD).expect("no mistake");
    let again = Scenario::parse("x.toml", &scenario.to_toml()).expect("what we write we read");
    assert_eq!(again.document, scenario.document);
}

#[test]
fn unknown_keys_are_named_with_their_line() {
    let told = mistake("seed  = 7", "seeds = 7");
    assert!(
        told.starts_with("scenarios/x.toml:3:1: unknown field `seeds`, expected one of"),
        "{told}"
    );
    let told = mistake("balance  =", "ballance =");
    assert!(told.starts_with("scenarios/x.toml:11:1: unknown field `ballance`"), "{told}");
}

#[test]
fn values_are_checked_where_they_stand() {
    let told = mistake("\"2s\"", "\"2 s\"");
    assert!(told.starts_with("scenarios/x.toml:12:"), "{told}");
    assert!(told.contains("expected such as \"250ms\""), "{told}");
    let told = mistake("until    = \"8s\"", "until    = \"0s\"");
    assert_eq!(
        told,
        "scenarios/x.toml:17:12: a fault that cannot fire: from 0s until 0s, expected an end after \
         the start"
    );
    let told = mistake("teapot = 2 }", "kettle = 2 }");
    assert!(told.ends_with("sku \"kettle\": expected teapot"), "{told}");
    let told = mistake("CANCELLED", "CANCELED");
    assert!(told.contains(":28:") && told.contains("status \"CANCELED\": expected"), "{told}");
}

#[test]
fn faults_that_cannot_fire_are_refused() {
    let told = mistake("\"store-1\"", "\"store-3\"");
    assert!(
        told.starts_with("scenarios/x.toml:20:12: node \"store-3\": expected store, store-1"),
        "{told}"
    );
    let told = mistake("bank -> store", "bank -> warehouse");
    assert!(
        told.contains(":15:12: a fault that cannot fire: bank never calls warehouse"),
        "{told}"
    );
    let told = mistake("cut      = \"bank -> store\"", "connect_hangs = \"bank -> bank-db\"");
    assert!(told.contains("connections to databases are kept; expected `cut`"), "{told}");
    let told = mistake("order PAID", "parcel PICKED_UP");
    assert!(
        told.starts_with(
            "scenarios/x.toml:21:12: a fault that cannot fire: store never passes \
             `after commit of parcel PICKED_UP`; expected"
        ),
        "{told}"
    );
    let told = mistake("customer-1/1", "customer-1/2");
    assert!(
        told.ends_with("a fault that cannot fire: no script places the order customer-1/2"),
        "{told}"
    );
    let told = mistake("lose_parcel", "find_parcel");
    assert!(told.contains("nobody loses the parcel of customer-1/1"), "{told}");
    let change = |sku: &str| format!("change_price = \"{sku}\"\nat = \"1s\"\n");
    let told = mistake("lose_parcel = \"customer-1/1\"", &change("kettle"));
    assert!(told.contains("product \"kettle\": expected"), "{told}");
    let twice = format!("{}[[fault]]\n{}", change("teapot"), change("teapot"));
    let told = mistake("lose_parcel = \"customer-1/1\"", &twice);
    assert!(told.contains("the price of teapot changes twice"), "{told}");
    let told = mistake("lose_parcel = \"customer-1/1\"", "restock = \"kettle\"\nat = \"1s\"\n");
    assert!(told.contains("goods \"kettle\": expected"), "{told}");
}

#[test]
fn faults_say_exactly_what_they_need() {
    let told = mistake("restart  = \"3s\"", "");
    assert!(told.contains("`crash` without `restart`"), "{told}");
    assert!(told.starts_with("scenarios/x.toml:19:"), "{told}");
    let told = mistake("restart  = \"3s\"", "restart = \"3s\"\nby = \"1s\"");
    assert!(told.contains("`by` says nothing about `crash`"), "{told}");
    let told = mistake("lose_parcel =", "cut = \"bank -> store\"\nlose_parcel =");
    assert!(told.contains("a fault with the kinds `cut` and `lose_parcel`"), "{told}");
    let told = mistake("lose_parcel = \"customer-1/1\"", "");
    assert!(told.contains("a fault without a kind"), "{told}");
}

#[test]
fn steps_say_exactly_what_they_need() {
    let told = mistake("{ cancel = \"last\"", "{ cancel = 2");
    assert!(told.contains("an order that is not placed yet"), "{told}");
    let told = mistake("{ cancel = \"last\", after = \"2s\" }", "{ }");
    assert!(told.contains("a step that does nothing"), "{told}");
    let told = mistake("{ cancel = \"last\"", "{ gone = \"1s\", cancel = \"last\"");
    assert!(told.contains("say how to order"), "{told}");
}

#[test]
fn a_later_kind_comes_after_all_earlier_ones() {
    let rows = fault_rows();
    assert_eq!(rows.len(), FaultKind::ALL.len() + PeopleKind::ALL.len());
    assert!(rows.is_sorted_by_key(|row| row.generation));
    let place = |key: &str| rows.iter().position(|row| row.key == key);
    assert!(place("message_returned") > place("poison") && place("poison") > place("crash"));
}

#[test]
fn the_schema_knows_every_key() {
    let schema = Document::schema();
    for key in ["wait_until", "lost_per_mille"] {
        assert!(schema.to_string().contains(key), "{key}");
    }
    let fault = &schema["$defs"]["FaultTable"]["properties"];
    for row in fault_rows() {
        let written = row.keys().into_iter().chain([row.key]);
        written.for_each(|key| assert!(fault[key].is_object(), "{key} of {}", row.key));
    }
}
