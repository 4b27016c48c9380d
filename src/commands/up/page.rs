//! The front page: what this is and what to try. Pages are plain HTML: no script, nothing fetched.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderName, HeaderValue, StatusCode, header};
use stormproof_shop::html::Escaped;

use crate::commands::demo;

/// Nothing but what the page itself brings: a mail's HTML came from outside.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;\
                     padding:0 1rem;color:#222}pre{background:#f4f4f4;padding:1rem;overflow:auto}\
                     iframe{width:100%;height:18rem;border:1px solid #ccc}\
                     article{border-top:1px solid #ccc;padding:1rem 0}\
                     dt{float:left;width:6rem;color:#666}dd{margin-left:6rem}";

/// `GET /`.
pub fn router(address: SocketAddr) -> Router {
    Router::new().route("/", get(async move || page("Stormproof", &front(address))))
}

/// Answers only who asks for this machine by a name of its own: a page from elsewhere that has its
/// own name point here (DNS rebinding) would otherwise read the mails.
pub fn at_home(routes: Router) -> Router {
    routes.layer(middleware::from_fn(async |request: Request, next: Next| {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let is_loopback =
            name.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        match is_loopback || name == "localhost" {
            true => next.run(request).await,
            false => StatusCode::MISDIRECTED_REQUEST.into_response(),
        }
    }))
}

/// A whole page around `content`, which is HTML already.
pub fn page(title: &str, content: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\
         <body><h1>{title}</h1>{content}</body></html>",
        title = Escaped(title),
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, html).into_response()
}

/// The password is not shown: it is where the shop was started, for whoever started it.
fn front(address: SocketAddr) -> String {
    format!(
        "<p>A shop of five services that keeps its promises whatever breaks: store, warehouse, \
         bank, delivery and email run in this process, each with its own database, and talk over \
         HTTP and a message broker. Kill it at any moment; started again it goes on where it \
         was.</p>\
         <ul><li><a href=\"/products\">What is sold</a></li>\
         <li><a href=\"/mailbox\">Mails that were sent</a></li>\
         <li><a href=\"/health/ready\">Health</a></li></ul>\
         <p>The demo's customer is <b>{customer}</b>, its support team <b>{support}</b>; their \
         password was printed when the shop was opened. Whoever registers gets {money}.00 at the \
         demo's bank.</p>\
         <h2>An order</h2><pre>\
         curl -s http://{address}/login -d '{{\"username\":\"{customer}\",\"password\":\"…\"}}'\n\
         curl -s http://{address}/orders -H 'Authorization: Bearer …' \\\n     \
         -H 'Idempotency-Key: first' -d '{{\"lines\":[{{\"sku\":\"teapot\",\"quantity\":2}}]}}'\n\
         curl -s http://{address}/orders/…/timeline -H 'Authorization: Bearer …'</pre>",
        customer = demo::CUSTOMER,
        support = demo::SUPPORT,
        money = demo::WELCOME_MINOR / 100,
    )
}
