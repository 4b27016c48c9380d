//! The calendar: gives each slot to one patient, and tells by outbox what is booked.

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use scoped_futures::ScopedFutureExt as _;
use sqlx::{migrate::Migrator, query, query_scalar};
use stormproof_messaging::outbox::{self, RelayPolicy};
use stormproof_messaging::{migrator_with, transact};
use stormproof_ports::story::Fact;
use stormproof_ports::worker::Worker;
use stormproof_ports::{DatabaseError, Ports};

use crate::appointment::Appointment;

/// `POST /appointments` answers 201: the slot is yours; 409: it is another's; 503: ask again, with
/// the same request id. `forgets_requests` is the planted bug.
pub fn router(ports: &Ports, forgets_requests: bool) -> Router {
    let ports = ports.clone();
    let give = async move |Json(wish): Json<Appointment>| {
        let given = book(&ports, &wish, forgets_requests).await;
        given.unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
    };
    Router::new().route("/appointments", post(give))
}

/// The relay, which empties the outbox.
pub fn workers(ports: &Ports) -> Vec<Worker> {
    vec![outbox::relay(ports, RelayPolicy::default())]
}

/// The calendar's tables.
pub fn migrator() -> Migrator {
    migrator_with(&sqlx::migrate!("migrations/calendar"))
}

async fn book(
    ports: &Ports,
    wish: &Appointment,
    forgets: bool,
) -> Result<StatusCode, DatabaseError> {
    transact(ports, "book", |transaction| {
        async move {
            let (request, slot) = (&wish.request, wish.slot);
            let holder = query_scalar("SELECT request FROM appointments WHERE slot = $1");
            let holder: Option<String> =
                holder.bind(slot).fetch_optional(transaction.sql()).await?;
            let (answer, state, words) = match holder {
                // A request that was granted is granted again: `scenarios/reply_lost.toml`.
                Some(holder) if holder == *request && !forgets => {
                    (StatusCode::CREATED, "REPEATED", format!("has given slot {slot} already"))
                }
                Some(_) => (StatusCode::CONFLICT, "REFUSED", format!("refuses slot {slot}")),
                None => {
                    let row =
                        "INSERT INTO appointments (slot, patient, request) VALUES ($1, $2, $3)";
                    let row = query(row).bind(slot).bind(wish.patient.clone());
                    row.bind(request.clone()).execute(transaction.sql()).await?;
                    // The message leaves if and only if the appointment commits.
                    outbox::send(transaction, wish);
                    (StatusCode::CREATED, "GRANTED", format!("gives slot {slot}"))
                }
            };
            transaction.tell(Fact::new("request", state, request, words));
            Ok(answer)
        }
        .scope_boxed()
    })
    .await
}
