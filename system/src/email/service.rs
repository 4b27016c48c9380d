//! Sending a mail once: claim it, hand it to the mail server, note it.
//!
//! No transaction spans the mail server. A crash between its acceptance and the note sends the
//! mail a second time, under the same `Message-ID`: a lost mail would be worse.

use std::time::Duration;

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::inbox;
use stormproof_messaging::transact;
use stormproof_ports::story::{self, Fact};
use stormproof_ports::{Mail, Message};

use super::letter::{self, Letter};
use super::mapper::{self, Sent};
use crate::context::Context;
use crate::error::Error;
use crate::id;
use crate::unreadable;

/// How long a mail is its claimant's: longer than any mail server may take to answer.
const CLAIM: Duration = Duration::from_secs(30);

/// How often it is tried to note that a mail is sent. Each failure of the database here could
/// cost a second mail, so giving up at once would be wrong.
const NOTES_MAX: u32 = 5;

/// The most mails that the mailbox shows.
const MAILBOX_MAX: i64 = 200;

/// Sends `letter`, which `message` carried, unless it was sent before.
pub async fn deliver<L: Letter>(
    context: &Context,
    message: &Message,
    letter: &L,
) -> Result<(), Error> {
    let mail = letter::mail(letter)?;
    let template = letter.template();
    // Not the node's name: it may have several messages in hand, and be another life of itself.
    let name = id::fresh(&context.ports);
    if !claim(context, message, letter, &template, &mail, &name).await? {
        return Ok(());
    }
    if let Err(error) = context.ports.mailer.send(mail).await {
        story::say(letter.order_id().as_str(), "cannot hand a mail to the mail server");
        release(context, letter, &template, &name).await;
        return Err(error.into());
    }
    note_sent(context, message, letter, &template).await
}

/// `false`: the mail is sent, and the message done with.
async fn claim<L: Letter>(
    context: &Context,
    message: &Message,
    letter: &L,
    template: &str,
    mail: &Mail,
    name: &str,
) -> Result<bool, Error> {
    transact(&context.ports, "claim_mail", move |transaction| {
        async move {
            let order = letter.order_id();
            // By one clock for all mailers: by their own, one that is ahead takes what another has in hand.
            let now = transaction.database_time().await?;
            let sql = transaction.sql();
            if mapper::claim(sql, order, template, mail, name, now, now + CLAIM).await? {
                return Ok(true);
            }
            if !mapper::is_sent(transaction.sql(), order, template).await? {
                return Err(Error::Unavailable("this mail is being sent already".into()));
            }
            if inbox::first_time(transaction, L::QUEUE, message).await? {
                let words = "skips a mail that is sent already";
                transaction.tell(Fact::new("mail", "SKIPPED", order, words));
            }
            Ok(false)
        }
        .scope_boxed()
    })
    .await
}

/// Lets the next attempt have it. If that fails too, the claim ends by time.
async fn release<L: Letter>(context: &Context, letter: &L, template: &str, name: &str) {
    let released = transact(&context.ports, "release_mail", move |transaction| {
        mapper::release(transaction.sql(), letter.order_id(), template, name).scope_boxed()
    })
    .await;
    drop(released);
}

async fn note_sent<L: Letter>(
    context: &Context,
    message: &Message,
    letter: &L,
    template: &str,
) -> Result<(), Error> {
    for attempt in 1.. {
        let noted = transact(&context.ports, "note_sent", move |transaction| {
            async move {
                let (order, now) = (letter.order_id(), transaction.now());
                // Noted already: by a commit whose outcome we did not learn, or by a replica that
                // took the mail for ours when our claim had ended.
                if mapper::mark_sent(transaction.sql(), order, template, now).await? {
                    inbox::first_time(transaction, L::QUEUE, message).await?;
                    transaction.tell(Fact::new("mail", "SENT", order, letter.words()));
                }
                Ok(())
            }
            .scope_boxed()
        })
        .await;
        match noted {
            Err(Error::Unavailable(_) | Error::Unknown(_)) if attempt < NOTES_MAX => {
                let backoff = &context.settings.relay.backoff;
                context.ports.clock.sleep(backoff.delay(attempt, &*context.ports.rng)).await;
            }
            result => return result,
        }
    }
    unreachable!("the loop ends by returning")
}

/// The latest mails, newest first; only those to `recipient`, if one is given.
pub async fn mailbox(context: &Context, recipient: Option<&str>) -> Result<Vec<Sent>, Error> {
    transact(&context.ports, "read_mailbox", move |transaction| {
        async move {
            let mails = match recipient {
                Some(to) => mapper::latest_to(transaction.sql(), to, MAILBOX_MAX).await?,
                None => mapper::latest(transaction.sql(), MAILBOX_MAX).await?,
            };
            for row in &mails.unreadable {
                unreadable::tell(transaction, "sent", row, "It is missing in a list").await?;
            }
            Ok(mails.read)
        }
        .scope_boxed()
    })
    .await
}
