//! Calling another service: JSON out, and an answer sorted into the three outcomes of
//! `protocol.md` §4.

use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stormproof_ports::{Answer, trace};

use crate::context::Context;
use crate::error::{Error, Problem};
use crate::question::Question;
use crate::token;

/// A call to be made; `caller` and `to` are services' names.
pub struct Request<'a> {
    pub caller: &'static str,
    pub to: &'static str,
    pub operation: &'static str,
    /// The scope that the operation needs at the other service.
    pub scope: &'static str,
    pub method: Method,
    pub path: String,
    /// The order that it is for.
    pub order: &'a str,
}

/// Makes the call with `body`. `Rejected` carries the other service's own problem.
pub async fn call<T: DeserializeOwned>(
    context: &Context,
    request: Request<'_>,
    body: &impl Serialize,
) -> Result<T, Error> {
    let bearer = token::for_service(context, request.caller, request.to, request.scope);
    let question = Question::new(request.method, request.to, request.operation, request.path)
        .with_body(body)
        .with_bearer(bearer)
        .within(context.settings.saga.call_timeout);
    let mut call = question.call();
    let parent = trace::parent(request.order, request.operation);
    let parent = HeaderValue::try_from(parent).expect("ids are ASCII");
    call.headers.insert("traceparent", parent);
    let answer = context.ports.http.call(call).await?;
    sort(answer)
}

/// Done, Rejected, Unavailable or Unknown. A refusal of the credentials, or of the pace, is no
/// answer to the question: nothing happened, and a later attempt may pass.
fn sort<T: DeserializeOwned>(answer: Answer) -> Result<T, Error> {
    let status = answer.status;
    if status.is_success() {
        return serde_json::from_slice(&answer.body)
            .map_err(|error| Error::Unknown(format!("the answer cannot be read: {error}")));
    }
    match status {
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS => Err(Error::Unavailable(status.to_string())),
        _ if status.is_client_error() => match Problem::parse(&answer.body) {
            Some(problem) => Err(problem.into()),
            None => Err(Error::Unknown(format!("{status} without a problem document"))),
        },
        _ => Err(Error::Unknown(status.to_string())),
    }
}
