//! HTTP in: the only place that knows the Store's routes and status codes.

mod accounts;
mod catalogue;
mod orders;
mod support;

use axum::Router;
use axum::routing::{get, post};
use http::HeaderMap;

use super::accounts::Accounts;
use crate::error::{Error, Kind};
use crate::id::UserId;
use crate::ports::Ports;
use crate::{token, web};

/// What handlers work with.
#[derive(Clone)]
struct Store {
    ports: Ports,
    accounts: Accounts,
}

/// Every route of the Store.
pub fn router(ports: &Ports) -> Router {
    let store = Store { ports: ports.clone(), accounts: Accounts::default() };
    let router = Router::new()
        .route("/register", post(accounts::register))
        .route("/login", post(accounts::login))
        .route("/products", get(catalogue::list).post(catalogue::put))
        .route("/orders", get(orders::list).post(orders::place))
        .route("/orders/{id}", get(orders::find))
        .route("/orders/{id}/timeline", get(orders::timeline))
        .route("/orders/{id}/cancel", post(orders::cancel))
        .route("/support/refunds", get(support::parked))
        .route("/support/refunds/{id}/retry", post(support::retry))
        .route("/support/alerts", get(support::alerts))
        .route("/support/reconciliations", post(support::reconcile));
    web::finish(router).with_state(store)
}

/// The customer who asks.
fn customer(ports: &Ports, headers: &HeaderMap) -> Result<UserId, Error> {
    UserId::parse(token::user(ports, headers)?.sub)
}

/// Opens only for the support team.
fn support_only(ports: &Ports, headers: &HeaderMap) -> Result<(), Error> {
    match token::user(ports, headers)?.scope.as_str() {
        token::SUPPORT => Ok(()),
        _ => Err(Error::rejected(Kind::Forbidden, "expected a member of the support team")),
    }
}
