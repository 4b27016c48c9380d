//! Which faults a rehearsal supports, and how; which it skips, and why. One table for the command, its
//! list and its report.

use std::time::Duration;

use stormproof_faults::moment::{Act, Moment, Side};
use stormproof_faults::{Fault, FaultKind, When};
use stormproof_shop::scenario::Scenario;
use stormproof_shop::topology;
use stormproof_system::messages::DeliveryStatus;
use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;
use stormproof_system::warehouse::reservation::State;

use super::faults::is_foreign;

/// How each kind of fault is made, in the order of [`FaultKind::ALL`].
pub const HOW: [(&str, &str); 18] = [
    (
        "crash",
        "kill -9 of the process; of a broker, a database or the mail server, which are not ours to \
         kill, the connections end and none is taken until it is back",
    ),
    ("stop", "SIGTERM to the process; of another server as with crash"),
    ("pause", "SIGSTOP and SIGCONT to the process; of another server nothing passes, either way"),
    ("slow", "everything on the node's links takes longer, each way"),
    (
        "cut",
        "nothing passes between the two in that direction; where it is the caller's, attempts to \
         connect hang",
    ),
    ("slow link", "everything between the two takes longer, each way"),
    ("connect hangs", "the listening socket drops attempts to connect, as long as the fault lasts"),
    ("reply lost", "the answer is not passed on"),
    ("request late", "the request is held back, and sent after its caller gave up"),
    ("request twice", "the request is sent once more, later, on a connection of its own"),
    ("confirm lost", "the publisher's connection ends when the broker's confirm comes"),
    (
        "message twice",
        "a proxy queue takes its place at the exchange, and puts the message into it twice",
    ),
    (
        "message late",
        "a proxy queue takes its place at the exchange, and puts the message into it later",
    ),
    ("message returned", "skipped: what to do with a message is the broker's own decision"),
    (
        "messages reordered",
        "a proxy queue takes its place at the exchange, and puts messages into it in pairs, the \
         second first",
    ),
    ("connection lost before commit", "the connection ends instead of passing COMMIT on"),
    ("connection lost after commit", "the connection ends when the answer to COMMIT comes"),
    ("serialization failure", "COMMIT is made a ROLLBACK, and answered with 40001"),
];

/// What a moment is seen by.
pub const MOMENTS: [(&str, &str); 5] = [
    ("call", "the request and the answer, by the request line"),
    ("commit", "COMMIT and its answer, of states that leave a row in `audit`"),
    ("publish", "the message and its confirm, by the message's type"),
    (
        "ack",
        "the acknowledgement, by the type of the message delivered; after it there is nothing to see",
    ),
    ("mail", "the mail's last line and the mail server's answer to it"),
];

/// The faults of a scenario, sorted.
pub struct Sorted {
    /// Each with its place in the scenario.
    pub supported: Vec<(usize, Fault)>,
    /// What is skipped, and why, in words.
    pub skipped: Vec<String>,
}

/// Sorts the faults of `scenario` into those that are supported and those that are not.
pub fn sort(scenario: &Scenario) -> Sorted {
    let mut sorted = Sorted { supported: Vec::new(), skipped: Vec::new() };
    for (place, fault) in scenario.faults.iter().enumerate() {
        match refusal(fault) {
            None => sorted.supported.push((place, fault.clone())),
            Some(why) => sorted.skipped.push(format!("{}: {why}", scenario.asked(place))),
        }
    }
    for (node, offset) in scenario.world.clocks.iter().filter(|(_, offset)| **offset != 0) {
        let off = Duration::from_micros(offset.unsigned_abs());
        sorted.skipped.push(format!("clock of {node} off by {off:?}: this machine has one clock"));
    }
    sorted
}

/// Why a fault is not supported; `None` if it is.
fn refusal(fault: &Fault) -> Option<String> {
    if fault.kind == FaultKind::MessageReturned {
        return Some("whether a queue takes a message is the broker's own decision".to_owned());
    }
    let When::Moment { moment, .. } = &fault.when else { return None };
    if fault.kind == FaultKind::ConnectHangs {
        return Some("by the time a request names itself it has its connection".to_owned());
    }
    match (moment.side, moment.act) {
        (_, Act::Commit) if !is_audited(moment) => {
            Some(format!("`{}` leaves no row in `audit`, so no proxy sees it", moment.name))
        }
        (Side::After, Act::Ack) => {
            Some("an acknowledgement has no answer, so no proxy sees it taken".to_owned())
        }
        _ => None,
    }
}

