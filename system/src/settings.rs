//! What an operator may set; the defaults are production's.

use std::time::Duration;

use stormproof_messaging::consumer::ConsumerPolicy;
use stormproof_messaging::outbox::RelayPolicy;
use stormproof_ports::retry::Backoff;

/// All settings of the shop, one part for each concern.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub auth: Auth,
    pub saga: Saga,
    pub carrier: Carrier,
    /// How the outbox is emptied.
    pub relay: RelayPolicy,
    /// How queues are consumed.
    pub consumer: ConsumerPolicy,
    pub reconcile: Reconcile,
    pub retention: Retention,
    pub lists: Lists,
}

/// Logging in, and tokens (`protocol.md` §8).
#[derive(Clone)]
pub struct Auth {
    /// Signs customers' tokens (HS256, RFC 7518 §3.2: at least 32 bytes).
    pub customer_secret: Vec<u8>,
    /// Signs the services' tokens for each other.
    pub service_secret: Vec<u8>,
    pub issuer: String,
    pub token_lifetime: Duration,
    /// How far two clocks may be apart when a token is judged.
    pub leeway: Duration,
    /// argon2id: memory in KiB, passes, lanes (RFC 9106 §3.1).
    pub hash_memory_kib: u32,
    pub hash_passes: u32,
    pub hash_lanes: u32,
    /// Failed or not, so many logins per user name and per address in `login_window`.
    pub logins_max: u32,
    pub login_window: Duration,
}

/// How the Store drives an order.
#[derive(Clone, Debug)]
pub struct Saga {
    /// How long a claimed order belongs to its owner without a renewal.
    pub lease: Duration,
    /// Orders claimed at once.
    pub batch: i64,
    /// The longest wait for another service's answer.
    pub call_timeout: Duration,
    pub backoff: Backoff,
    /// Debits by HTTP before the queue takes over.
    pub debit_quick_retries: i64,
    /// How often a debit that waits in the queue is asked for by HTTP all the same: its result may
    /// have been dead-lettered.
    pub debit_probe: Duration,
    /// Refund attempts before the refund is parked and support alerted.
    pub refund_attempts: i64,
    /// How often a parked refund is tried again.
    pub probe_every: Duration,
    /// New allocations after losing stock to a rival without a wait; later ones wait like a failed call.
    pub replans: i64,
    /// How long the carrier may be silent before it is asked again; twice as long after each question.
    pub carrier_silence: Duration,
    /// The longest of these waits.
    pub carrier_silence_max: Duration,
    /// How long nothing may come of a step before support is alerted.
    pub stuck_after: Duration,
    /// The longest wait between the attempts at a step that is stuck.
    pub stuck_pause: Duration,
}

/// How DeliveryCo moves parcels.
#[derive(Clone, Debug)]
pub struct Carrier {
    pub pick_up_after: Duration,
    pub depart_after: Duration,
    pub deliver_after: Duration,
    /// Of a thousand parcels, how many are lost on the way.
    pub lost_per_mille: u64,
    /// Of a thousand lost parcels, how many are found later.
    pub found_per_mille: u64,
    pub found_after: Duration,
}

/// How long every service keeps what it is done with (`protocol.md` §7). Keys of money, of parcels and of mails are
/// kept for ever: by them a message has its effect once, even when nobody remembers that it was received.
#[derive(Clone, Debug)]
pub struct Retention {
    /// Messages of the outbox, once they are sent.
    pub sent: Duration,
    /// Which messages were received.
    pub received: Duration,
    /// The audit trail; at least twice [`Reconcile::quiet`], which is measured by it.
    pub moves: Duration,
    /// Alerts; at least twice [`REMINDER`](crate::alert::REMINDER), for what was told lately is not told again.
    pub alerts: Duration,
    /// Answers to clients' idempotency keys.
    pub keys: Duration,
    /// How often what is older is looked for.
    pub every: Duration,
}

/// How the Store compares what the services say of its orders.
#[derive(Clone, Debug)]
pub struct Reconcile {
    pub every: Duration,
    /// How long an order has to have rested before it is compared.
    pub quiet: Duration,
    /// Orders older than this are no longer compared.
    pub back: Duration,
    /// Orders compared at once, at most 100.
    pub batch: i64,
    /// How long to wait after a service did not answer.
    pub again: Duration,
}

/// How lists are shown that may be long.
#[derive(Clone, Debug)]
pub struct Lists {
    /// The longest page.
    pub rows: i64,
}

impl Default for Auth {
    fn default() -> Auth {
        Auth {
            customer_secret: Vec::new(),
            service_secret: Vec::new(),
            issuer: "stormproof".into(),
            token_lifetime: Duration::from_secs(3600),
            leeway: Duration::from_secs(30),
            hash_memory_kib: 19 * 1024,
            hash_passes: 2,
            hash_lanes: 1,
            logins_max: 10,
            login_window: Duration::from_secs(60),
        }
    }
}

/// Secrets stay out of every log.
impl std::fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Auth").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Default for Saga {
    fn default() -> Saga {
        Saga {
            lease: Duration::from_secs(20),
            batch: 8,
            call_timeout: Duration::from_secs(5),
            backoff: Backoff { base: Duration::from_millis(250), cap: Duration::from_secs(30) },
            debit_quick_retries: 3,
            debit_probe: Duration::from_secs(600),
            refund_attempts: 6,
            probe_every: Duration::from_secs(60),
            replans: 3,
            carrier_silence: Duration::from_secs(120),
            carrier_silence_max: Duration::from_secs(3600),
            stuck_after: Duration::from_secs(15 * 60),
            stuck_pause: Duration::from_secs(600),
        }
    }
}

impl Default for Carrier {
    fn default() -> Carrier {
        Carrier {
            pick_up_after: Duration::from_secs(10),
            depart_after: Duration::from_secs(10),
            deliver_after: Duration::from_secs(20),
            lost_per_mille: 0,
            found_per_mille: 0,
            found_after: Duration::from_secs(60),
        }
    }
}

impl Default for Reconcile {
    fn default() -> Reconcile {
        Reconcile {
            every: Duration::from_secs(3600),
            quiet: Duration::from_secs(600),
            back: Duration::from_secs(30 * 24 * 3600),
            batch: 50,
            again: Duration::from_secs(60),
        }
    }
}

impl Default for Retention {
    fn default() -> Retention {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Retention {
            sent: 7 * DAY,
            received: 30 * DAY,
            moves: 90 * DAY,
            alerts: 30 * DAY,
            keys: 2 * DAY,
            every: Duration::from_secs(3600),
        }
    }
}

impl Default for Lists {
    fn default() -> Lists {
        Lists { rows: 100 }
    }
}
