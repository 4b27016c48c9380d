//! The Warehouse's HTTP interface: who may ask, what a request must look like, what is answered.
//!
//! The Store asks with the scope `orders`, and with `reconcile` to compare; goods come in with the
//! scope `restock`.

use std::sync::Arc;

use axum::extract::State;
use axum::{Json, Router};
use http::{HeaderMap, Method, StatusCode};

use super::dto::{
    AvailabilityAnswer, AvailabilityRequest, ReservationAnswer, ReservationView, ReserveRequest,
    Restock, StockAnswer,
};
use super::reservation::{self, LINES_MAX, Reservation, Verb};
use super::service;
use crate::api::{self, Access, Endpoint, Route};
use crate::context::Context;
use crate::error::{Error, Kind};
use crate::id::{self, OrderId};
use crate::token;
use crate::views::{self, Views, ViewsRequest};
use crate::web::{self, Body, Segment};

/// Shared by all requests: one count to keep, instead of one for each port.
type Shared = State<Arc<Context>>;

/// Every route of the Warehouse.
fn routes() -> Vec<Route<Arc<Context>>> {
    use Kind::{Conflict, KeyReused, NotEnoughStock, NotFound};
    let get = Method::GET;
    let post = Method::POST;
    let ok = StatusCode::OK;
    let orders = Access::Service("orders");
    vec![
        Route::new(
            post.clone(),
            "/availability",
            "availability",
            "What could be reserved now.",
            availability,
        )
        .asked("store", "availability")
        .behind(orders)
        .takes::<AvailabilityRequest>()
        .answers::<AvailabilityAnswer>(ok),
        Route::new(get.clone(), "/reservations/{order}", "find", "An order's reservation.", find)
            .behind(orders)
            .answers::<ReservationAnswer>(ok)
            .refuses(&[NotFound]),
        Route::new(
            Method::PUT,
            "/reservations/{order}",
            "reserve",
            "Holds an order's goods: all of them or nothing.",
            reserve,
        )
        .asked("store", "reserve")
        .behind(orders)
        .takes::<ReserveRequest>()
        .answers::<ReservationAnswer>(ok)
        .refuses(&[Conflict, NotEnoughStock]),
        Route::new(
            post.clone(),
            "/reservations/{order}/commit",
            "commit",
            "The goods leave.",
            commit,
        )
        .asked("store", "commit")
        .behind(orders)
        .answers::<ReservationAnswer>(ok)
        .refuses(&[NotFound, Conflict]),
        Route::new(
            post.clone(),
            "/reservations/{order}/release",
            "release",
            "The goods are free again; one that never came is refused from now on.",
            release,
        )
        .asked("store", "release")
        .behind(orders)
        .answers::<ReservationAnswer>(ok)
        .refuses(&[Conflict]),
        Route::new(
            post.clone(),
            "/reservations/{order}/return",
            "return",
            "Goods that were to leave go back to where they lay.",
            take_back,
        )
        .asked("store", "return")
        .behind(orders)
        .answers::<ReservationAnswer>(ok)
        .refuses(&[NotFound, Conflict]),
        Route::new(get, "/stock", "stock", "All the books.", stock)
            .behind(orders)
            .answers::<StockAnswer>(ok),
        Route::new(post.clone(), "/stock", "restock", "Takes in goods.", restock)
            .asked("staff", "restock")
            .behind(Access::Service("restock"))
            .takes::<Restock>()
            .answers::<Restock>(ok)
            .refuses(&[KeyReused]),
        Route::new(post, "/views", "views", "The reservations of a page of orders.", views_of)
            .asked_hourly("store", "views")
            .behind(Access::Service(views::SCOPE))
            .takes::<ViewsRequest>()
            .answers::<Views<ReservationView>>(ok),
    ]
}

/// The Warehouse over HTTP.
pub fn router(context: &Context) -> Router {
    web::finish(api::router(routes())).with_state(Arc::new(context.clone()))
}

