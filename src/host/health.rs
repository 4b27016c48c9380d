//! `/health/live`: the process serves. `/health/ready`: it can do its work, and is not draining.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use futures::future::{BoxFuture, join_all};
use http::StatusCode;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

/// The longest that a check may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks one thing that the replica needs whether it is there; an error is a reason in words.
type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What has to be there for a replica to be ready.
#[derive(Clone, Default)]
pub struct Health {
    checks: Vec<(&'static str, Check)>,
}

#[derive(Clone)]
struct Shared {
    health: Health,
    stopped: watch::Receiver<bool>,
}

impl Health {
    /// With one thing more that has to be there.
    #[must_use]
    pub fn with(
        mut self,
        name: &'static str,
        check: impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    ) -> Health {
        self.checks.push((name, Arc::new(check)));
        self
    }

    pub(super) fn router(self, stopped: watch::Receiver<bool>) -> Router {
        Router::new()
            .route("/health/live", get(async || Json(json!({ "live": true }))))
            .route("/health/ready", get(ready))
            .with_state(Shared { health: self, stopped })
    }

    /// What each check says, in the order in which they were added; all are asked at once.
    async fn ask(&self) -> Vec<(&'static str, Result<(), String>)> {
        join_all(self.checks.iter().map(|(name, check)| async {
            let said = tokio::time::timeout(PATIENCE, check()).await;
            (*name, said.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}"))))
        }))
        .await
    }
}

/// 200 or 503. Callers learn what is missing, but not why: reasons may name hosts, and go to the
/// log.
async fn ready(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    let draining = *shared.stopped.borrow();
    let answers = shared.health.ask().await;
    let ready = !draining && answers.iter().all(|(_, answer)| answer.is_ok());
    let mut checks = Map::new();
    for (name, answer) in answers {
        if let Err(why) = &answer {
            tracing::warn!(check = name, why, "is not ready");
        }
        checks.insert(name.to_owned(), answer.is_ok().into());
    }
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "draining": draining, "checks": checks })))
}
