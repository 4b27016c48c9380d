//! Email over HTTP: the mailbox page's data.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::{Json, Router};
use http::{HeaderMap, Method, StatusCode};

use super::dto::{Filter, Mail, Mailbox};
use super::service;
use crate::api::{self, Access, Endpoint, Route};
use crate::context::Context;
use crate::error::Error;
use crate::{token, web};

/// The audience of the tokens that Email accepts, and the scope that opens the mailbox.
const AUDIENCE: &str = "email";
const MAILBOX: &str = "mailbox";

/// Every route of Email.
fn routes() -> Vec<Route<Context>> {
    vec![
        Route::new(Method::GET, "/mails", "mailbox", "The latest mails.", list)
            .behind(Access::Service(MAILBOX))
            .query::<Filter>()
            .answers::<Mailbox>(StatusCode::OK),
    ]
}

/// Email over HTTP.
pub fn router(context: &Context) -> Router {
    web::finish(api::router(routes())).with_state(context.clone())
}

/// What a reader has to know of the routes.
pub fn endpoints() -> Vec<Endpoint> {
    api::endpoints(routes())
}

async fn list(
    State(context): State<Context>,
    headers: HeaderMap,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Mailbox>, Error> {
    token::service(&context, &headers, AUDIENCE, MAILBOX)?;
    let Query(filter) = filter.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let to = filter.to.as_deref().map(|to| web::text("to", to)).transpose()?;
    let sent = service::mailbox(&context, to).await?;
    Ok(Json(Mailbox { mails: sent.into_iter().map(Mail::from).collect() }))
}