/// What a reader has to know of the routes.
pub fn endpoints() -> Vec<Endpoint> {
    api::endpoints(routes())
}

async fn availability(
    State(context): Shared,
    headers: HeaderMap,
    Body(mut request): Body<AvailabilityRequest>,
) -> Result<Json<AvailabilityAnswer>, Error> {
    authorize(&context, &headers, "orders")?;
    request.skus.sort();
    request.skus.dedup();
    if request.skus.is_empty() || request.skus.len() > LINES_MAX {
        return Err(Error::invalid(format!("skus: expected 1 to {LINES_MAX}")));
    }
    let rows = service::availability(&context, &request.skus).await?;
    Ok(Json(AvailabilityAnswer { rows }))
}

async fn reserve(
    State(context): Shared,
    Segment(order): Segment,
    headers: HeaderMap,
    Body(request): Body<ReserveRequest>,
) -> Result<Json<ReservationAnswer>, Error> {
    authorize(&context, &headers, "orders")?;
    let order = OrderId::parse(order)?;
    let lines = reservation::parse_lines(request.lines)?;
    service::reserve(&context, &order, &lines).await.map(answer)
}

async fn commit(
    state: Shared,
    order: Segment,
    headers: HeaderMap,
) -> Result<Json<ReservationAnswer>, Error> {
    turn(state, order, headers, Verb::Commit).await
}

async fn release(
    state: Shared,
    order: Segment,
    headers: HeaderMap,
) -> Result<Json<ReservationAnswer>, Error> {
    turn(state, order, headers, Verb::Release).await
}

async fn take_back(
    state: Shared,
    order: Segment,
    headers: HeaderMap,
) -> Result<Json<ReservationAnswer>, Error> {
    turn(state, order, headers, Verb::Return).await
}

async fn turn(
    State(context): Shared,
    Segment(order): Segment,
    headers: HeaderMap,
    verb: Verb,
) -> Result<Json<ReservationAnswer>, Error> {
    authorize(&context, &headers, "orders")?;
    service::turn(&context, &OrderId::parse(order)?, verb).await.map(answer)
}

async fn find(
    State(context): Shared,
    Segment(order): Segment,
    headers: HeaderMap,
) -> Result<Json<ReservationAnswer>, Error> {
    authorize(&context, &headers, "orders")?;
    let found = service::find(&context, &OrderId::parse(order)?).await?;
    match found.state {
        reservation::State::Absent => {
            Err(found.problem(Kind::NotFound, "the order has no reservation").into())
        }
        _ => Ok(answer(found)),
    }
}

async fn stock(State(context): Shared, headers: HeaderMap) -> Result<Json<StockAnswer>, Error> {
    authorize(&context, &headers, "orders")?;
    let rows = service::stock(&context).await?;
    Ok(Json(StockAnswer { rows }))
}

async fn restock(
    State(context): Shared,
    headers: HeaderMap,
    Body(request): Body<Restock>,
) -> Result<Json<Restock>, Error> {
    authorize(&context, &headers, "restock")?;
    id::check("key", &request.key)?;
    reservation::check_quantity(request.quantity)?;
    service::restock(&context, &request).await?;
    Ok(Json(request))
}

async fn views_of(
    State(context): Shared,
    headers: HeaderMap,
    Body(request): Body<ViewsRequest>,
) -> Result<Json<Views<ReservationView>>, Error> {
    authorize(&context, &headers, views::SCOPE)?;
    let views = service::views(&context, &request.parse()?).await?;
    Ok(Json(Views { views }))
}

fn authorize(context: &Context, headers: &HeaderMap, scope: &str) -> Result<(), Error> {
    token::service(context, headers, "warehouse", scope).map(|_| ())
}

fn answer(reservation: Reservation) -> Json<ReservationAnswer> {
    Json(ReservationAnswer { state: reservation.state, lines: reservation.lines })
}
