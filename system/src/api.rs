//! Routes: each is written once, in its service's controller, as what it serves and what a reader
//! has to know of it. [`router`] builds the service from that table; `stormproof openapi` prints it.
//! So no route is undocumented, and none is documented that is not there.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::error::Kind;

/// The JSON Schema of a type, as a reference into the document that is being made.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// The shape of `T`.
pub fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Whose token opens a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody's: it is open.
    Open,
    /// A customer's, or a member's of the support team.
    Customer,
    /// A member's of the support team.
    Support,
    /// Another service's, with this scope.
    Service(&'static str),
}

/// What a reader has to know of a route.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub method: Method,
    /// With its parameters in braces: `/orders/{id}`.
    pub path: &'static str,
    /// Unique in its service: OpenAPI's `operationId`.
    pub name: &'static str,
    /// One sentence.
    pub says: &'static str,
    pub access: Access,
    /// The body it reads.
    pub takes: Option<Shape>,
    /// The query it reads: an object whose members are parameters.
    pub query: Option<Shape>,
    /// Whether it wants an `Idempotency-Key`, and answers with a `Location`.
    pub keyed: bool,
    /// What it answers when all is well, and the body's shape.
    pub answers: (StatusCode, Option<Shape>),
    /// What it refuses besides [`Endpoint::refusals`]' general ones.
    pub refuses: &'static [Kind],
    /// Who asks for it in the course of an order, and by which operation's name.
    pub asked: Option<Asked>,
}

/// A call that faults can be aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// A service, or `customer` or `staff`.
    pub by: &'static str,
    /// As the caller names it in [`Call::operation`](stormproof_ports::Call).
    pub operation: &'static str,
    /// It comes once an hour, not with each order.
    pub hourly: bool,
}

/// A route: what a reader has to know, and what serves it.
pub struct Route<S> {
    pub endpoint: Endpoint,
    serves: MethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// A route of `method` that anybody may ask and that answers 204, unless said otherwise.
    pub fn new<H: Handler<T, S>, T: 'static>(
        method: Method,
        path: &'static str,
        name: &'static str,
        says: &'static str,
        handler: H,
    ) -> Route<S> {
        let filter = MethodFilter::try_from(method.clone()).expect("routes have usual methods");
        let endpoint = Endpoint {
            method,
            path,
            name,
            says,
            access: Access::Open,
            takes: None,
            query: None,
            keyed: false,
            answers: (StatusCode::NO_CONTENT, None),
            refuses: &[],
            asked: None,
        };
        Route { endpoint, serves: on(filter, handler) }
    }

    /// Who may ask.
    pub fn behind(mut self, access: Access) -> Route<S> {
        self.endpoint.access = access;
        self
    }

    /// Reads a JSON body.
    pub fn takes<T: JsonSchema>(mut self) -> Route<S> {
        self.endpoint.takes = Some(shape::<T>);
        self
    }

    /// Reads the query.
    pub fn query<T: JsonSchema>(mut self) -> Route<S> {
        self.endpoint.query = Some(shape::<T>);
        self
    }

    /// Wants an `Idempotency-Key`.
    pub fn keyed(mut self) -> Route<S> {
        self.endpoint.keyed = true;
        self
    }

    /// Answers with a JSON body.
    pub fn answers<T: JsonSchema>(mut self, status: StatusCode) -> Route<S> {
        self.endpoint.answers = (status, Some(shape::<T>));
        self
    }

    /// Is asked for `operation` by a service or somebody outside, in the course of an order.
    pub fn asked(mut self, by: &'static str, operation: &'static str) -> Route<S> {
        self.endpoint.asked = Some(Asked { by, operation, hourly: false });
        self
    }

    /// The same, once an hour.
    pub fn asked_hourly(mut self, by: &'static str, operation: &'static str) -> Route<S> {
        self.endpoint.asked = Some(Asked { by, operation, hourly: true });
        self
    }

    /// Refuses for reasons of its own.
    pub fn refuses(mut self, kinds: &'static [Kind]) -> Route<S> {
        self.endpoint.refuses = kinds;
        self
    }
}

impl Endpoint {
    /// The names in braces, in the order of the path.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('{').skip(1).filter_map(|part| part.split('}').next())
    }

    /// Whether a request line is for it.
    pub fn is_for(&self, method: &Method, path: &str) -> bool {
        let (mut pattern, mut path) = (self.path.split('/'), path.split('/'));
        let fits = |pattern: &str, segment: &str| match pattern.starts_with('{') {
            true => !segment.is_empty(),
            false => pattern == segment,
        };
        *method == self.method
            && loop {
                match (pattern.next(), path.next()) {
                    (None, None) => break true,
                    (Some(pattern), Some(segment)) if fits(pattern, segment) => {}
                    _ => break false,
                }
            }
    }

    /// Every kind of problem that it may answer with, in the order of [`Kind::ALL`].
    pub fn refusals(&self) -> Vec<Kind> {
        let reads = self.takes.is_some() || self.query.is_some();
        let general = |kind: Kind| match kind {
            Kind::Invalid => reads || self.parameters().next().is_some(),
            Kind::MissingKey => self.keyed,
            Kind::TooLarge => self.takes.is_some(),
            Kind::Unauthorized => self.access != Access::Open,
            Kind::Forbidden => matches!(self.access, Access::Support | Access::Service(_)),
            Kind::Unavailable | Kind::Unknown => true,
            _ => false,
        };
        let may = |kind: &Kind| general(*kind) || self.refuses.contains(kind);
        Kind::ALL.into_iter().filter(may).collect()
    }
}

/// The router of `routes`.
pub fn router<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    let add = |router: Router<S>, route: Route<S>| router.route(route.endpoint.path, route.serves);
    routes.into_iter().fold(Router::new(), add)
}

/// What a reader has to know of `routes`.
pub fn endpoints<S>(routes: Vec<Route<S>>) -> Vec<Endpoint> {
    routes.into_iter().map(|route| route.endpoint).collect()
}
