//! The Bank's HTTP interface: who may ask, what a request must look like, what is answered.
//!
//! The Store asks with the scope `payments`, and with `reconcile` to compare; who opens and closes accounts has the scope `teller`.
//! A decline is an answer like any other (200): the request was understood and is done with.

use std::sync::Arc;

use axum::extract::State;
use axum::{Json, Router};
use http::{HeaderMap, Method, StatusCode};

use super::account::Account;
use super::dto::{
    AccountAnswer, DebitRequest, OpenAccount, PaymentResult, PaymentView, RefundAnswer,
    RefundRequest, StatusRequest, VoidRequest,
};
use super::{debit, service, teller};
use crate::api::{self, Access, Endpoint, Route};
use crate::context::Context;
use crate::error::{Error, Kind};
use crate::id::UserId;
use crate::token;
use crate::views::{self, Views, ViewsRequest};
use crate::web::{self, Body, Segment};

/// Shared by all requests: one count to keep, instead of one for each port.
type Shared = State<Arc<Context>>;

/// Every route of the Bank.
fn routes() -> Vec<Route<Arc<Context>>> {
    use Kind::{Closed, Conflict, KeyReused, NotFound};
    let post = Method::POST;
    let ok = StatusCode::OK;
    let payments = Access::Service("payments");
    let teller = Access::Service("teller");
    vec![
        Route::new(post.clone(), "/accounts", "openAccount", "Opens an account.", open_account)
            .behind(teller)
            .takes::<OpenAccount>()
            .answers::<AccountAnswer>(ok)
            .refuses(&[Conflict]),
        Route::new(
            Method::GET,
            "/accounts/{owner}",
            "findAccount",
            "An account as it is now.",
            find_account,
        )
        .behind(payments)
        .answers::<AccountAnswer>(ok)
        .refuses(&[NotFound]),
        Route::new(
            Method::PUT,
            "/accounts/{owner}/status",
            "setStatus",
            "Opens, freezes or closes an account.",
            set_status,
        )
        .behind(teller)
        .takes::<StatusRequest>()
        .answers::<AccountAnswer>(ok)
        .refuses(&[NotFound]),
        Route::new(
            post.clone(),
            "/debits",
            "debit",
            "Debits an order's amount, once. A decline is an answer like any other.",
            make_debit,
        )
        .asked("store", "debit")
        .behind(payments)
        .takes::<DebitRequest>()
        .answers::<PaymentResult>(ok)
        .refuses(&[KeyReused]),
        Route::new(
            post.clone(),
            "/debits/{key}/void",
            "void",
            "Gives up on a debit: from now on it is VOIDED, or it was decided before.",
            void_debit,
        )
        .asked("store", "void")
        .behind(payments)
        .takes::<VoidRequest>()
        .answers::<PaymentResult>(ok),
        Route::new(
            post.clone(),
            "/refunds",
            "refund",
            "Gives money back, once for each debit.",
            make_refund,
        )
        .asked("store", "refund")
        .behind(payments)
        .takes::<RefundRequest>()
        .answers::<RefundAnswer>(ok)
        .refuses(&[Conflict, KeyReused, Closed]),
        Route::new(post, "/views", "views", "The money of a page of orders.", views_of)
            .asked_hourly("store", "views")
            .behind(Access::Service(views::SCOPE))
            .takes::<ViewsRequest>()
            .answers::<Views<PaymentView>>(ok),
    ]
}

/// The Bank over HTTP.
pub fn router(context: &Context) -> Router {
    web::finish(api::router(routes())).with_state(Arc::new(context.clone()))
}

/// What a reader has to know of the routes.
pub fn endpoints() -> Vec<Endpoint> {
    api::endpoints(routes())
}

async fn open_account(
    State(context): Shared,
    headers: HeaderMap,
    Body(request): Body<OpenAccount>,
) -> Result<Json<AccountAnswer>, Error> {
    authorize(&context, &headers, "teller")?;
    let OpenAccount { owner, balance, status } = request;
    let account = Account { owner, balance, status };
    teller::open(&context, &account).await?;
    Ok(answer(account))
}

async fn find_account(
    State(context): Shared,
    Segment(owner): Segment,
    headers: HeaderMap,
) -> Result<Json<AccountAnswer>, Error> {
    authorize(&context, &headers, "payments")?;
    teller::find(&context, &UserId::parse(owner)?).await.map(answer)
}

async fn set_status(
    State(context): Shared,
    Segment(owner): Segment,
    headers: HeaderMap,
    Body(request): Body<StatusRequest>,
) -> Result<Json<AccountAnswer>, Error> {
    authorize(&context, &headers, "teller")?;
    teller::set_status(&context, &UserId::parse(owner)?, request.status).await.map(answer)
}

async fn make_debit(
    State(context): Shared,
    headers: HeaderMap,
    Body(request): Body<DebitRequest>,
) -> Result<Json<PaymentResult>, Error> {
    authorize(&context, &headers, "payments")?;
    service::debit(&context, &request).await.map(Json)
}

async fn void_debit(
    State(context): Shared,
    Segment(key): Segment,
    headers: HeaderMap,
    Body(request): Body<VoidRequest>,
) -> Result<Json<PaymentResult>, Error> {
    authorize(&context, &headers, "payments")?;
    debit::check_key(&key, &debit::key(&request.order_id))?;
    service::void(&context, &request.order_id).await.map(Json)
}

async fn make_refund(
    State(context): Shared,
    headers: HeaderMap,
    Body(request): Body<RefundRequest>,
) -> Result<Json<RefundAnswer>, Error> {
    authorize(&context, &headers, "payments")?;
    service::refund(&context, &request).await.map(Json)
}

async fn views_of(
    State(context): Shared,
    headers: HeaderMap,
    Body(request): Body<ViewsRequest>,
) -> Result<Json<Views<PaymentView>>, Error> {
    authorize(&context, &headers, views::SCOPE)?;
    let views = service::views(&context, &request.parse()?).await?;
    Ok(Json(Views { views }))
}

fn authorize(context: &Context, headers: &HeaderMap, scope: &str) -> Result<(), Error> {
    token::service(context, headers, "bank", scope).map(|_| ())
}

fn answer(account: Account) -> Json<AccountAnswer> {
    let Account { owner, balance, status } = account;
    Json(AccountAnswer { owner, balance, status })
}
