//! The reminders: mail each appointment that the queue tells of, and note it once.

use futures::future::BoxFuture;
use scoped_futures::ScopedFutureExt as _;
use sqlx::{migrate::Migrator, query};
use stormproof_messaging::consumer::{self, ConsumerPolicy, DeadLetter, Failure, Handler};
use stormproof_messaging::{Transaction, decode, inbox, migrator_with, transact};
use stormproof_ports::story::Fact;
use stormproof_ports::worker::Worker;
use stormproof_ports::{DatabaseError, Mail, Message, Ports};

use crate::appointment::{Appointment, QUEUE};

/// The consumer of the queue.
pub fn workers(ports: &Ports) -> Vec<Worker> {
    vec![consumer::worker(ports, QUEUE, ConsumerPolicy::default(), Desk(ports.clone()))]
}

/// The reminders' tables.
pub fn migrator() -> Migrator {
    migrator_with(&sqlx::migrate!("migrations/reminders"))
}

struct Desk(Ports);

impl Handler for Desk {
    /// Mails, then notes it. Nothing spans the two: what comes again is mailed again, under the
    /// same `Message-ID`. A lost reminder would be worse.
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let booked = decode(message)?;
            self.0.mailer.send(mail(&booked)).await?;
            Ok(note(&self.0, message, &booked).await?)
        })
    }

    /// The clinic looks into the audit trail for patients to be called.
    fn on_dead_letter<'a>(
        &'a self,
        transaction: &'a mut Transaction<'_>,
        letter: DeadLetter<'a>,
    ) -> BoxFuture<'a, Result<(), DatabaseError>> {
        let DeadLetter { message, words, .. } = letter;
        let fact = Fact::new("reminder", "GIVEN_UP", &message.correlation_id, words);
        transaction.moved("DUE", fact);
        Box::pin(async { Ok(()) })
    }
}

/// The inbox row commits with the reminder: however often a message comes, it is noted once.
async fn note(ports: &Ports, message: &Message, booked: &Appointment) -> Result<(), DatabaseError> {
    transact(ports, "note_appointment", |transaction| {
        async move {
            if inbox::first_time(transaction, QUEUE, message).await? {
                let insert = query("INSERT INTO reminders (request, slot) VALUES ($1, $2)");
                let insert = insert.bind(booked.request.clone()).bind(booked.slot);
                insert.execute(transaction.sql()).await?;
                let words = format!("reminds of slot {}", booked.slot);
                transaction.tell(Fact::new("reminder", "MAILED", &booked.request, words));
            }
            Ok(())
        }
        .scope_boxed()
    })
    .await
}

fn mail(booked: &Appointment) -> Mail {
    let text = format!("Your appointment: slot {}.", booked.slot);
    Mail {
        message_id: format!("<{}@clinic.example>", booked.request),
        to: format!("{}@post.example", booked.patient),
        subject: "Reminder".to_owned(),
        html: format!("<p>{text}</p>"),
        text,
    }
}
