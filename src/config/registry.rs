//! The table of all settings: key, meaning, place. Documentation, the file and the environment all
//! come from it.

use super::slot::{Number, Slot};
use super::{Config, Mistake};

/// One setting.
pub struct Setting {
    /// `section.name` in the file; the environment's name is made of it.
    pub key: &'static str,
    pub meaning: &'static str,
    pub(super) slot: fn(&mut Config) -> Slot<'_>,
}

const fn row(
    key: &'static str,
    meaning: &'static str,
    slot: fn(&mut Config) -> Slot<'_>,
) -> Setting {
    Setting { key, meaning, slot }
}

/// The longest batch, the most attempts: beyond it is a slip of the keyboard.
const MANY: i64 = 1_000_000;

/// Every setting, section by section.
pub static SETTINGS: &[Setting] = &[
    row(
        "node",
        "The replica's own name in leases and logs; empty: the service and six random digits.",
        |config| Slot::OptionalText(&mut config.node),
    ),
    row(
        "listen",
        "Where to listen; empty: 127.0.0.1 at 8080 (store), 8081 (warehouse), 8082 (bank), 8083 \
         (delivery), 8084 (email).",
        |config| Slot::Address(&mut config.listen),
    ),
    row("log.format", "text for people, or json: one object a line.", |config| {
        Slot::Format(&mut config.log.format)
    }),
    row("log.level", "error, warn, info, debug or trace.", |config| {
        Slot::Level(&mut config.log.level)
    }),
    row("server.body_bytes_max", "The longest request body; more is answered 413.", |config| {
        Slot::Count(Number::Usize(&mut config.server.body_bytes_max), 1024..=64 << 20)
    }),
    row(
        "server.header_timeout",
        "A connection is closed when a request's headers take longer, idle time included.",
        |config| Slot::Length(&mut config.server.header_timeout),
    ),
    row("server.body_timeout", "A request body that takes longer is answered 408.", |config| {
        Slot::Length(&mut config.server.body_timeout)
    }),
    row("server.connections_max", "More connections wait until one ends.", |config| {
        Slot::Count(Number::Usize(&mut config.server.connections_max), 1..=MANY)
    }),
    row(
        "server.drain_deadline",
        "How long requests and steps under way may take to finish on SIGTERM.",
        |config| Slot::Length(&mut config.server.drain_deadline),
    ),
    row(
        "database.url",
        "Postgres; {service} stands for the service's name. May hold a password.",
        |config| Slot::Secret(&mut config.database.url),
    ),
    row("database.connections", "The most connections of one replica.", |config| {
        Slot::Count(Number::U32(&mut config.database.connections), 1..=1000)
    }),
    row("broker.url", "RabbitMQ. May hold a password.", |config| {
        Slot::Secret(&mut config.broker.url)
    }),
    row(
        "broker.prefix",
        "What the names of exchanges and queues begin with, where shops share a virtual host; empty: \
         nothing.",
        |config| Slot::OptionalText(&mut config.broker.prefix),
    ),
    row("smtp.url", "The mail server: smtp://host:port.", |config| {
        Slot::Secret(&mut config.smtp.url)
    }),
    row("smtp.from", "Where mails come from.", |config| Slot::Text(&mut config.smtp.from)),
    row("peers.store", "Base URLs of the Store's replicas.", |config| peer(config, "store")),
    row("peers.warehouse", "Base URLs of the Warehouse's replicas.", |config| {
        peer(config, "warehouse")
    }),
    row("peers.bank", "Base URLs of the Bank's replicas.", |config| peer(config, "bank")),
    row("peers.delivery", "Base URLs of DeliveryCo's replicas.", |config| peer(config, "delivery")),
    row("peers.email", "Base URLs of Email's replicas.", |config| peer(config, "email")),
    row(
        "auth.customer_secret",
        "Signs customers' tokens: at least 32 random bytes. The Store alone needs it.",
        |config| Slot::Key(&mut config.shop.auth.customer_secret),
    ),
    row(
        "auth.service_secret",
        "Signs the services' tokens for each other: at least 32 random bytes, others than the \
         customers'.",
        |config| Slot::Key(&mut config.shop.auth.service_secret),
    ),
    row("auth.issuer", "The issuer of all tokens.", |config| {
        Slot::Text(&mut config.shop.auth.issuer)
    }),
    row("auth.token_lifetime", "How long a token opens doors.", |config| {
        Slot::Length(&mut config.shop.auth.token_lifetime)
    }),
    row("auth.leeway", "How far two clocks may be apart when a token is judged.", |config| {
        Slot::Length(&mut config.shop.auth.leeway)
    }),
    row("auth.hash_memory_kib", "argon2id's memory for one password, in KiB.", |config| {
        Slot::Count(Number::U32(&mut config.shop.auth.hash_memory_kib), 8..=4 << 20)
    }),
    row("auth.hash_passes", "argon2id's passes.", |config| {
        Slot::Count(Number::U32(&mut config.shop.auth.hash_passes), 1..=1000)
    }),
    row("auth.hash_lanes", "argon2id's lanes.", |config| {
        Slot::Count(Number::U32(&mut config.shop.auth.hash_lanes), 1..=64)
    }),
    row("auth.hashes_at_once", "How many passwords are hashed at once.", |config| {
        Slot::Count(Number::Usize(&mut config.hashes_at_once), 1..=1024)
    }),
    row(
        "auth.logins_max",
        "Logins for each user name, and from each address, in auth.login_window.",
        |config| Slot::Count(Number::U32(&mut config.shop.auth.logins_max), 1..=MANY),
    ),
    row("auth.login_window", "The time in which logins are counted.", |config| {
        Slot::Length(&mut config.shop.auth.login_window)
    }),
    row("saga.lease", "How long a claimed order is its replica's without a renewal.", |config| {
        Slot::Length(&mut config.shop.saga.lease)
    }),
    row("saga.batch", "Orders claimed at once.", |config| {
        Slot::Count(Number::I64(&mut config.shop.saga.batch), 1..=MANY)
    }),
    row("saga.call_timeout", "The longest wait for another service's answer.", |config| {
        Slot::Length(&mut config.shop.saga.call_timeout)
    }),
    row("saga.backoff_base", "The longest first wait before a step is tried again.", |config| {
        Slot::Length(&mut config.shop.saga.backoff.base)
    }),
    row("saga.backoff_cap", "The longest wait before a step is tried again.", |config| {
        Slot::Length(&mut config.shop.saga.backoff.cap)
    }),
    row("saga.debit_quick_retries", "Debits by HTTP before the queue takes over.", |config| {
        Slot::Count(Number::I64(&mut config.shop.saga.debit_quick_retries), 0..=1000)
    }),
    row("saga.debit_probe", "How often a debit in the queue is asked for by HTTP.", |config| {
        Slot::Length(&mut config.shop.saga.debit_probe)
    }),
    row("saga.refund_attempts", "Refund attempts before the refund is parked.", |config| {
        Slot::Count(Number::I64(&mut config.shop.saga.refund_attempts), 1..=1000)
    }),
    row("saga.probe_every", "How often a parked refund is tried again.", |config| {
        Slot::Length(&mut config.shop.saga.probe_every)
    }),
    row(
        "saga.replans",
        "New allocations after losing stock to a rival, at once; later ones wait.",
        |config| Slot::Count(Number::I64(&mut config.shop.saga.replans), 0..=1000),
    ),
    row(
        "saga.carrier_silence",
        "How long the carrier may be silent before it is asked again.",
        |config| Slot::Length(&mut config.shop.saga.carrier_silence),
    ),
    row("saga.carrier_silence_max", "The longest of these waits, which double.", |config| {
        Slot::Length(&mut config.shop.saga.carrier_silence_max)
    }),
    row("saga.stuck_after", "After so long without progress at a step, support hears.", |config| {
        Slot::Length(&mut config.shop.saga.stuck_after)
    }),
    row(
        "saga.stuck_pause",
        "The longest wait before a step that is stuck is tried again.",
        |config| Slot::Length(&mut config.shop.saga.stuck_pause),
    ),
    row("carrier.pick_up_after", "From the request to the pick-up.", |config| {
        Slot::Length(&mut config.shop.carrier.pick_up_after)
    }),
    row("carrier.depart_after", "From the pick-up to the departure.", |config| {
        Slot::Length(&mut config.shop.carrier.depart_after)
    }),
    row("carrier.deliver_after", "From the departure to the door.", |config| {
        Slot::Length(&mut config.shop.carrier.deliver_after)
    }),
    row("carrier.lost_per_mille", "Of a thousand parcels, how many are lost.", |config| {
        Slot::Count(Number::U64(&mut config.shop.carrier.lost_per_mille), 0..=1000)
    }),
    row("carrier.found_per_mille", "Of a thousand lost parcels, how many turn up.", |config| {
        Slot::Count(Number::U64(&mut config.shop.carrier.found_per_mille), 0..=1000)
    }),
    row("carrier.found_after", "From the loss to the find.", |config| {
        Slot::Length(&mut config.shop.carrier.found_after)
    }),
    row("relay.batch", "Outbox rows published at once.", |config| {
        Slot::Count(Number::I64(&mut config.shop.relay.batch), 1..=MANY)
    }),
    row("relay.claim", "A claimed outbox row is another relay's after this time.", |config| {
        Slot::Length(&mut config.shop.relay.claim)
    }),
    row(
        "relay.backoff_base",
        "The longest first wait before a row is published again.",
        |config| Slot::Length(&mut config.shop.relay.backoff.base),
    ),
    row("relay.backoff_cap", "The longest wait before a row is published again.", |config| {
        Slot::Length(&mut config.shop.relay.backoff.cap)
    }),
    row(
        "relay.settle_after",
        "How long a confirmed row waits to be marked together with others.",
        |config| Slot::Length(&mut config.shop.relay.settle_after),
    ),
    row("consumer.prefetch", "Messages that a consumer holds unacknowledged.", |config| {
        Slot::Count(Number::U16(&mut config.shop.consumer.prefetch), 1..=65_535)
    }),
    row(
        "consumer.at_once",
        "How many it handles at once, or batches of them; each takes a database connection meanwhile.",
        |config| Slot::Count(Number::Usize(&mut config.shop.consumer.at_once), 1..=MANY),
    ),
    row("consumer.batch", "The most messages that share a transaction.", |config| {
        Slot::Count(Number::Usize(&mut config.shop.consumer.batch), 1..=MANY)
    }),
    row("consumer.attempts_max", "Attempts before a message is dead-lettered.", |config| {
        Slot::Count(Number::U32(&mut config.shop.consumer.attempts_max), 1..=MANY)
    }),
    row("consumer.reconnect_base", "The longest first wait before subscribing again.", |config| {
        Slot::Length(&mut config.shop.consumer.reconnect.base)
    }),
    row("consumer.reconnect_cap", "The longest wait before subscribing again.", |config| {
        Slot::Length(&mut config.shop.consumer.reconnect.cap)
    }),
    row("reconcile.every", "How often the Store compares what all services say.", |config| {
        Slot::Length(&mut config.shop.reconcile.every)
    }),
    row("reconcile.quiet", "How long an order has to have rested before that.", |config| {
        Slot::Length(&mut config.shop.reconcile.quiet)
    }),
    row("reconcile.back", "Orders older than this are no longer compared.", |config| {
        Slot::Length(&mut config.shop.reconcile.back)
    }),
    row("reconcile.batch", "Orders compared at once.", |config| {
        Slot::Count(Number::I64(&mut config.shop.reconcile.batch), 1..=100)
    }),
    row("reconcile.again", "How long to wait after a service did not answer.", |config| {
        Slot::Length(&mut config.shop.reconcile.again)
    }),
    row(
        "retention.sent",
        "How long messages are kept in the outbox, once they are sent.",
        |config| Slot::Length(&mut config.shop.retention.sent),
    ),
    row("retention.received", "How long is kept which messages were received.", |config| {
        Slot::Length(&mut config.shop.retention.received)
    }),
    row(
        "retention.moves",
        "How long the audit trail is kept; at least twice reconcile.quiet.",
        |config| Slot::Length(&mut config.shop.retention.moves),
    ),
    row("retention.alerts", "How long alerts are kept; at least two days.", |config| {
        Slot::Length(&mut config.shop.retention.alerts)
    }),
    row(
        "retention.keys",
        "How long answers to clients' idempotency keys are kept; keys of money are for ever.",
        |config| Slot::Length(&mut config.shop.retention.keys),
    ),
    row("retention.every", "How often each replica looks for what is older than that.", |config| {
        Slot::Length(&mut config.shop.retention.every)
    }),
    row("lists.rows", "Orders, or parked refunds, on a page of a list.", |config| {
        Slot::Count(Number::I64(&mut config.shop.lists.rows), 1..=1000)
    }),
];

