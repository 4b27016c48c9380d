//! What a table of fault kinds says of each kind, and the macro that makes an enum of such a table.
//!
//! The generic kinds are in `kinds.rs`; a system brings a second table of the same form for what only
//! it can suffer. Scenario files, their schema, their mistakes, the lists, the swarm and the sweep read
//! rows: they know no kind by name.

use crate::moment::{Act, Side};

/// One kind of fault.
#[derive(Debug)]
pub struct FaultRow {
    /// The key in scenario files: `slow_link`.
    pub key: &'static str,
    /// The name in stories, reports, counters and lists: `slow link`.
    pub name: &'static str,
    /// What it means, in half a sentence.
    pub says: &'static str,
    /// What it is aimed at.
    pub target: TargetForm,
    /// How it is told when.
    pub timing: Timing,
    /// What becomes of it once it strikes.
    pub nature: Nature,
    /// Keys that must be there: `restart`, `for`, `by` (its amount), or one of its timing.
    pub needs: &'static [&'static str],
    /// Keys that may be there, besides those of its timing.
    pub may: &'static [&'static str],
    /// The moments that it can be aimed at: where its operation can go wrong.
    pub aims: &'static [(Side, Act)],
    /// How many operations it hits, unless a scenario says so.
    pub times: u32,
    /// Whether a sweep tries it at every moment: not what needs more than one operation to strike.
    pub is_swept: bool,
    /// What a swarm draws for it.
    pub drawn: Drawn,
    /// Kinds of a later generation come after all earlier ones where their place decides what is drawn,
    /// so that a new kind leaves the storms of old seeds their other faults.
    pub generation: u8,
}

/// What a fault is aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// A node, or a service for all its replicas.
    Node,
    /// Two ends and a direction, or both.
    Way,
    /// Two ends; it strikes both directions alike.
    Pair,
    /// Two ends, the first of which connects to the second.
    Connection,
    /// Two ends, the first of which asks something of the second; perhaps one operation.
    Call,
    /// A queue, on a message's way in.
    Queue,
    /// A database, at a commit.
    Database,
    /// What only the system knows, such as a person of it, by this word.
    Own(&'static str),
}

/// How a fault is told when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// `at` a time, or `when` a moment comes.
    Once,
    /// `at` a time.
    Time,
    /// `from` a time `until` another.
    Window,
    /// The next `times` operations, `from` a time `until` another; or `when` a moment comes.
    Operations,
    /// `when` something of the system's has a status, or `after` it.
    Status,
}

/// What becomes of a fault once it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// It ends or halts a node, once.
    Process,
    /// It holds for a time, whoever passes.
    Condition,
    /// It spoils one operation after another.
    Operation,
}

/// From what a swarm draws a kind's amounts, in milliseconds, the end excluded.
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// How long it lasts, or how soon whoever it strikes is back.
    pub lasting_ms: (u64, u64),
    /// By how much something is later.
    pub by_ms: (u64, u64),
    /// With this chance it lasts this long instead.
    pub long_ms: Option<(f64, (u64, u64))>,
}

/// Every moment there is.
pub const EVERY_MOMENT: &[(Side, Act)] = &[
    (Side::Before, Act::Call),
    (Side::After, Act::Call),
    (Side::Before, Act::Commit),
    (Side::After, Act::Commit),
    (Side::Before, Act::Publish),
    (Side::After, Act::Publish),
    (Side::Before, Act::Ack),
    (Side::After, Act::Ack),
    (Side::Before, Act::Mail),
    (Side::After, Act::Mail),
];

impl FaultRow {
    /// What most rows say: an operation fault of some queue that may strike at any time.
    pub const USUAL: FaultRow = FaultRow {
        key: "",
        name: "",
        says: "",
        target: TargetForm::Queue,
        timing: Timing::Operations,
        nature: Nature::Operation,
        needs: &[],
        may: &[],
        aims: &[],
        times: 1,
        is_swept: true,
        drawn: Drawn { lasting_ms: (200, 12_000), by_ms: (50, 12_000), long_ms: None },
        generation: 1,
    };

    /// Whether it can be aimed at such a moment.
    pub fn is_aimed_at(&self, side: Side, act: Act) -> bool {
        self.aims.contains(&(side, act))
    }

    /// Every key, besides its own, that may be written with it.
    pub fn keys(&self) -> Vec<&'static str> {
        [self.timing.keys(), self.needs, self.may].concat()
    }
}

impl Timing {
    /// The keys by which it is told.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Timing::Once => &["at", "when", "nth"],
            Timing::Time => &["at"],
            Timing::Window => &["from", "until"],
            Timing::Operations => &["from", "until", "times", "when", "nth"],
            Timing::Status => &["when"],
        }
    }
}

impl TargetForm {
    /// How it is written, for those who read a schema.
    pub fn written(self) -> &'static str {
        match self {
            TargetForm::Node => "a node, or a service for all its replicas",
            TargetForm::Way => "`a -> b`, or both ways: `a <-> b`",
            TargetForm::Pair => "`a -> b`, either way",
            TargetForm::Connection | TargetForm::Call => "`caller -> callee`",
            TargetForm::Queue => "a queue",
            TargetForm::Database => "a database",
            TargetForm::Own(word) => word,
        }
    }
}

/// Makes a fieldless enum of a table of fault kinds, a row each:
/// `Variant: "key", "name", "what it means" => { fields that are not usual }`.
///
/// The enum has `ALL`, `row`, `key`, `name` and `says`, and shows itself by its name.
#[macro_export]
macro_rules! fault_kinds {
    (
        $(#[$meta:meta])*
        pub enum $kinds:ident {
            $($kind:ident: $key:literal, $name:literal, $says:literal => { $($row:tt)* })*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $kinds {
            $(#[doc = $says] $kind,)*
        }

        impl $kinds {
            /// Every kind, in the table's order.
            pub const ALL: &'static [$kinds] = &[$($kinds::$kind),*];

            /// What the table says of it.
            pub const fn row(self) -> &'static $crate::FaultRow {
                match self {
                    $($kinds::$kind => const {
                        &$crate::FaultRow {
                            key: $key,
                            name: $name,
                            says: $says,
                            $($row)*
                            ..$crate::FaultRow::USUAL
                        }
                    },)*
                }
            }

            /// The key in scenario files.
            pub const fn key(self) -> &'static str {
                self.row().key
            }

            /// The name in stories, reports, counters and lists.
            pub const fn name(self) -> &'static str {
                self.row().name
            }

            /// What it means, in half a sentence.
            pub const fn says(self) -> &'static str {
                self.row().says
            }

            /// The kind that scenario files call by this key.
            pub fn of_key(key: &str) -> ::core::option::Option<$kinds> {
                $kinds::ALL.iter().copied().find(|kind| kind.key() == key)
            }
        }

        impl ::core::fmt::Display for $kinds {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                formatter.write_str(self.name())
            }
        }
    };
}
