//! `POST /register`, `POST /login`.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;

use super::Store;
use crate::error::Error;
use crate::store::dto::{LoggedIn, Login, Register, Registered};
use crate::web::{Body, ClientAddress};

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
    Body(request): Body<Login>,
) -> Result<Json<LoggedIn>, Error> {
    let address = address.map(|Extension(ClientAddress(address))| address);
    store.accounts.login(&store.context, request, address.as_deref()).await.map(Json)
}
