//! What every mailer owes.
//!
//! A suite calls [`check`] with a mailer and a look at what the other end has, and [`check_absent`]
//! with a mailer whose server is not there, where there is a server.

use futures::future::join_all;

use super::{Broken, Kept, ensure};
use crate::{CallError, Mail, Mailer};

/// A mail as the other end has it.
#[derive(Clone, Debug)]
pub struct HandedOver {
    /// The address that it was sent to.
    pub to: String,
    /// Head and body as they travelled, in whatever order.
    pub content: String,
}

/// Shows what the other end has, the oldest first.
pub type Look<'l> = &'l (dyn Fn() -> Vec<HandedOver> + Send + Sync);

/// How many mails are under way at once.
const AT_ONCE: usize = 8;

/// Every check on a mailer that works.
///
/// # Errors
/// The first thing that it does not do.
pub async fn check(mailer: &dyn Mailer, look: Look<'_>) -> Kept {
    hands_over_what_it_says(mailer, look).await?;
    tells_mails_side_by_side_apart(mailer, look).await?;
    takes_a_mail_again(mailer, look).await
}

/// A mailer whose server is not there says that nothing happened.
///
/// # Errors
/// What it says instead.
pub async fn check_absent(mailer: &dyn Mailer) -> Kept {
    match mailer.send(mail("absent")).await {
        Err(CallError::Unavailable(_)) => Ok(()),
        other => Err(Broken(format!("mailer without a server says {other:?}"))),
    }
}

async fn hands_over_what_it_says(mailer: &dyn Mailer, look: Look<'_>) -> Kept {
    send(mailer, "whole").await?;
    let seen = only(look, "whole")?;
    let Mail { message_id, to, subject, text, html } = mail("whole");
    ensure(seen.to == to, || format!("mailer hands over to {:?}, not to {to:?}", seen.to))?;
    for part in [message_id, subject, text.trim().to_owned(), html] {
        ensure(seen.content.contains(&part), || format!("mailer drops {part:?}: {seen:?}"))?;
    }
    Ok(())
}

async fn tells_mails_side_by_side_apart(mailer: &dyn Mailer, look: Look<'_>) -> Kept {
    let names: Vec<String> = (0..AT_ONCE).map(|number| format!("side-{number}")).collect();
    let sent = join_all(names.iter().map(|name| send(mailer, name))).await;
    sent.into_iter().collect::<Kept>()?;
    for name in &names {
        let seen = only(look, name)?;
        let text = mail(name).text;
        ensure(seen.content.contains(text.trim()), || format!("mailer mixes up {name}: {seen:?}"))?;
    }
    Ok(())
}

/// Whether the other end then has it once or twice is its own to say: the `Message-ID` is the same.
async fn takes_a_mail_again(mailer: &dyn Mailer, look: Look<'_>) -> Kept {
    for _ in 0..2 {
        send(mailer, "again").await?;
    }
    let count = of(look, "again").len();
    ensure((1..=2).contains(&count), || format!("mailer makes {count} mails of a repeated one"))
}

async fn send(mailer: &dyn Mailer, name: &str) -> Kept {
    let sent = mailer.send(mail(name)).await;
    sent.map_err(|error| Broken(format!("mailer does not send {name}: {error}")))
}

fn only(look: Look<'_>, name: &str) -> Result<HandedOver, Broken> {
    let mut found = of(look, name);
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (last, _) => {
            let count = found.len() + usize::from(last.is_some());
            Err(Broken(format!("mailer hands {name} over {count} times")))
        }
    }
}

fn of(look: Look<'_>, name: &str) -> Vec<HandedOver> {
    let id = mail(name).message_id;
    look().into_iter().filter(|seen| seen.content.contains(&id)).collect()
}

/// Plain words only, which travel as they are.
fn mail(name: &str) -> Mail {
    Mail {
        message_id: format!("<{name}@contract.example>"),
        to: format!("{name}@example.org"),
        subject: format!("About {name}"),
        text: format!("This is told of {name}.\n"),
        html: format!("<p>This is told of {name}.</p>"),
    }
}
