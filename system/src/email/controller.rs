//! Email over HTTP: the mailbox page's data.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use http::HeaderMap;

use super::dto::{Filter, Mail, Mailbox};
use super::service;
use crate::error::Error;
use crate::ports::Ports;
use crate::{token, web};

/// The audience of the tokens that Email accepts, and the scope that opens the mailbox.
const AUDIENCE: &str = "email";
const MAILBOX: &str = "mailbox";

pub fn router(ports: &Ports) -> Router {
    web::finish(Router::new().route("/mails", get(list))).with_state(ports.clone())
}

async fn list(
    State(ports): State<Ports>,
    headers: HeaderMap,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Mailbox>, Error> {
    token::service(&ports, &headers, AUDIENCE, MAILBOX)?;
    let Query(filter) = filter.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let sent = service::mailbox(&ports, filter.to.as_deref()).await?;
    Ok(Json(Mailbox { mails: sent.into_iter().map(Mail::from).collect() }))
}
