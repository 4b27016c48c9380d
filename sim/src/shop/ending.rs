//! The end of a run: whether the world is at rest, and what can then be gathered.

use std::collections::BTreeMap;

use stormproof_system::messages::DEAD;
use stormproof_system::ports::Mail;

use crate::shop::judge::Bench;
use crate::shop::truth::reckoning::{AlertSeen, DeadLetter, MailSeen, Reckoning, SagaSeen};
use crate::shop::truth::rows::Id;
use crate::shop::{map, secrets};
use crate::value::Value;
use crate::world::World;

/// What still moves, in words; empty at rest. The cheap questions come first.
pub fn restless(world: &World, bench: &Bench) -> Vec<String> {
    let mut moving = Vec::new();
    if bench.busy > 0 {
        moving.push(format!("{} people still have something to do", bench.busy));
        return moving;
    }
    let truth = &bench.truth;
    let open = truth.orders.iter().filter(|order| !truth.is_settled(order)).count();
    if open > 0 {
        moving.push(format!("{open} orders are not settled"));
        return moving;
    }
    let travelling = truth.parcels.iter().filter(|parcel| parcel.next_move_at.is_some()).count();
    if travelling > 0 {
        moving.push(format!("{travelling} parcels are on their way"));
        return moving;
    }
    let waiting = world.broker(|broker| {
        let queues = broker.queues().filter(|queue| !queue.name().ends_with(DEAD));
        queues.map(|queue| queue.depth()).sum::<usize>() + broker.pending()
    });
    let messages = waiting + world.messages_in_flight();
    if messages > 0 {
        moving.push(format!("{messages} messages wait"));
    }
    for (database, unsent) in unsent(world) {
        match unsent {
            Some(0) => {}
            Some(count) => {
                moving.push(format!("{count} messages wait in the outbox of {database}"))
            }
            None => moving.push(format!("{database} is down")),
        }
    }
    moving
}

/// Outbox rows that were not sent, by database; `None` of one that is down.
fn unsent(world: &World) -> BTreeMap<String, Option<i64>> {
    let count = |database: String| {
        let rows = read(world, &database, "SELECT count(*) FROM outbox WHERE status = 'NEW'");
        let count = rows.and_then(|rows| rows[0][0].as_i64());
        (database, count)
    };
    map::databases().into_iter().map(count).collect()
}

/// Gathers what only the end can tell.
pub fn gather(world: &World, bench: &Bench, rested_at: Option<f64>) -> Reckoning {
    let restless = if rested_at.is_some() { Vec::new() } else { restless(world, bench) };
    let mut reckoning = Reckoning {
        rested_at,
        restless,
        mails: world.mails().iter().filter_map(|sent| MailSeen::of(&sent.mail)).collect(),
        in_flight: world.messages_in_flight(),
        unsent: unsent(world).into_iter().map(|(name, count)| (name, count.unwrap_or(0))).collect(),
        lost_commits: bench.truth.compare(world),
        ..Reckoning::default()
    };
    look_at_broker(world, &mut reckoning);
    look_at_store(world, &mut reckoning);
    for database in map::databases() {
        for row in read(world, &database, "SELECT order_id, kind FROM alerts").unwrap_or_default() {
            let (order, kind) = (text(&row[0]), text(&row[1]).to_string());
            reckoning.alerts.push(AlertSeen { database: database.clone(), order, kind });
        }
    }
    for database in map::databases() {
        let rows = read(world, &database, "SELECT count(*) FROM outbox");
        reckoning.messages += rows.and_then(|rows| rows[0][0].as_i64()).unwrap_or(0);
    }
    reckoning.leaks = leaks(world);
    reckoning
}

fn look_at_broker(world: &World, reckoning: &mut Reckoning) {
    world.broker(|broker| {
        reckoning.dropped = broker.dropped();
        for queue in broker.queues() {
            match queue.name().strip_suffix(DEAD) {
                None if queue.depth() > 0 => {
                    reckoning.queues.push((queue.name().to_owned(), queue.depth()));
                }
                None => {}
                Some(name) => {
                    let letters = queue.ready().chain(queue.unacknowledged());
                    reckoning.dead.extend(letters.map(|stored| DeadLetter {
                        queue: name.to_owned(),
                        schema: stored.message.schema.clone(),
                        order: stored.message.correlation_id.as_str().into(),
                    }));
                }
            }
        }
    });
}

fn look_at_store(world: &World, reckoning: &mut Reckoning) {
    let store = map::database_of("store");
    let lines = read(world, &store, "SELECT order_id, sku, quantity FROM order_lines");
    for row in lines.unwrap_or_default() {
        let quantity = row[2].as_i64().unwrap_or(0);
        let lines = reckoning.lines.entry(text(&row[0])).or_default();
        *lines.entry(text(&row[1]).to_string()).or_default() += quantity;
    }
    let sagas = read(world, &store, "SELECT order_id, goal, stock, delivery FROM sagas");
    for row in sagas.unwrap_or_default() {
        let saga = SagaSeen {
            goal: text(&row[1]).to_string(),
            stock: text(&row[2]).to_string(),
            delivery: text(&row[3]).to_string(),
        };
        reckoning.sagas.insert(text(&row[0]), saga);
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
    for database in map::databases() {
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

fn read(world: &World, database: &str, sql: &'static str) -> Option<Vec<Vec<Value>>> {
    world.database(database).peek(sql, &[]).ok()
}

fn text(value: &Value) -> Id {
    value.as_str().unwrap_or_default().into()
}
