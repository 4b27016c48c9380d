//! A bank card for every customer: the demo's Bank opens an account for whoever registers.
//!
//! In a real shop customers bring their bank. Here the front door opens the account before it passes
//! on the Store's answer to a registration or a login, so that who was told the one has the other.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use stormproof_system::context::Context;
use stormproof_system::id::UserId;

use crate::commands::demo;

/// Far more than the Store answers here.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What both answers have in common.
#[derive(Deserialize)]
struct Customer {
    user_id: String,
}

/// `routes` of the Store, whose registrations and logins open accounts.
pub fn with_account(routes: Router, context: &Context) -> Router {
    routes.layer(middleware::from_fn_with_state(context.clone(), open))
}

async fn open(State(context): State<Context>, request: Request, next: Next) -> Response {
    let is_entrance = matches!(request.uri().path(), "/register" | "/login");
    let response = next.run(request).await;
    if !is_entrance || !response.status().is_success() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, ANSWER_BYTES_MAX).await.expect("the Store's answers are in memory");
    let customer: Customer = serde_json::from_slice(&body).expect("both answers name the customer");
    let owner = UserId::parse(customer.user_id).expect("ids of the Store's making");
    match demo::open_account(&context, owner).await {
        Ok(()) => Response::from_parts(parts, Body::from(body)),
        // Who asks again logs in, and has an account then.
        Err(error) => error.into_response(),
    }
}
