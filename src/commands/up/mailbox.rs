//! The mailbox page: every mail that the shop has sent, as text and as HTML.
//!
//! Email says what was sent (`GET /mails`); the mails themselves lie in the data folder.

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use stormproof_ports::Call;
use stormproof_system::context::Context;
use stormproof_system::email::dto::{Mail, Mailbox};
use stormproof_system::error::Error;
use stormproof_system::token;

use super::page::page;
use stormproof_shop::html::Escaped;

/// Whose mails, by the exact address: everybody's, if it is not said.
#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
}

/// `GET /mailbox`, `GET /mailbox?to=address`.
pub fn router(context: &Context) -> Router {
    Router::new().route("/mailbox", get(show)).with_state(context.clone())
}

async fn show(State(context): State<Context>, Query(filter): Query<Filter>) -> Response {
    let to = filter.to.filter(|to| !to.is_empty());
    match mails(&context, to.as_deref()).await {
        Ok(mails) => page("Mailbox", &list(&mails, to.as_deref().unwrap_or(""))),
        Err(error) => error.into_response(),
    }
}

async fn mails(context: &Context, to: Option<&str>) -> Result<Vec<Mail>, Error> {
    let bearer = token::for_service(context, "mailbox", "email", "mailbox");
    let bearer = HeaderValue::from_str(&format!("Bearer {bearer}")).expect("tokens are ASCII");
    let call = Call {
        to: "email".into(),
        operation: "mailbox".into(),
        method: Method::GET,
        path: to.map_or("/mails".to_owned(), |to| format!("/mails?to={}", encoded(to))),
        headers: HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]),
        body: Bytes::new(),
        timeout: context.settings.saga.call_timeout,
    };
    let answer = context.ports.http.call(call).await?;
    let mailbox: Mailbox = serde_json::from_slice(&answer.body)
        .map_err(|error| Error::Unknown(format!("the mails cannot be read: {error}")))?;
    Ok(mailbox.mails)
}

/// Percent-encoded (RFC 3986 §2.1), but for what is plain in every place.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() {
            true => encoded.push(byte.into()),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn list(mails: &[Mail], to: &str) -> String {
    let mut html = format!(
        "<p><a href=\"/\">Front page</a></p><form><label>To <input name=\"to\" value=\"{}\">\
         </label> <button>Show</button></form>",
        Escaped(to)
    );
    if mails.is_empty() {
        html.push_str("<p>There is no mail.</p>");
    }
    for mail in mails {
        html.push_str(&format!(
            "<article><h2>{}</h2><dl><dt>To</dt><dd>{}</dd><dt>Order</dt><dd>{}</dd>\
             <dt>Id</dt><dd>{}</dd></dl><pre>{}</pre>\
             <details><summary>As HTML</summary>{}</details></article>",
            Escaped(&mail.subject),
            Escaped(&mail.to),
            Escaped(&mail.order_id),
            Escaped(&mail.message_id),
            Escaped(&mail.text),
            framed(&mail.html),
        ));
    }
    html
}

/// A mail's HTML, in a frame where no script runs and no form is sent.
fn framed(html: &str) -> String {
    format!(
        "<iframe sandbox=\"\" title=\"The mail as HTML\" srcdoc=\"{}\"></iframe>",
        Escaped(html)
    )
}
