//! The mailer's contract on the seeded world's mail server, on SMTP and on files.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stormproof::rehearse::smtp_sink::SmtpSink;
use stormproof_bindings::mailer::{Maildrop, Smtp};
use stormproof_faults::{Fault, FaultKind, Target};
use stormproof_ports::contract::mailer::{HandedOver, check, check_absent};
use stormproof_world::{Spec, World, run};

use super::bindings::nobody;
use super::scratch::Scratch;
use super::smtp::SENDER;

fn spec(seed: u64) -> Spec {
    let mut spec = Spec::new(seed);
    spec.clients = vec!["sender".to_owned()];
    spec
}

#[test]
fn the_simulated_mailer_keeps_it() {
    for seed in 1..=3 {
        run(spec(seed), |world| async move {
            let ports = world.ports("sender");
            let mails = Arc::new(Mutex::new(world.clone()));
            let checks = world.spawn("sender", async move {
                check(&*ports.mailer, &|| taken(&mails.lock().expect("nobody panics with it")))
                    .await
            });
            checks.await.expect("nobody kills the sender").expect("it is kept");
        });
    }
}

fn taken(world: &World) -> Vec<HandedOver> {
    let mails = world.mails().into_iter().map(|sent| {
        let mail = sent.mail;
        let content = [mail.message_id, mail.subject, mail.text, mail.html].join("\n");
        HandedOver { to: mail.to, content }
    });
    mails.collect()
}

#[test]
fn the_simulated_mailer_without_a_server_keeps_it() {
    let mut spec = spec(1);
    let stop = Fault::new(FaultKind::Stop, Target::node("mail"));
    spec.faults = vec![stop.by(Duration::from_secs(3600))];
    run(spec, |world| async move {
        world.sleep(Duration::from_secs(1)).await;
        let ports = world.ports("sender");
        let checks = world.spawn("sender", async move { check_absent(&*ports.mailer).await });
        checks.await.expect("nobody kills the sender").expect("it is kept");
    });
}

#[tokio::test]
async fn smtp_keeps_it() {
    let (sink, address) = SmtpSink::open().await.expect("loopback has a port");
    let smtp = Smtp::open(&format!("smtp://{address}"), SENDER).expect("the URL is good");
    let look = || {
        let mails = sink.mails().into_iter();
        mails.map(|mail| HandedOver { to: mail.to, content: mail.content }).collect()
    };
    check(&smtp, &look).await.expect("it is kept");
    let url = nobody().await.replace("http:", "smtp:");
    let absent = Smtp::open(&url, SENDER).expect("the URL is good");
    check_absent(&absent).await.expect("it is kept");
}

#[tokio::test]
async fn files_keep_it() {
    let scratch = Scratch::new("mailer");
    let folder = scratch.path().join("mails");
    let maildrop = Maildrop::open(&folder, SENDER).expect("the folder is ours");
    let look = || {
        let entries = fs::read_dir(&folder).expect("it is there");
        let contents = entries.map(|entry| {
            fs::read_to_string(entry.expect("it can be listed").path()).expect("a mail is text")
        });
        let mails = contents.map(|content| {
            let to = content.lines().find_map(|line| line.strip_prefix("To: "));
            HandedOver { to: to.unwrap_or_default().trim().to_owned(), content }
        });
        mails.collect()
    };
    check(&maildrop, &look).await.expect("it is kept");
}
