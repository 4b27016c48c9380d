//! A patient: asks until there is an answer, always with the same request id.

use std::time::Duration;

use axum::http::StatusCode;
use stormproof_ports::client::Client;
use stormproof_ports::{Ports, id, story};

use crate::appointment::Appointment;

/// Before asking again.
const PAUSE: Duration = Duration::from_secs(1);

/// Wants the slot `wish`, or the next one where it is another's: slots are more than patients.
pub async fn visit(ports: Ports, wish: i64) {
    for slot in wish.. {
        let (request, patient) = (id::fresh(&ports), ports.node.to_string());
        let wish = Appointment { request, patient, slot };
        story::say(&wish.request, &format!("asks for slot {slot}"));
        // There is an answer in the end, for faults end.
        loop {
            let asked = Client::new(&ports).post("calendar", "/appointments").operation("book");
            match asked.json(&wish).send().await.map(|answer| answer.status()) {
                Ok(StatusCode::CREATED) => return,
                Ok(StatusCode::CONFLICT) => break,
                _ => ports.clock.sleep(PAUSE).await,
            }
            story::say(&wish.request, "asks again");
        }
    }
}
