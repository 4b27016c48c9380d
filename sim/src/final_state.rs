//! What the seeded world alone can tell of a run's end: its broker, its mails, its texts.

use stormproof_ports::Mail;
use stormproof_shop::secrets;
use stormproof_shop::truth::final_state::{DeadLetter, FinalState, MailSeen};
use stormproof_system::messages::DEAD;
use stormproof_world::{Logged, SentMail, World};

/// What broker and mail server show.
pub fn seen(world: &World) -> FinalState {
    let mut final_state = FinalState {
        mails: world.mails().iter().filter_map(seen_at).collect(),
        in_flight: world.messages_in_flight(),
        ..FinalState::default()
    };
    look_at_broker(world, &mut final_state);
    final_state
}

fn seen_at(sent: &SentMail) -> Option<MailSeen> {
    Some(MailSeen { at: Some(sent.at), ..MailSeen::of(&sent.mail)? })
}

fn look_at_broker(world: &World, final_state: &mut FinalState) {
    world.broker(|broker| {
        final_state.dropped = broker.dropped();
        for queue in broker.queues() {
            let (name, depth) = (queue.name(), queue.depth());
            if name.ends_with(DEAD) {
                let letters = queue.ready().chain(queue.unacknowledged());
                let letters = letters.map(|stored| DeadLetter::of(name, &stored.message));
                final_state.dead.extend(letters);
            } else if depth > 0 {
                final_state.queues.push((name.to_owned(), depth));
            }
        }
    });
}

/// The template of a mail, without what it is about: the name of its moments.
pub fn template(mail: &Mail) -> String {
    let template = MailSeen::of(mail).map(|mail| mail.template).unwrap_or_default();
    template.split(':').next().unwrap_or_default().to_owned()
}

/// The secrets in the story, in the trace and in the mails.
pub fn leaks(world: &World) -> Vec<String> {
    let mut leaks = Vec::new();
    let mut look = |place: &str, text: &str| leaks.extend(secrets::in_text(place, text));
    world.history().each_words(|words| look("the story", words));
    for line in world.history().trace() {
        look("the trace", &line);
    }
    for Logged { text, target } in world.logged() {
        look(&format!("a log line of {target}"), text);
    }
    for sent in world.mails() {
        look("a mail", &sent.mail.text);
        look("a mail", &sent.mail.html);
    }
    leaks
}
