//! `POST /register`, `POST /login`.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;

use super::Store;
use crate::error::Error;
use crate::store::dto::{LoggedIn, Login, Register, Registered};
use crate::web::{Body, ClientAddress, RawBody, parse_any};

pub(super) async fn register(
    State(store): State<Store>,
    Body(request): Body<Register>,
) -> Result<(StatusCode, Json<Registered>), Error> {
    let registered = store.accounts.register(&store.context, request).await?;
    Ok((StatusCode::CREATED, Json(registered)))
}

pub(super) async fn login(
    State(store): State<Store>,
    address: Option<Extension<ClientAddress>>,
    RawBody(body): RawBody,
) -> Result<Json<LoggedIn>, Error> {
    // Whatever name is tried, the answer is the same.
    let request: Login = parse_any(&body)?;
    let address = address.map(|Extension(ClientAddress(address))| address);
    store.accounts.login(&store.context, request, address.as_deref()).await.map(Json)
}
