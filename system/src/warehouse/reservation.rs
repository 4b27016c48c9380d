//! A reservation and its machine (`protocol.md` §1): pure, total, tabled in the test below.
//!
//! It knows what each move does to the counts of a stock row, not where those are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Problem};
use crate::id::{Sku, WarehouseId};

/// Where a reservation is. ABSENT is never stored.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    Absent,
    Held,
    Committed,
    Released,
    Returned,
}

/// What the Store may ask of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Reserve,
    Commit,
    Release,
    Return,
}

/// What a verb does to a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Move(State),
    /// The verb has had its effect, or has none here: the answer is the current state.
    Stay,
    /// The verb can have no effect any more, and its caller has to know.
    Refuse(Kind),
}

/// So many pieces of a product in a warehouse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    pub sku: Sku,
    pub warehouse: WarehouseId,
    pub quantity: i64,
}

/// A reservation as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub state: State,
    /// Guards updates; 0 while ABSENT.
    pub version: i64,
    /// What is or was held, in (sku, warehouse) order; empty for a tombstone.
    pub lines: Vec<Line>,
}

/// What a move adds to the counts of a stock row, for each piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    pub on_hand: i64,
    pub reserved: i64,
    pub committed: i64,
}

/// The most pieces in one line or delivery, and the most lines in one request: far above any
/// order, far below what 64 bits hold.
pub const QUANTITY_MAX: i64 = 1_000_000;
pub const LINES_MAX: usize = 200;

/// The machine.
pub fn step(state: State, verb: Verb) -> Step {
    match (verb, state) {
        (Verb::Reserve, State::Absent) => Step::Move(State::Held),
        (Verb::Reserve, State::Held | State::Committed | State::Returned) => Step::Stay,
        (Verb::Reserve, State::Released) => Step::Refuse(Kind::Conflict),
        (Verb::Commit, State::Held) => Step::Move(State::Committed),
        (Verb::Commit, State::Committed) => Step::Stay,
        (Verb::Commit, State::Absent | State::Released | State::Returned) => {
            Step::Refuse(Kind::Conflict)
        }
        // A release that overtook its reserve leaves a tombstone for the late one to find.
        (Verb::Release, State::Absent | State::Held) => Step::Move(State::Released),
        (Verb::Release, State::Committed | State::Released | State::Returned) => Step::Stay,
        (Verb::Return, State::Committed) => Step::Move(State::Returned),
        (Verb::Return, State::Held | State::Released | State::Returned) => Step::Stay,
        (Verb::Return, State::Absent) => Step::Refuse(Kind::NotFound),
    }
}

impl State {
    pub const ALL: [State; 5] =
        [State::Absent, State::Held, State::Committed, State::Released, State::Returned];

    pub fn as_str(self) -> &'static str {
        match self {
            State::Absent => "ABSENT",
            State::Held => "HELD",
            State::Committed => "COMMITTED",
            State::Released => "RELEASED",
            State::Returned => "RETURNED",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub fn parse(text: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// What the move from here to `to` adds to a stock row, for each piece. `received` never
    /// moves, so `on_hand + committed` must not either.
    pub fn shift(self, to: State) -> Shift {
        let (on_hand, reserved, committed) = match (self, to) {
            (State::Absent, State::Held) => (0, 1, 0),
            (State::Held, State::Committed) => (-1, -1, 1),
            (State::Held, State::Released) => (0, -1, 0),
            (State::Committed, State::Returned) => (1, 0, -1),
            _ => (0, 0, 0),
        };
        Shift { on_hand, reserved, committed }
    }
}

impl Verb {
    pub const ALL: [Verb; 4] = [Verb::Reserve, Verb::Commit, Verb::Release, Verb::Return];

    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Reserve => "reserve",
            Verb::Commit => "commit",
            Verb::Release => "release",
            Verb::Return => "return",
        }
    }
}

impl Reservation {
    /// What there is before anything was asked.
    pub fn absent() -> Reservation {
        Reservation { state: State::Absent, version: 0, lines: Vec::new() }
    }

