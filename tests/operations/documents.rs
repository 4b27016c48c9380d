//! The documents: they hold together, and what really travels fits them.

use serde_json::Value;
use stormproof::commands::{asyncapi, openapi};
use stormproof_ports::Message;
use stormproof_system::id::{OrderId, UserId};
use stormproof_system::messages::{
    DebitRequest, DeliveryStatus, DeliveryUpdate, PAYLOADS, PaymentOutcome, PaymentResult, QUEUES,
    Support, encode,
};
use stormproof_system::money::{Currency, Money};
use stormproof_system::service::SERVICES;

#[test]
fn every_reference_leads_somewhere() {
    for service in &SERVICES {
        check_references(&openapi::document(service));
    }
    check_references(&asyncapi::document());
}

fn check_references(document: &Value) {
    let mut references = Vec::new();
    collect(document, &mut references);
    assert!(references.len() > 3, "{document:#}");
    for reference in references {
        let place = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference}"));
        assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
    }
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

/// OpenAPI 3.1: operation ids are unique, every parameter of a path is described, and every answer
/// has a description.
#[test]
fn every_operation_is_complete() {
    for service in &SERVICES {
        let document = openapi::document(service);
        let mut names = Vec::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for operation in methods.as_object().expect("methods").values() {
                names.push(operation["operationId"].as_str().expect("it has a name"));
                let parameters = operation["parameters"].as_array().expect("parameters");
                let described = parameters.iter().filter(|it| it["in"] == "path").count();
                assert_eq!(described, path.matches('{').count(), "{path}");
                let responses = operation["responses"].as_object().expect("responses");
                assert!(responses.keys().any(|status| status.starts_with('2')), "{path}");
                assert!(responses.contains_key("503"), "{path}");
                assert!(responses.values().all(|it| it["description"].is_string()), "{path}");
            }
        }
        let count = names.len();
        assert_eq!(count, (service.endpoints)().len(), "{}", service.name);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{}: a name is used twice", service.name);
    }
}

/// Routes are made in one place only: the table that both router and document are made of.
#[test]
fn no_route_is_made_past_the_table() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("system/src");
    for controller in [
        "store/controller/mod.rs",
        "warehouse/controller.rs",
        "bank/controller.rs",
        "delivery/controller.rs",
        "email/controller.rs",
    ] {
        let source = std::fs::read_to_string(root.join(controller)).expect("it exists");
        assert!(!source.contains(".route("), "{controller}");
        assert!(source.contains("api::router(routes())"), "{controller}");
    }
}

/// What the Store's document says of its most important route, read by hand.
#[test]
fn placing_an_order_is_described() {
    let document = openapi::document(&SERVICES[0]);
    let place = &document["paths"]["/orders"]["post"];
    assert_eq!(place["security"], serde_json::json!([{ "user": [] }]));
    assert_eq!(place["parameters"][0]["name"], "Idempotency-Key");
    assert_eq!(
        place["requestBody"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/PlaceOrder"
    );
    let statuses: Vec<&String> =
        place["responses"].as_object().expect("responses").keys().collect();
    assert_eq!(statuses, ["202", "400", "401", "409", "413", "422", "500", "503"]);
    let conflict = &place["responses"]["409"]["content"]["application/problem+json"]["schema"];
    let kinds = &conflict["allOf"][1]["properties"]["type"]["enum"];
    assert_eq!(*kinds, serde_json::json!(["urn:stormproof:not-enough-stock"]));
    let money = &document["components"]["schemas"]["Money"]["properties"];
    assert_eq!(money["minor"]["type"], "integer");
    assert_eq!(document["components"]["schemas"]["Currency"]["pattern"], "^[A-Z]{3}$");
}

/// Every queue carries something, and every message has a queue.
#[test]
fn every_message_has_its_queue() {
    for queue in &QUEUES {
        assert_eq!(asyncapi::carried(queue).count(), 1, "{}", queue.name);
    }
    for row in PAYLOADS {
        let queues = QUEUES
            .iter()
            .filter(|queue| asyncapi::carried(queue).any(|carried| carried.schema == row.schema));
        assert_eq!(queues.count(), 1, "{}", row.schema);
    }
}

/// Real messages fit the schemas that are published of them.
#[test]
fn real_messages_fit_their_schemas() {
    let order_id = OrderId::parse("order-1").expect("well formed");
    let amount = Money::new(4200, Currency::AUD);
    let account = UserId::parse("ann").expect("well formed");
    let key = "DEBIT-order-1".to_owned();
    let messages = [
        encode(
            &DebitRequest { key: key.clone(), order_id: order_id.clone(), account, amount },
            "1".into(),
            1,
        ),
        encode(
            &PaymentResult {
                key,
                order_id: order_id.clone(),
                outcome: PaymentOutcome::Declined,
                transaction_id: None,
                reason: Some("too little money".into()),
            },
            "2".into(),
            1,
        ),
        encode(
            &DeliveryUpdate {
                order_id: order_id.clone(),
                sequence: 1,
                status: DeliveryStatus::PickedUp,
                at: 1,
            },
            "3".into(),
            1,
        ),
        encode(
            &Support { order_id, kind: "k".into(), text: "t".into(), alert: "a".into() },
            "4".into(),
            1,
        ),
    ];
    let document = asyncapi::document();
    for message in &messages {
        fits(&document, message);
    }
    let mut broken = messages[0].clone();
    broken.body = r#"{"key":"k","order_id":"a b","account":"ann","amount":{"minor":"1"}}"#.into();
    assert!(std::panic::catch_unwind(|| fits(&document, &broken)).is_err());
}

fn fits(document: &Value, message: &Message) {
    let schema = &document["components"]["messages"][&message.schema]["payload"];
    let body: Value = serde_json::from_slice(&message.body).expect("it is JSON");
    check(document, schema, &body, &message.schema);
}

/// As much of JSON Schema as the published schemas use of types, members and enumerations.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let referred = document.pointer(&reference[1..]).expect("references lead somewhere");
        return check(document, referred, value, place);
    }
    let is = |name: &Value| match name.as_str().expect("a type is a name") {
        "object" => value.is_object(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("{place}: the type {other} is not checked here"),
    };
    match &schema["type"] {
        Value::Array(names) => assert!(names.iter().any(is), "{place}: {value}"),
        Value::Null => assert!(schema["enum"].is_array() || schema["oneOf"].is_array(), "{place}"),
        name => assert!(is(name), "{place}: {value}"),
    }
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{place}: {value}");
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(name.as_str().expect("a name")).is_some(), "{place}: no {name}");
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let member = &schema["properties"][name];
        assert!(!member.is_null(), "{place}.{name} is not in its schema");
        check(document, member, value, &format!("{place}.{name}"));
    }
}
