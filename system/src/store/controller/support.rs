//! `/support` and below: for the support team only.

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};

use super::{Store, support_only};
use crate::error::Error;
use crate::id::OrderId;
use crate::store::dto::{AlertView, OrderView, ParkedRefund, Reconcile, Reconciled};
use crate::store::support;
use crate::web::{Body, Segment};

pub(super) async fn parked(
    State(store): State<Store>,
    headers: HeaderMap,
) -> Result<Json<Vec<ParkedRefund>>, Error> {
    support_only(&store.context, &headers)?;
    support::parked(&store.context).await.map(Json)
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
