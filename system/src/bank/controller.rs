//! The Bank's HTTP interface: who may ask, what a request must look like, what is answered.
//!
//! The Store asks with the scope `payments`, and with `reconcile` to compare; who opens and closes accounts has the scope `teller`.
//! A decline is an answer like any other (200): the request was understood and is done with.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::HeaderMap;

use super::account::Account;
use super::dto::{
    AccountAnswer, DebitRequest, OpenAccount, PaymentResult, PaymentView, RefundAnswer,
    RefundRequest, StatusRequest, VoidRequest,
};
use super::{debit, service, teller};
use crate::error::Error;
use crate::id::UserId;
use crate::ports::Ports;
use crate::token;
use crate::views::{self, Views, ViewsRequest};
use crate::web::{self, Body, Segment};

/// Shared by all requests: one count to keep, instead of one for each port.
type Shared = State<Arc<Ports>>;

/// Every route of the Bank.
pub fn router(ports: &Ports) -> Router {
    let routes = Router::new()
        .route("/accounts", post(open_account))
        .route("/accounts/{owner}", get(find_account))
        .route("/accounts/{owner}/status", put(set_status))
        .route("/debits", post(make_debit))
        .route("/debits/{key}/void", post(void_debit))
        .route("/refunds", post(make_refund))
        .route("/views", post(views_of));
    web::finish(routes).with_state(Arc::new(ports.clone()))
}

async fn open_account(
    State(ports): Shared,
    headers: HeaderMap,
    Body(request): Body<OpenAccount>,
) -> Result<Json<AccountAnswer>, Error> {
    authorize(&ports, &headers, "teller")?;
    let OpenAccount { owner, balance, status } = request;
    let account = Account { owner, balance, status };
    teller::open(&ports, &account).await?;
    Ok(answer(account))
}

async fn find_account(
    State(ports): Shared,
    Segment(owner): Segment,
    headers: HeaderMap,
) -> Result<Json<AccountAnswer>, Error> {
    authorize(&ports, &headers, "payments")?;
    teller::find(&ports, &UserId::parse(owner)?).await.map(answer)
}

async fn set_status(
    State(ports): Shared,
    Segment(owner): Segment,
    headers: HeaderMap,
    Body(request): Body<StatusRequest>,
) -> Result<Json<AccountAnswer>, Error> {
    authorize(&ports, &headers, "teller")?;
    teller::set_status(&ports, &UserId::parse(owner)?, request.status).await.map(answer)
}

async fn make_debit(
    State(ports): Shared,
    headers: HeaderMap,
    Body(request): Body<DebitRequest>,
) -> Result<Json<PaymentResult>, Error> {
    authorize(&ports, &headers, "payments")?;
    service::debit(&ports, &request).await.map(Json)
}

async fn void_debit(
    State(ports): Shared,
    Segment(key): Segment,
    headers: HeaderMap,
    Body(request): Body<VoidRequest>,
) -> Result<Json<PaymentResult>, Error> {
    authorize(&ports, &headers, "payments")?;
    debit::check_key(&key, &debit::key(&request.order_id))?;
    service::void(&ports, &request.order_id).await.map(Json)
}

async fn make_refund(
    State(ports): Shared,
    headers: HeaderMap,
    Body(request): Body<RefundRequest>,
) -> Result<Json<RefundAnswer>, Error> {
    authorize(&ports, &headers, "payments")?;
    service::refund(&ports, &request).await.map(Json)
}

async fn views_of(
    State(ports): Shared,
    headers: HeaderMap,
    Body(request): Body<ViewsRequest>,
) -> Result<Json<Views<PaymentView>>, Error> {
    authorize(&ports, &headers, views::SCOPE)?;
    let views = service::views(&ports, &request.parse()?).await?;
    Ok(Json(Views { views }))
}

fn authorize(ports: &Ports, headers: &HeaderMap, scope: &str) -> Result<(), Error> {
    token::service(ports, headers, "bank", scope).map(|_| ())
}

fn answer(account: Account) -> Json<AccountAnswer> {
    let Account { owner, balance, status } = account;
    Json(AccountAnswer { owner, balance, status })
}
