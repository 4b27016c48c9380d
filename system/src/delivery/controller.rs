//! DeliveryCo over HTTP: questions from other services, reports from drivers.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::HeaderMap;

use super::dto::{Deliveries, Delivery, Page, Reported};
use super::service;
use crate::error::Error;
use crate::id::OrderId;
use crate::ports::Ports;
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

pub fn router(ports: &Ports) -> Router {
    let router = Router::new()
        .route("/deliveries", get(list))
        .route("/deliveries/{order}", get(find))
        .route("/deliveries/{order}/lost", post(lost))
        .route("/deliveries/{order}/found", post(found))
        .route("/views", post(views_of));
    web::finish(router).with_state(ports.clone())
}

async fn list(
    State(ports): State<Ports>,
    headers: HeaderMap,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Deliveries>, Error> {
    token::service(&ports, &headers, AUDIENCE, ORDERS)?;
    let Query(page) = page.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let limit = page.limit.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Error::invalid(format!("limit {limit}: expected 1 to {PAGE_MAX}")));
    }
    let found = service::page(&ports, page.after.as_deref().unwrap_or(""), limit).await?;
    let full = i64::try_from(found.len()) == Ok(limit);
    let deliveries: Vec<Delivery> = found.into_iter().map(Delivery::from).collect();
    let last = deliveries.last().map(|delivery| delivery.order_id.clone());
    Ok(Json(Deliveries { deliveries, next: last.filter(|_| full) }))
}

async fn find(
    State(ports): State<Ports>,
    headers: HeaderMap,
    Segment(order): Segment,
) -> Result<Json<Delivery>, Error> {
    token::service(&ports, &headers, AUDIENCE, ORDERS)?;
    Ok(Json(service::find(&ports, &OrderId::parse(order)?).await?.into()))
}

async fn views_of(
    State(ports): State<Ports>,
    headers: HeaderMap,
    Body(request): Body<ViewsRequest>,
) -> Result<Json<Views<Delivery>>, Error> {
    token::service(&ports, &headers, AUDIENCE, views::SCOPE)?;
    let found = service::views(&ports, &request.parse()?).await?;
    Ok(Json(Views { views: found.into_iter().map(Delivery::from).collect() }))
}

async fn lost(
    State(ports): State<Ports>,
    headers: HeaderMap,
    Segment(order): Segment,
) -> Result<Json<Reported>, Error> {
    token::service(&ports, &headers, AUDIENCE, DRIVER)?;
    Ok(Json(service::report_lost(&ports, &OrderId::parse(order)?).await?.into()))
}

async fn found(
    State(ports): State<Ports>,
    headers: HeaderMap,
    Segment(order): Segment,
) -> Result<Json<Reported>, Error> {
    token::service(&ports, &headers, AUDIENCE, DRIVER)?;
    Ok(Json(service::report_found(&ports, &OrderId::parse(order)?).await?.into()))
}