fn peer<'a>(config: &'a mut Config, service: &'static str) -> Slot<'a> {
    Slot::Urls(config.peers.entry(service).or_default())
}

impl Setting {
    /// `STORMPROOF_SAGA_LEASE` for `saga.lease`.
    pub fn environment(&self) -> String {
        format!("STORMPROOF_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// The value in `config` as text; `None` for secrets.
    pub fn show(&self, config: &Config) -> Option<String> {
        // A slot writes as well as it reads, so it wants a configuration of its own.
        (self.slot)(&mut config.clone()).show()
    }

    pub(super) fn set(&self, config: &mut Config, text: &str) -> Result<(), Mistake> {
        (self.slot)(config).set(text).map_err(Mistake)
    }
}

/// The setting with this key.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// `config` as a configuration file that explains itself; secrets are left out.
pub fn document(config: &Config) -> String {
    let mut text = String::from(
        "# Every setting of stormproof. Later wins: default, this file, environment.\n",
    );
    let mut section = "";
    for setting in SETTINGS {
        let (part, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if part != section {
            text.push_str(&format!("\n[{part}]\n"));
            section = part;
        }
        text.push_str(&format!("\n# {}\n# {}\n", setting.meaning, setting.environment()));
        let is_number = (setting.slot)(&mut config.clone()).is_number();
        text.push_str(&match setting.show(config) {
            None => format!("# {name} = \"(secret)\"\n"),
            Some(value) if is_number => format!("{name} = {value}\n"),
            Some(value) => format!("{name} = {value:?}\n"),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A setting of the shop that nobody can set is a constant with a detour.
    #[test]
    fn every_setting_of_the_shop_has_a_row() {
        let mut shop = Config::default().shop;
        // Declared at the broker, and so not to be set for each replica.
        shop.consumer.retries = &[];
        let parts = [
            ("saga.", format!("{:#?}", shop.saga)),
            ("carrier.", format!("{:#?}", shop.carrier)),
            ("relay.", format!("{:#?}", shop.relay)),
            ("consumer.", format!("{:#?}", shop.consumer)),
            ("reconcile.", format!("{:#?}", shop.reconcile)),
            ("retention.", format!("{:#?}", shop.retention)),
            ("lists.", format!("{:#?}", shop.lists)),
        ];
        for (section, shown) in parts {
            // A line a value; a line that opens a part of its own is none.
            let values =
                shown.lines().filter(|line| line.contains(": ") && !line.ends_with(['{', '[']));
            let values = values.filter(|line| !line.ends_with("[],"));
            let rows = SETTINGS.iter().filter(|setting| setting.key.starts_with(section));
            assert_eq!(rows.count(), values.count(), "{section} {shown}");
        }
    }

    /// A variable that is there and empty is one that nobody has set: compose files and shells make such.
    #[test]
    fn what_is_empty_by_itself_may_be_left_empty() {
        for setting in SETTINGS {
            let mut config = Config::default();
            let is_empty = setting.show(&config).is_some_and(|value| value.is_empty());
            assert_eq!(setting.meaning.contains("; empty: "), is_empty, "{}", setting.key);
            if !is_empty {
                continue;
            }
            setting.set(&mut config, "127.0.0.1:1").expect("an address is a text too");
            let set = setting.set(&mut config, "");
            assert_eq!(
                (set, setting.show(&config)),
                (Ok(()), Some(String::new())),
                "{}",
                setting.key
            );
        }
        let mut config = Config::default();
        for key in ["smtp.from", "auth.issuer", "peers.bank", "log.level", "saga.batch"] {
            let set = find(key).expect("there is such a setting").set(&mut config, "");
            assert!(set.is_err(), "{key}");
        }
    }
}
