//! `/orders` and below: a customer's own orders.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{ORDERS, Store, customer};
use crate::error::Error;
use crate::id::OrderId;
use crate::store::dto::{OrderView, TimelineEntry};
use crate::store::orders::{self, Placed};
use crate::web::{self, ListQuery, RawBody, Segment};

pub(super) async fn place(
    State(store): State<Store>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, Error> {
    let user = customer(&store.context, &headers)?;
    let key = web::idempotency_key(&headers)?;
    orders::place(&store.context, &user, &key, &body).await.map(placed)
}

/// 202 with a `Location`, or 409 with a problem document; a repeat says that it is one.
fn placed(placed: Placed) -> Response {
    let status = StatusCode::from_u16(placed.status).expect("only valid statuses are stored");
    let media_type = match status.is_success() {
        true => "application/json",
        false => "application/problem+json",
    };
    let mut response = (status, placed.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let location = HeaderValue::from_str(&placed.location).expect("order ids are ASCII");
    headers.insert(header::LOCATION, location);
    if placed.replayed {
        let replayed = HeaderName::from_static("idempotent-replayed");
        headers.insert(replayed, HeaderValue::from_static("true"));
    }
    response
}

pub(super) async fn list(
    State(store): State<Store>,
    headers: HeaderMap,
    ListQuery { after }: ListQuery,
) -> Result<Response, Error> {
    let user = customer(&store.context, &headers)?;
    Ok(orders::list(&store.context, &user, &after).await?.answer(ORDERS))
}

pub(super) async fn find(
    State(store): State<Store>,
    headers: HeaderMap,
    Segment(id): Segment,
) -> Result<Json<OrderView>, Error> {
    let user = customer(&store.context, &headers)?;
    orders::find(&store.context, &user, &OrderId::parse(id)?).await.map(Json)
}

pub(super) async fn timeline(
    State(store): State<Store>,
    headers: HeaderMap,
    Segment(id): Segment,
) -> Result<Json<Vec<TimelineEntry>>, Error> {
    let user = customer(&store.context, &headers)?;
    orders::timeline(&store.context, &user, &OrderId::parse(id)?).await.map(Json)
}

/// 202: accepted, and the saga undoes the order; 409: it is too late.
pub(super) async fn cancel(
    State(store): State<Store>,
    headers: HeaderMap,
    Segment(id): Segment,
) -> Result<(StatusCode, Json<OrderView>), Error> {
    let user = customer(&store.context, &headers)?;
    let view = orders::cancel(&store.context, &user, &OrderId::parse(id)?).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}
