//! Mails: handed over to the mail server of the configuration, to an address that was given for it.

use stormproof_bindings::mailer::Smtp;
use stormproof_ports::machine::Demand;
use stormproof_ports::{Mail, Mailer as _};
use tokio::time::Instant;

use super::stopwatch::{Stopwatch, micros};
use super::{MAIL, run_number};
use crate::config::Config;

/// Sends so many mails `to`, and a few before.
///
/// # Errors
/// In words: what the mail server refused.
pub async fn measure(
    config: &Config,
    watch: &Stopwatch,
    to: &str,
    mails: u32,
) -> Result<Demand, String> {
    let smtp = Smtp::open(config.smtp.url.reveal(), &config.smtp.from);
    let smtp = smtp.map_err(|error| format!("smtp: {error}"))?;
    let send = async |name: &str, mails: u32, took_us: &mut Vec<f64>| {
        for number in 0..mails {
            let start = Instant::now();
            let sent = smtp.send(mail(to, name, number)).await;
            sent.map_err(|error| format!("the mail server: {error}"))?;
            took_us.push(micros(start.elapsed()));
        }
        Ok(())
    };
    send("warm-up", 10, &mut Vec::new()).await?;
    let timing = watch.time(MAIL, mails, async |took_us| send("measure", mails, took_us).await);
    Ok(timing.await?.demand())
}

fn mail(to: &str, name: &str, number: u32) -> Mail {
    let text = "This mail was sent to measure how long mails take.".to_owned();
    Mail {
        message_id: format!("{name}-{}-{number}@stormproof.invalid", run_number()),
        to: to.to_owned(),
        subject: "Measuring mails".to_owned(),
        html: format!("<p>{text}</p>"),
        text,
    }
}
