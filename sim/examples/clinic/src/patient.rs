//! A patient: asks until there is an answer, with the same request id. Faults end, so there is one.

use std::time::Duration;

use axum::http::StatusCode;
use stormproof_ports::client::Client;
use stormproof_ports::{Ports, id, story};

use crate::appointment::Appointment;

/// Wants the slot `wish`, or the next one where it is another's: slots are more than patients.
pub async fn visit(ports: Ports, wish: i64) {
    for slot in wish.. {
        let (request, patient) = (id::fresh(&ports), ports.node.to_string());
        let wish = Appointment { request, patient, slot };
        story::say(&wish.request, &format!("asks for slot {slot}"));
        loop {
            let asked = Client::new(&ports).post("calendar", "/appointments").operation("book");
            match asked.json(&wish).send().await.map(|answer| answer.status()) {
                Ok(StatusCode::CREATED) => return,
                Ok(StatusCode::CONFLICT) => break,
                _ => ports.clock.sleep(Duration::from_secs(1)).await,
            }
            story::say(&wish.request, "asks again");
        }
    }
}
