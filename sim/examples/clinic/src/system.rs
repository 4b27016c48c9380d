//! The clinic as the explorer sees it: what there is to fail, who does what, and what must hold.

use std::sync::LazyLock;
use std::time::Duration;

use axum::Router;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use stormproof_explore::About;
use stormproof_explore::declared::{Clients, Declared, Invariant, Seen};
use stormproof_faults::files::Files;
use stormproof_faults::outcome::{Figure, Figures};
use stormproof_faults::topology::Topology;
use stormproof_ports::topology as broker;
use stormproof_world::seed::Stream;
use stormproof_world::{ServiceSpec, migrated};

use crate::appointment::{self, QUEUE};
use crate::{calendar, patient, reminders};

/// The clinic, sound or with its planted bug.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clinic {
    /// The calendar does not look whether a request was answered before.
    pub forgets_requests: bool,
}

/// What patients do: `[workload]` of a scenario file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Day {
    /// The slot that each patient would like best. Every two seconds there comes one.
    pub wishes: Vec<i64>,
}

static TOPOLOGY: LazyLock<Topology> = LazyLock::new(|| {
    Topology::of(["calendar", "reminders"])
        .clients("patient")
        .call("patient", "calendar", "book")
        .queue(QUEUE, "reminders", "appointment.booked")
        .commits("calendar", ["request GRANTED", "request REPEATED", "request REFUSED"])
        .publishes("calendar", ["appointment.booked"])
        .commits("reminders", ["reminder MAILED", "inbox DUPLICATE"])
        .mails("reminders", ["Reminder"])
});

impl Declared for Clinic {
    type Workload = Day;

    fn about(&self) -> About {
        let command = if self.forgets_requests { "cargo forgetful" } else { "cargo clinic" };
        let (purpose, unit) = ("Runs a clinic in seeded worlds.", "appointment");
        let files = Files { built_in: env!("CARGO_MANIFEST_DIR") };
        About { command, purpose, unit, files, snapshots_of: "tests/clinic.rs" }
    }

    fn topology(&self) -> &Topology {
        &TOPOLOGY
    }

    fn services(&self) -> Vec<ServiceSpec> {
        let forgets = self.forgets_requests;
        let calendar = ServiceSpec::new("calendar", migrated("calendar", calendar::migrator));
        let reminders = ServiceSpec::new("reminders", migrated("reminders", reminders::migrator));
        vec![
            calendar.serving(move |ports| calendar::router(ports, forgets), calendar::workers),
            reminders.serving(|_| Router::new(), reminders::workers),
        ]
    }

    fn queues(&self) -> broker::Topology {
        appointment::queues()
    }

    fn draw(&self, stream: &mut Stream) -> Day {
        let patients = stream.random_range(3..=12);
        Day { wishes: (0..patients).map(|_| stream.random_range(1..=8)).collect() }
    }

    /// Without those who come last.
    fn smaller(&self, day: &Day) -> Vec<Day> {
        (1..day.wishes.len()).map(|few| Day { wishes: day.wishes[..few].to_vec() }).collect()
    }

    fn clients(&self, day: &Day) -> Clients {
        day.wishes.iter().zip(0..).fold(Clients::default(), |clients, (&wish, before)| {
            clients.and(format!("patient-{}", before + 1), move |ports| async move {
                ports.clock.sleep(Duration::from_secs(2 * before)).await;
                patient::visit(ports, wish).await;
            })
        })
    }

    fn at_rest(&self, seen: &Seen<'_>) -> bool {
        let unsent = "SELECT count(*) FROM outbox WHERE status = 'NEW'";
        seen.number("calendar-db", unsent) == 0 && seen.all_messages() == 0
    }

    fn invariants(&self) -> Vec<Invariant> {
        vec![
            // The calendar's key is the slot; so this looks at what patients are told.
            Invariant::always("a slot is given once", |seen| {
                seen.rows("reminders-db", "SELECT slot FROM reminders").unique()
            }),
            Invariant::always("a patient has one appointment", |seen| {
                seen.rows("calendar-db", "SELECT patient FROM appointments").unique()
            }),
            Invariant::at_rest("each appointment has one reminder", |seen| {
                let reminders = seen.rows("reminders-db", "SELECT request, slot FROM reminders");
                let appointments = "SELECT request, slot FROM appointments";
                seen.rows("calendar-db", appointments).same(reminders)
            }),
        ]
    }

    fn sometimes(&self) -> Vec<(&'static str, &'static str)> {
        vec![("request", "REPEATED"), ("request", "REFUSED"), ("inbox", "DUPLICATE")]
    }

    fn figures(&self, seen: &Seen<'_>) -> Figures {
        let booked = seen.number("calendar-db", "SELECT count(*) FROM appointments");
        Figures::from([("appointments", Figure::Number(booked.try_into().unwrap_or_default()))])
    }

    fn alias(&self) -> Option<String> {
        Some("appointment".to_owned())
    }
}
