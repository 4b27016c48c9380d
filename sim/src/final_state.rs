//! What only the end of a run can tell, gathered from the seeded world.

use stormproof_ports::Mail;
use stormproof_system::messages::DEAD;

use crate::quiescence::{restless, unsent};
use stormproof_shop::environment::Outside;
use stormproof_shop::truth::Truth;
use stormproof_shop::truth::final_state::{AlertSeen, DeadLetter, FinalState, MailSeen, SagaSeen};
use stormproof_shop::truth::rows::Id;
use stormproof_shop::{secrets, topology};

use crate::seeded::Seeded;
use stormproof_ports::sql::Value;
use stormproof_world::World;

/// Gathers what only the end can tell.
pub fn gather(world: &World, truth: Truth, outside: Outside<'_>) -> FinalState {
    let mut final_state = FinalState {
        restless: restless(world, outside),
        mails: world.mails().iter().filter_map(|sent| MailSeen::of(&sent.mail)).collect(),
        in_flight: world.messages_in_flight(),
        unsent: unsent(world).into_iter().map(|(name, count)| (name, count.unwrap_or(0))).collect(),
        lost_commits: truth.compare(&Seeded(world.clone())),
        ..FinalState::default()
    };
    look_at_broker(world, &mut final_state);
    look_at_store(world, &mut final_state);
    for database in topology::databases() {
        for row in read(world, &database, "SELECT order_id, kind FROM alerts").unwrap_or_default() {
            let (order, kind) = (text(&row[0]), text(&row[1]).to_string());
            final_state.alerts.push(AlertSeen { database: database.clone(), order, kind });
        }
    }
    for database in topology::databases() {
        let rows = read(world, &database, "SELECT count(*) FROM outbox");
        final_state.messages += rows.and_then(|rows| rows[0][0].as_i64()).unwrap_or(0);
    }
    final_state.leaks = leaks(world);
    final_state
}

fn look_at_broker(world: &World, final_state: &mut FinalState) {
    world.broker(|broker| {
        final_state.dropped = broker.dropped();
        for queue in broker.queues() {
            match queue.name().strip_suffix(DEAD) {
                None if queue.depth() > 0 => {
                    final_state.queues.push((queue.name().to_owned(), queue.depth()));
                }
                None => {}
                Some(name) => {
                    let letters = queue.ready().chain(queue.unacknowledged());
                    final_state.dead.extend(letters.map(|stored| DeadLetter {
                        queue: name.to_owned(),
                        schema: stored.message.schema.clone(),
                        order: stored.message.correlation_id.as_str().into(),
                    }));
                }
            }
        }
    });
}

fn look_at_store(world: &World, final_state: &mut FinalState) {
    let store = topology::database_of("store");
    let lines = read(world, &store, "SELECT order_id, sku, quantity FROM order_lines");
    for row in lines.unwrap_or_default() {
        let quantity = row[2].as_i64().unwrap_or(0);
        let lines = final_state.lines.entry(text(&row[0])).or_default();
        *lines.entry(text(&row[1]).to_string()).or_default() += quantity;
    }
    let sagas = read(world, &store, "SELECT order_id, goal, stock, delivery FROM sagas");
    for row in sagas.unwrap_or_default() {
        let saga = SagaSeen {
            goal: text(&row[1]).to_string(),
            stock: text(&row[2]).to_string(),
            delivery: text(&row[3]).to_string(),
        };
        final_state.sagas.insert(text(&row[0]), saga);
    }
}

/// The template of a mail, without what it is about: the name of its moments.
pub fn template(mail: &Mail) -> String {
    let template = MailSeen::of(mail).map(|mail| mail.template).unwrap_or_default();
    template.split(':').next().unwrap_or_default().to_owned()
}

/// Every text that leaves a service other than to the one it belongs to.
fn leaks(world: &World) -> Vec<String> {
    let mut leaks = Vec::new();
    let mut look = |place: &str, text: &str| leaks.extend(secrets::in_text(place, text));
    world.history().each_words(|words| look("the story", words));
    for line in world.history().trace() {
        look("the trace", &line);
    }
    for sent in world.mails() {
        look("a mail", &sent.mail.text);
        look("a mail", &sent.mail.html);
    }
    for database in topology::databases() {
        for (table, sql) in secrets::TEXTS {
            for row in read(world, &database, sql).unwrap_or_default() {
                look(&format!("{table} of {database}"), &text(&row[0]));
            }
        }
    }
    leaks.sort();
    leaks.dedup();
    leaks
}

/// Rows of one database; `None` of one that is down.
pub(super) fn read(world: &World, database: &str, sql: &'static str) -> Option<Vec<Vec<Value>>> {
    world.database(database).peek(sql, &[]).ok()
}

fn text(value: &Value) -> Id {
    value.as_str().unwrap_or_default().into()
}
