//! `/support` and below: for the support team only.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::{PARKED_REFUNDS, Store, support_only};
use crate::error::Error;
use crate::id::OrderId;
use crate::store::dto::{AlertView, OrderView, Reconcile, Reconciled};
use crate::store::support;
use crate::web::{Body, ListQuery, Segment};

pub(super) async fn parked(
    State(store): State<Store>,
    headers: HeaderMap,
    ListQuery { after }: ListQuery,
) -> Result<Response, Error> {
    support_only(&store.context, &headers)?;
    Ok(support::parked(&store.context, &after).await?.answer(PARKED_REFUNDS))
}

pub(super) async fn retry(
    State(store): State<Store>,
    headers: HeaderMap,
    Segment(id): Segment,
) -> Result<(StatusCode, Json<OrderView>), Error> {
    support_only(&store.context, &headers)?;
    let view = support::retry(&store.context, &OrderId::parse(id)?).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

pub(super) async fn alerts(
    State(store): State<Store>,
    headers: HeaderMap,
) -> Result<Json<Vec<AlertView>>, Error> {
    support_only(&store.context, &headers)?;
    support::alerts(&store.context).await.map(Json)
}

pub(super) async fn reconcile(
    State(store): State<Store>,
    headers: HeaderMap,
    Body(request): Body<Reconcile>,
) -> Result<Json<Reconciled>, Error> {
    support_only(&store.context, &headers)?;
    support::reconcile(&store.context, request).await.map(Json)
}
