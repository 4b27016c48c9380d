//! DeliveryCo over HTTP: questions from other services, reports from drivers.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::{Json, Router};
use http::{HeaderMap, Method, StatusCode};

use super::dto::{Deliveries, Delivery, Page, Reported};
use super::service;
use crate::api::{self, Access, Endpoint, Route};
use crate::context::Context;
use crate::error::{Error, Kind};
use crate::id::OrderId;
use crate::token;
use crate::views::{self, Views, ViewsRequest};
use crate::web::{self, Body, Segment};

/// The audience of the tokens that DeliveryCo accepts.
const AUDIENCE: &str = "delivery";
/// The scope of other services' questions.
const ORDERS: &str = "orders";
/// The scope of drivers' reports.
const DRIVER: &str = "driver";

/// The longest page of deliveries.
const PAGE_MAX: i64 = 1000;

/// Every route of DeliveryCo.
fn routes() -> Vec<Route<Context>> {
    use Kind::{Conflict, NotFound};
    let get = Method::GET;
    let post = Method::POST;
    let ok = StatusCode::OK;
    let driver = Access::Service(DRIVER);
    vec![
        Route::new(get.clone(), "/deliveries", "list", "Deliveries, page by page.", list)
            .behind(Access::Service(ORDERS))
            .query::<Page>()
            .answers::<Deliveries>(ok),
        Route::new(get, "/deliveries/{order}", "find", "An order's delivery.", find)
            .behind(Access::Service(ORDERS))
            .answers::<Delivery>(ok)
            .refuses(&[NotFound]),
        Route::new(
            post.clone(),
            "/deliveries/{order}/lost",
            "lost",
            "A driver reports that the parcel is lost.",
            lost,
        )
        .asked("staff", "report lost")
        .behind(driver)
        .answers::<Reported>(ok)
        .refuses(&[NotFound, Conflict]),
        Route::new(
            post.clone(),
            "/deliveries/{order}/found",
            "found",
            "A driver reports that a lost parcel turned up.",
            found,
        )
        .asked("staff", "report found")
        .behind(driver)
        .answers::<Reported>(ok)
        .refuses(&[NotFound, Conflict]),
        Route::new(post, "/views", "views", "The deliveries of a page of orders.", views_of)
            .asked_hourly("store", "views")
            .behind(Access::Service(views::SCOPE))
            .takes::<ViewsRequest>()
            .answers::<Views<Delivery>>(ok),
    ]
}

/// DeliveryCo over HTTP.
pub fn router(context: &Context) -> Router {
    web::finish(api::router(routes())).with_state(context.clone())
}

/// What a reader has to know of the routes.
pub fn endpoints() -> Vec<Endpoint> {
    api::endpoints(routes())
}

async fn list(
    State(context): State<Context>,
    headers: HeaderMap,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Deliveries>, Error> {
    token::service(&context, &headers, AUDIENCE, ORDERS)?;
    let Query(page) = page.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let limit = page.limit.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Error::invalid(format!("limit {limit}: expected 1 to {PAGE_MAX}")));
    }
    let after = web::text("after", page.after.as_deref().unwrap_or(""))?;
    let found = service::page(&context, after, limit).await?;
    let full = i64::try_from(found.len()) == Ok(limit);
    let deliveries: Vec<Delivery> = found.into_iter().map(Delivery::from).collect();
    let last = deliveries.last().map(|delivery| delivery.order_id.clone());
    Ok(Json(Deliveries { deliveries, next: last.filter(|_| full) }))
}

async fn find(
    State(context): State<Context>,
    headers: HeaderMap,
    Segment(order): Segment,
) -> Result<Json<Delivery>, Error> {
    token::service(&context, &headers, AUDIENCE, ORDERS)?;
    Ok(Json(service::find(&context, &OrderId::parse(order)?).await?.into()))
}

async fn views_of(
    State(context): State<Context>,
    headers: HeaderMap,
    Body(request): Body<ViewsRequest>,
) -> Result<Json<Views<Delivery>>, Error> {
    token::service(&context, &headers, AUDIENCE, views::SCOPE)?;
    let ViewsRequest { after, limit } = request.parse()?;
    let found = service::page(&context, &after, limit).await?;
    Ok(Json(Views { views: found.into_iter().map(Delivery::from).collect() }))
}

async fn lost(
    State(context): State<Context>,
    headers: HeaderMap,
    Segment(order): Segment,
) -> Result<Json<Reported>, Error> {
    token::service(&context, &headers, AUDIENCE, DRIVER)?;
    Ok(Json(service::report_lost(&context, &OrderId::parse(order)?).await?.into()))
}

async fn found(
    State(context): State<Context>,
    headers: HeaderMap,
    Segment(order): Segment,
) -> Result<Json<Reported>, Error> {
    token::service(&context, &headers, AUDIENCE, DRIVER)?;
    Ok(Json(service::report_found(&context, &OrderId::parse(order)?).await?.into()))
}
