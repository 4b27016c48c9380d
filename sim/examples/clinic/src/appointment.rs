//! An appointment: what a patient asks for, and what the calendar tells when it is booked.

use serde::{Deserialize, Serialize};
use stormproof_messaging::Payload;
use stormproof_messaging::retries::{RETRIES, add_queue};
use stormproof_ports::topology::{Binding, Topology};

/// The queue from which the reminders hear of appointments.
pub const QUEUE: &str = "reminders.booked";

/// A slot for a patient: the body of the request, and of the message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Appointment {
    /// The request's id: whoever asks again for want of an answer says the same.
    pub request: String,
    /// Who comes.
    pub patient: String,
    /// When: a quarter of an hour, by its number.
    pub slot: i64,
}

impl Payload for Appointment {
    const SCHEMA: &'static str = "appointment.booked";
    const VERSION: u32 = 1;
    const EXCHANGE: &'static str = "calendar";

    fn subject(&self) -> &str {
        &self.request
    }
}

/// What is declared at the broker, simulated or RabbitMQ.
pub fn queues() -> Topology {
    let (exchange, pattern) = (Appointment::EXCHANGE.to_owned(), Appointment::SCHEMA.to_owned());
    let mut topology = Topology { exchanges: vec![exchange.clone()], ..Topology::default() };
    add_queue(&mut topology, QUEUE, &RETRIES);
    topology.bindings = vec![Binding { queue: QUEUE.to_owned(), exchange, pattern }];
    topology
}
