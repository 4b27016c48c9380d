//! `GET /products`, `POST /products`.

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};

use super::{Store, support_only};
use crate::error::Error;
use crate::store::catalogue;
use crate::store::dto::Product;
use crate::web::Body;

pub(super) async fn list(State(store): State<Store>) -> Result<Json<Vec<Product>>, Error> {
    catalogue::list(&store.context).await.map(Json)
}

pub(super) async fn put(
    State(store): State<Store>,
    headers: HeaderMap,
    Body(product): Body<Product>,
) -> Result<StatusCode, Error> {
    support_only(&store.context, &headers)?;
    catalogue::put(&store.context, product).await?;
    Ok(StatusCode::NO_CONTENT)
}