/// Whether a fact leaves a row in `audit`: the states of the machines do.
fn is_audited(moment: &Moment) -> bool {
    let Some((noun, state)) = moment.name.split_once(' ') else { return false };
    match noun {
        "order" => OrderStatus::parse(state).is_some(),
        "payment" => PaymentStatus::parse(state).is_some(),
        "reservation" => State::parse(state).is_some(),
        "parcel" => DeliveryStatus::ALL.iter().any(|status| status.as_str() == state),
        "debit" => ["DEBITED", "DECLINED", "VOIDED"].contains(&state),
        "refund" => state == "REFUNDED",
        _ => false,
    }
}

/// The queues whose messages faults are aimed at, on their way in.
pub fn queues_proxied(supported: &[(usize, Fault)]) -> Vec<&'static str> {
    let aimed = supported.iter().filter_map(|(_, fault)| match fault.kind {
        FaultKind::ConfirmLost => None,
        _ => fault.target.queue(),
    });
    let mut queues: Vec<&'static str> = aimed
        .filter_map(|aimed| topology::queues().into_iter().find(|queue| *queue == aimed))
        .collect();
    queues.sort_unstable();
    queues.dedup();
    queues
}

/// What `--list` prints.
pub fn list() -> String {
    let mut text = String::from("faults, and how a rehearsal makes them\n");
    for (kind, how) in HOW {
        text += &format!("  {kind:<29}  {how}\n");
    }
    text += "\nmoments, and what shows them\n";
    for (act, how) in MOMENTS {
        text += &format!("  {act:<29}  {how}\n");
    }
    text += "\nskipped: clocks that are off; `message_returned`; `connect_hangs` at a moment; moments of \
             commits without a row in `audit`; `after ack`\n";
    let foreign = topology::databases()
        .into_iter()
        .chain([topology::BROKER, topology::MAIL].map(str::to_owned));
    let foreign: Vec<_> = foreign.filter(|node| is_foreign(node)).collect();
    text + &format!("not ours to end: {}", foreign.join(", "))
}

#[cfg(test)]
mod tests {
    use stormproof_shop::scenario::files;

    use super::*;

    #[test]
    fn every_kind_of_fault_has_its_row() {
        let kinds: Vec<_> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(HOW.map(|(name, _)| name).as_slice(), kinds);
    }

    /// Every fault of the scenarios is supported, but for those that are told here.
    #[test]
    fn what_is_skipped_is_told_with_its_reason() {
        let skipped = |name: &str, when: &str| {
            let text = format!(
                "about = \"It is told.\"\n[world]\nstock = [{{ sku = \"tea\", warehouse = \"perth\", \
                 units = 1 }}]\n[[customer]]\nbalance = 1_00\nscript = []\n[[fault]]\n{name}\n{when}\n"
            );
            sort(&Scenario::parse("told.toml", &text).expect("no mistake")).skipped
        };
        let crash = "crash = \"store\"\nrestart = \"1s\"";
        assert_eq!(skipped(crash, "when = \"after commit of order PAID\""), [""; 0]);
        assert_eq!(
            skipped(crash, "when = \"after commit of saga TAKEN_OVER\""),
            [
                "crash store after commit of saga TAKEN_OVER (line 7): `saga TAKEN_OVER` leaves no row \
              in `audit`, so no proxy sees it"
            ]
        );
        assert_eq!(skipped(crash, "when = \"after ack of delivery.update\"").len(), 1);
        let hangs = "connect_hangs = \"store -> bank\"";
        assert_eq!(skipped(hangs, "when = \"before call debit\"").len(), 1);
        assert_eq!(skipped(hangs, "until = \"9s\""), [""; 0]);
        let returned = "message_returned = \"delivery.request.queue\"";
        assert_eq!(skipped(returned, "").len(), 1);
    }

    #[test]
    fn the_scenarios_of_this_project_are_supported_whole() {
        for scenario in files::load_all().expect("they are well formed") {
            let mut skipped = sort(&scenario).skipped;
            // The broker returns what it likes, and all processes here have one clock.
            skipped.retain(|told| {
                !told.starts_with("message returned ") && !told.starts_with("clock of ")
            });
            assert_eq!(skipped, [""; 0], "{}", scenario.name);
        }
    }
}
