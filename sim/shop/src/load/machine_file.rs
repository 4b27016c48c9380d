//! A measured machine as a file: written by `stormproof measure`, read by `cargo sim load`.

use std::fmt::Write as _;

use stormproof_ports::machine::{Demand, Machine, WorkKind};

/// More are no machine that was measured.
const PROCESSORS_MAX: usize = 4096;

const HEAD: &str = "\
# What one operation takes on a machine, each measured by itself while nothing else was done.
# client_us: processor time of who asks; server_us: of who is asked; wait_us: what passes besides, such as
# the disk's sync. Microseconds; processor times are means, waits are the shortest, those that 10, 25, 50,
# 75, 90, 99 and 99.9 of a hundred do not exceed, and the longest.
";

/// What each kind of work is, in the file's words.
fn says(kind: WorkKind) -> &'static str {
    match kind {
        WorkKind::Begin => "BEGIN",
        WorkKind::Select => "SELECT of a row by its key",
        WorkKind::Insert => "INSERT of a row",
        WorkKind::Update => "UPDATE of a row by its key",
        WorkKind::Delete => "DELETE of a row by its key",
        WorkKind::Commit => "COMMIT after writing",
        WorkKind::Finish => "COMMIT after reading, ROLLBACK",
        WorkKind::Request => "an HTTP request, answered",
        WorkKind::Publish => "a durable message, confirmed",
        WorkKind::Deliver => "a message delivered, acknowledged",
        WorkKind::Mail => "a mail handed over",
        WorkKind::Sleep => "a sleep: how much later than asked for it ends",
    }
}

/// The file's text.
pub fn to_toml(machine: &Machine) -> String {
    let mut text = format!("{HEAD}\nprocessors = {}\n", machine.processors);
    for (kind, demand) in &machine.demands {
        let Demand { client_us, server_us, wait_us } = demand;
        write!(
            text,
            "\n# {}\n[demands.{}]\nclient_us = {client_us:.1}\nserver_us = {server_us:.1}\n\
             wait_us = {wait_us:.1?}\n",
            says(*kind),
            kind.as_str()
        )
        .expect("it is memory");
    }
    text
}

/// Reads a file's text.
///
/// # Errors
/// The first mistake, with what was expected.
pub fn parse(text: &str) -> Result<Machine, String> {
    let machine: Machine = toml::from_str(text).map_err(|error| error.to_string())?;
    if !(1..=PROCESSORS_MAX).contains(&machine.processors) {
        let found = machine.processors;
        return Err(format!("processors = {found}: expected 1 to {PROCESSORS_MAX}"));
    }
    for kind in WorkKind::ALL {
        let name = kind.as_str();
        let demand = machine.demands.get(&kind);
        let demand = demand.ok_or_else(|| format!("expected [demands.{name}]: {}", says(kind)))?;
        if !demand.is_sound() {
            return Err(format!(
                "[demands.{name}]: expected microseconds, 0 to 60000000, waits in ascending order"
            ));
        }
    }
    Ok(machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        let mut demand = Demand::constant(1.5, 2.0, 3.0);
        demand.wait_us[8] = 70.5;
        let demands = WorkKind::ALL.map(|kind| (kind, demand)).into();
        Machine { processors: 2, demands }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(parse(&to_toml(&machine())), Ok(machine()));
    }

    #[test]
    fn a_mistake_is_told_with_what_was_expected() {
        let text = to_toml(&machine());
        let without_sleep = text.split("\n# a sleep").next().expect("it begins").to_owned();
        let table = [
            (text.replace("processors = 2", "processors = 0"), "1 to 4096"),
            (text.replace("processors = 2", ""), "processors"),
            (text.replace("client_us = 1.5", "client_us = -1.5"), "0 to 60000000"),
            (text.replace("70.5", "2.0"), "ascending order"),
            (text.replace(", 70.5", ""), "length 9"),
            (text.replace("client_us", "client_ms"), "client_ms"),
            (text.replace("demands.mail", "demands.fax"), "fax"),
            (without_sleep, "expected [demands.sleep]"),
        ];
        for (text, expected) in table {
            let why = parse(&text).expect_err(expected);
            assert!(why.contains(expected), "{expected}: {why}");
        }
    }
}