    /// A refusal that tells what is held, so that the caller can adopt it or stop.
    pub fn problem(&self, kind: Kind, detail: impl Into<String>) -> Problem {
        let lines = serde_json::to_value(&self.lines).expect("lines are plain strings and numbers");
        Problem::new(kind, detail).with("state", self.state.as_str().into()).with("lines", lines)
    }
}

/// Parses the lines of a request into (sku, warehouse) order, the order in which stock rows are
/// taken by everybody, so that two reservations cannot wait for each other.
pub fn parse_lines(mut lines: Vec<Line>) -> Result<Vec<Line>, Error> {
    if lines.is_empty() || lines.len() > LINES_MAX {
        return Err(Error::invalid(format!("lines: expected 1 to {LINES_MAX}")));
    }
    for line in &lines {
        check_quantity(line.quantity)?;
    }
    lines.sort();
    let twice =
        |pair: &[Line]| (&pair[0].sku, &pair[0].warehouse) == (&pair[1].sku, &pair[1].warehouse);
    match lines.windows(2).find(|pair| twice(pair)) {
        Some(pair) => Err(Error::invalid(format!(
            "lines: {} in {} is there twice, expected once",
            pair[0].sku, pair[0].warehouse
        ))),
        None => Ok(lines),
    }
}

/// Checks a number of pieces that came from outside.
pub fn check_quantity(quantity: i64) -> Result<(), Error> {
    if (1..=QUANTITY_MAX).contains(&quantity) {
        return Ok(());
    }
    Err(Error::invalid(format!("quantity {quantity}: expected 1 to {QUANTITY_MAX}")))
}

/// `sydney 2 teapot, perth 1 mug`.
pub fn words(lines: &[Line]) -> String {
    let line = |line: &Line| format!("{} {} {}", line.warehouse, line.quantity, line.sku);
    lines.iter().map(line).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_in_one_table() {
        let mut table = String::new();
        for state in State::ALL {
            table.push_str(&format!("{:9}", state.as_str()));
            for verb in Verb::ALL {
                let cell = match step(state, verb) {
                    Step::Move(to) => format!("-> {}", to.as_str()),
                    Step::Stay => "stays".to_owned(),
                    Step::Refuse(kind) => kind.slug().to_owned(),
                };
                table.push_str(&format!(" | {cell:12}"));
            }
            table.push('\n');
        }
        // Columns: reserve, commit, release, return.
        let expected = "\
            ABSENT    | -> HELD      | conflict     | -> RELEASED  | not-found   \n\
            HELD      | stays        | -> COMMITTED | -> RELEASED  | stays       \n\
            COMMITTED | stays        | stays        | stays        | -> RETURNED \n\
            RELEASED  | conflict     | conflict     | stays        | stays       \n\
            RETURNED  | stays        | conflict     | stays        | stays       \n";
        assert_eq!(table, expected, "\n{table}");
    }

    #[test]
    fn no_move_makes_or_loses_stock() {
        for from in State::ALL {
            for to in State::ALL {
                let shift = from.shift(to);
                assert_eq!(shift.on_hand + shift.committed, 0, "{from:?} to {to:?}");
            }
        }
        let held = State::Absent.shift(State::Held).reserved;
        assert_eq!(held + State::Held.shift(State::Released).reserved, 0);
        assert_eq!(held + State::Held.shift(State::Committed).reserved, 0);
    }

    #[test]
    fn lines_are_sorted_and_checked() {
        let line = |sku: &str, warehouse: &str, quantity| Line {
            sku: Sku::parse(sku).expect("a valid sku"),
            warehouse: WarehouseId::parse(warehouse).expect("a valid warehouse"),
            quantity,
        };
        let lines = vec![line("teapot", "sydney", 2), line("mug", "perth", 1)];
        let parsed = parse_lines(lines).expect("both are valid");
        assert_eq!(words(&parsed), "perth 1 mug, sydney 2 teapot");
        for bad in [
            vec![],
            vec![line("mug", "perth", 0)],
            vec![line("mug", "perth", QUANTITY_MAX + 1)],
            vec![line("mug", "perth", 1), line("mug", "perth", 2)],
        ] {
            assert!(parse_lines(bad.clone()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn states_read_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::json!(state), state.as_str());
        }
    }
}
