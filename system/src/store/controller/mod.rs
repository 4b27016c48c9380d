//! HTTP in: the only place that knows the Store's routes and status codes.

mod accounts;
mod catalogue;
mod orders;
mod support;

use axum::Router;
use http::{HeaderMap, Method, StatusCode};

use super::accounts::Accounts;
use super::dto::{
    AlertView, LoggedIn, Login, OrderView, ParkedRefund, PlaceOrder, Product, Reconcile,
    Reconciled, Register, Registered, TimelineEntry,
};
use crate::api::{self, Access, Endpoint, Route};
use crate::context::Context;
use crate::error::{Error, Kind};
use crate::id::UserId;
use crate::token;
use crate::web::{self, ListQuery};

/// One's orders.
const ORDERS: &str = "/orders";
/// Refunds that wait for people.
const PARKED_REFUNDS: &str = "/support/refunds";

/// What handlers work with.
#[derive(Clone)]
struct Store {
    context: Context,
    accounts: Accounts,
}

/// Every route of the Store.
fn routes() -> Vec<Route<Store>> {
    use Kind::{Conflict, KeyReused, NotEnoughStock, NotFound, TooManyRequests, Unauthorized};
    let get = Method::GET;
    let post = Method::POST;
    let ok = StatusCode::OK;
    vec![
        Route::new(post.clone(), "/register", "register", "Makes a user.", accounts::register)
            .asked("customer", "register")
            .takes::<Register>()
            .answers::<Registered>(StatusCode::CREATED)
            .refuses(&[Conflict]),
        Route::new(post.clone(), "/login", "logIn", "Gives a token.", accounts::login)
            .asked("customer", "login")
            .takes::<Login>()
            .answers::<LoggedIn>(ok)
            .refuses(&[Unauthorized, TooManyRequests]),
        Route::new(get.clone(), "/products", "listProducts", "What is sold.", catalogue::list)
            .asked("customer", "products")
            .answers::<Vec<Product>>(ok),
        Route::new(post.clone(), "/products", "putProduct", "Sells a product.", catalogue::put)
            .behind(Access::Support)
            .takes::<Product>(),
        Route::new(
            post.clone(),
            ORDERS,
            "placeOrder",
            "Places an order. It is on its way when this is answered, not done: look at it again.",
            orders::place,
        )
        .asked("customer", "order")
        .behind(Access::Customer)
        .keyed()
        .takes::<PlaceOrder>()
        .answers::<OrderView>(StatusCode::ACCEPTED)
        .refuses(&[NotEnoughStock, KeyReused]),
        Route::new(
            post.clone(),
            "/orders/{id}/cancel",
            "cancelOrder",
            "Asks for an order's cancellation. The carrier may have it already.",
            orders::cancel,
        )
        .asked("customer", "cancel")
        .behind(Access::Customer)
        .answers::<OrderView>(StatusCode::ACCEPTED)
        .refuses(&[NotFound, Conflict]),
        Route::new(
            get.clone(),
            ORDERS,
            "listOrders",
            "One's orders, newest first. Where more may follow, `Link` names the next page.",
            orders::list,
        )
        .asked("customer", "look")
        .behind(Access::Customer)
        .query::<ListQuery>()
        .answers::<Vec<OrderView>>(ok),
        Route::new(get.clone(), "/orders/{id}", "findOrder", "One of one's orders.", orders::find)
            .asked("customer", "look")
            .behind(Access::Customer)
            .answers::<OrderView>(ok)
            .refuses(&[NotFound]),
        Route::new(
            get.clone(),
            "/orders/{id}/timeline",
            "orderTimeline",
            "When an order first reached each status.",
            orders::timeline,
        )
        .asked("customer", "timeline")
        .behind(Access::Customer)
        .answers::<Vec<TimelineEntry>>(ok)
        .refuses(&[NotFound]),
        Route::new(
            get.clone(),
            PARKED_REFUNDS,
            "parkedRefunds",
            "Refunds that wait for people. Where more may follow, `Link` names the next page.",
            support::parked,
        )
        .behind(Access::Support)
        .query::<ListQuery>()
        .answers::<Vec<ParkedRefund>>(ok),
        Route::new(
            post.clone(),
            "/support/refunds/{id}/retry",
            "retryRefund",
            "Tries a parked refund now.",
            support::retry,
        )
        .behind(Access::Support)
        .answers::<OrderView>(StatusCode::ACCEPTED)
        .refuses(&[NotFound, Conflict]),
        Route::new(get, "/support/alerts", "alerts", "The newest alerts.", support::alerts)
            .behind(Access::Support)
            .answers::<Vec<AlertView>>(ok),
        Route::new(
            post,
            "/support/reconciliations",
            "reconcile",
            "Compares what all services say of a page of orders, and alerts about differences.",
            support::reconcile,
        )
        .behind(Access::Support)
        .takes::<Reconcile>()
        .answers::<Reconciled>(ok),
    ]
}

/// The Store over HTTP.
pub fn router(context: &Context) -> Router {
    let store = Store { context: context.clone(), accounts: Accounts::default() };
    web::finish(api::router(routes())).with_state(store)
}

/// What a reader has to know of the routes.
pub fn endpoints() -> Vec<Endpoint> {
    api::endpoints(routes())
}

/// The customer who asks.
fn customer(context: &Context, headers: &HeaderMap) -> Result<UserId, Error> {
    UserId::parse(token::user(context, headers)?.sub)
}

/// Opens only for the support team.
fn support_only(context: &Context, headers: &HeaderMap) -> Result<(), Error> {
    match token::user(context, headers)?.scope.as_str() {
        token::SUPPORT => Ok(()),
        _ => Err(Error::rejected(Kind::Forbidden, "expected a member of the support team")),
    }
}
