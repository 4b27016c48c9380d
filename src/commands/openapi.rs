//! `stormproof openapi`: a service's HTTP interface as an OpenAPI 3.1 document.
//!
//! Made of the table that the service's router is made of (`system/src/api.rs`) and of the very types
//! that its handlers read and answer, so that it says what is so.

use std::collections::BTreeMap;
use std::process::ExitCode;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use stormproof_system::api::{Access, Endpoint};
use stormproof_system::error::Kind;
use stormproof_system::service::{SERVICES, Service};

use crate::terminal::print;

/// What the command is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Whose document: store, warehouse, bank, delivery or email
    #[arg(default_value = "store", value_parser = service)]
    service: Named,
}

/// Prints the document.
///
/// # Errors
/// If it cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let document = document(&arguments.service.0);
    print(&format!("{document:#}")).map(|()| ExitCode::SUCCESS)
}

/// The document of `service`.
pub fn document(service: &Service) -> Value {
    let mut generator = generator();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for endpoint in (service.endpoints)() {
        let method = endpoint.method.as_str().to_ascii_lowercase();
        let operation = operation(&endpoint, &mut generator);
        paths.entry(endpoint.path).or_default().insert(method, operation);
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".into(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Stormproof: {}", service.name),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Errors are problem documents (RFC 9457) whose `type` says what the \
                caller may do. 503: nothing happened, try again. 500: it may have happened, ask \
                again with the same key. All else is final.",
        },
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": security_schemes() },
    })
}

/// Schemas that refer to each other the way both documents want it.
pub fn generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    settings.into_generator()
}

/// A service by its name.
#[derive(Clone)]
struct Named(Service);

impl std::fmt::Debug for Named {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.name)
    }
}

fn service(name: &str) -> Result<Named, String> {
    let found = SERVICES.into_iter().find(|service| service.name == name);
    let names = SERVICES.map(|service| service.name).join(", ");
    found.map(Named).ok_or_else(|| format!("expected one of {names}"))
}

fn operation(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": endpoint.name,
        "summary": endpoint.says,
        "parameters": parameters(endpoint, generator),
        "responses": responses(endpoint, generator),
    });
    let scheme = match endpoint.access {
        Access::Open => None,
        Access::Customer => Some(json!([{ "user": [] }])),
        Access::Support => Some(json!([{ "user": ["support"] }])),
        Access::Service(scope) => Some(json!([{ "service": [scope] }])),
    };
    let members = operation.as_object_mut().expect("it was just made one");
    if let Some(scheme) = scheme {
        members.insert("security".into(), scheme);
    }
    if let Some(takes) = endpoint.takes {
        let content = json!({ "application/json": { "schema": takes(generator) } });
        members.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    operation
}

fn parameters(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters: Vec<Value> = endpoint
        .parameters()
        .map(|name| {
            let schema = json!({ "type": "string", "pattern": IDENTIFIER });
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    if endpoint.keyed {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": true,
            "description": "Kept for a day at the least: a repeat gets the first answer.",
            "schema": { "type": "string", "pattern": IDENTIFIER },
        }));
    }
    let query = endpoint.query.map(|query| query(generator));
    let members = query.and_then(|query| resolved(&query, generator));
    for (name, schema) in members.iter().flatten() {
        parameters.push(json!({ "name": name, "in": "query", "schema": schema }));
    }
    parameters
}

/// What every identifier of the shop looks like.
const IDENTIFIER: &str = "^[A-Za-z0-9._-]{1,64}$";

/// The members of the object that `schema` refers to.
fn resolved(schema: &schemars::Schema, generator: &SchemaGenerator) -> Option<Map<String, Value>> {
    let name = schema.get("$ref")?.as_str()?.rsplit('/').next()?;
    generator.definitions().get(name)?.get("properties")?.as_object().cloned()
}

fn responses(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut responses = Map::new();
    let (status, shape) = endpoint.answers;
    let mut done = json!({ "description": status.canonical_reason().unwrap_or_default() });
    if let Some(shape) = shape {
        done["content"] = json!({ "application/json": { "schema": shape(generator) } });
    }
    if endpoint.keyed {
        let text = |says: &str| json!({ "description": says, "schema": { "type": "string" } });
        done["headers"] = json!({
            "Location": text("Where to look at it."),
            "Idempotent-Replayed": text("`true` if this is the answer to an earlier request."),
        });
    }
    responses.insert(status.as_u16().to_string(), done);
    let mut by_status: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for kind in endpoint.refusals() {
        by_status.entry(kind.status().as_u16()).or_default().push(kind);
    }
    for (status, kinds) in by_status {
        let titles: Vec<&str> = kinds.iter().map(|kind| kind.title()).collect();
        let types: Vec<String> = kinds.iter().map(|kind| kind.urn()).collect();
        let narrowed = json!({ "properties": { "type": { "enum": types } } });
        let schema = json!({ "allOf": [{ "$ref": "#/components/schemas/Problem" }, narrowed] });
        let content = json!({ "application/problem+json": { "schema": schema } });
        let refusal = json!({ "description": titles.join(" · "), "content": content });
        responses.insert(status.to_string(), refusal);
    }
    responses
}

/// RFC 9457 §3.1, with the kinds that there are; kinds may add members of their own.
fn problem() -> Value {
    json!({
        "description": "A refusal (RFC 9457).",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string", "enum": Kind::ALL.map(|kind| kind.urn()) },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "What was wrong, and what was expected." },
        },
        "additionalProperties": true,
    })
}

fn security_schemes() -> Value {
    let bearer = |says: &str| json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": says });
    json!({
        "user": bearer("From `POST /login` at the Store."),
        "service": bearer("One service's token for a call to another, with the scope named."),
    })
}
