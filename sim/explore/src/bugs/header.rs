//! What a patch says of itself, before its diff: TOML, parsed strictly.

use serde::{Deserialize, Serialize};

use crate::entries::{Entry, Registries};
use stormproof_faults::mistake::{Mistake, Source, one_of};
use stormproof_faults::units::At;

/// The header of a patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// What a tired engineer did, in a sentence.
    pub about: String,
    /// What kind of mistake it is.
    pub class: Class,
    /// The name of the invariant that is expected to catch it.
    pub invariant: String,
    /// The faults without which it does no harm, by their names; empty: none.
    pub needs: Vec<String>,
    /// Who has told of such a mistake, if it is from the literature or from a post-mortem.
    pub source: Option<String>,
    /// So blatant that every seed must find it: a harness that does not is broken.
    pub canary: bool,
}

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// What is asked again is done again, or a key stands for something else.
    Key,
    /// What belongs together does not commit together.
    Transaction,
    /// What is unknown is taken for known.
    Outcome,
    /// What comes in another order is not expected.
    Order,
    /// What was looked at has changed before it is written.
    Race,
    /// A message is lost, or tells what is not so.
    Message,
    /// What was begun is not brought to an end.
    Recovery,
    /// What was committed is gone.
    Durability,
    /// Somebody reads what is not theirs.
    Privacy,
    /// An amount or a quantity is worked out wrongly, or taken from the wrong place.
    Value,
}

/// What a header may name.
pub struct Known<'a> {
    /// The invariants and the faults that there are.
    pub registries: &'a Registries,
    /// What a storm can bring that is no fault of a kind.
    pub circumstances: &'a [&'a str],
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    about: At<String>,
    class: Class,
    invariant: At<String>,
    needs: Vec<At<String>>,
    source: Option<At<String>>,
    #[serde(default)]
    canary: bool,
}

impl Class {
    /// In the order in which they are shown.
    pub const ALL: [Class; 10] = [
        Class::Key,
        Class::Transaction,
        Class::Outcome,
        Class::Order,
        Class::Race,
        Class::Message,
        Class::Recovery,
        Class::Durability,
        Class::Privacy,
        Class::Value,
    ];

    /// The word in headers and tables.
    pub fn word(self) -> &'static str {
        match self {
            Class::Key => "key",
            Class::Transaction => "transaction",
            Class::Outcome => "outcome",
            Class::Order => "order",
            Class::Race => "race",
            Class::Message => "message",
            Class::Recovery => "recovery",
            Class::Durability => "durability",
            Class::Privacy => "privacy",
            Class::Value => "value",
        }
    }
}

impl Header {
    /// Reads a header; `file` is named in mistakes.
    ///
    /// # Errors
    /// If it is not TOML, has unknown keys, or names what there is not.
    pub fn parse(file: &str, text: &str, all: &Known<'_>) -> Result<Header, Mistake> {
        let source = Source { file, text };
        let table: Table = toml::from_str(text)
            .map_err(|error| source.mistake(&error.span().unwrap_or(0..0), error.message()))?;
        for sentence in [Some(&table.about), table.source.as_ref()].into_iter().flatten() {
            let whole = sentence.value.ends_with('.') && sentence.value.contains(' ');
            if !whole {
                return Err(
                    source.mistake(&sentence.place, "expected a sentence with its full stop")
                );
            }
        }
        fn names(registry: &[Entry]) -> impl Iterator<Item = &str> + Clone {
            registry.iter().map(|entry| entry.name.as_str())
        }
        known(source, "invariant", &table.invariant, names(&all.registries.invariants))?;
        for need in &table.needs {
            let circumstances = all.circumstances.iter().copied();
            known(source, "fault", need, names(&all.registries.faults).chain(circumstances))?;
        }
        Ok(Header {
            about: table.about.value,
            class: table.class,
            invariant: table.invariant.value,
            needs: table.needs.into_iter().map(|need| need.value).collect(),
            source: table.source.map(|source| source.value),
            canary: table.canary,
        })
    }
}

fn known<'n>(
    source: Source<'_>,
    what: &str,
    name: &At<String>,
    mut names: impl Iterator<Item = &'n str> + Clone,
) -> Result<(), Mistake> {
    match names.clone().any(|known| known == name.value) {
        true => Ok(()),
        false => {
            let expected = one_of(names.by_ref());
            Err(source
                .mistake(&name.place, format!("{what} {:?}: expected {expected}", name.value)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "about     = \"A reply is not waited for.\"\n\
        class     = \"outcome\"\n\
        invariant = \"no money kept\"\n\
        needs     = [\"reply lost\", \"cancel\"]\n";

    fn parse(file: &str, text: &str) -> Result<Header, Mistake> {
        let entries = |names: &[&str]| names.iter().map(|name| Entry::new(*name, "")).collect();
        let registries = Registries {
            invariants: entries(&["money conserved", "no money kept"]),
            faults: entries(&["crash", "reply lost", "cancel"]),
            ..Registries::default()
        };
        let known = Known { registries: &registries, circumstances: &["skewed clock"] };
        Header::parse(file, text, &known)
    }

    #[test]
    fn a_header_is_read() {
        let header = parse("hasty.patch", GOOD).expect("well formed");
        assert_eq!(header.class, Class::Outcome);
        assert_eq!(header.needs, ["reply lost", "cancel"]);
        assert_eq!((header.source, header.canary), (None, false));
        let canary = format!("{GOOD}canary = true\n");
        assert!(parse("hasty.patch", &canary).expect("well formed").canary);
    }

    #[test]
    fn classes_are_written_as_they_are_read() {
        for class in Class::ALL {
            let text = GOOD.replace("outcome", class.word());
            assert_eq!(parse("x.patch", &text).expect("well formed").class, class);
        }
    }

    #[test]
    fn mistakes_are_answered_with_place_and_what_was_expected() {
        for (old, new, expected) in [
            ("about ", "abuot ", "hasty.patch:1:1: unknown field `abuot`, expected one of"),
            ("waited for.", "waited for", "hasty.patch:1:13: expected a sentence"),
            ("\"outcome\"", "\"guess\"", "hasty.patch:2:13: unknown variant `guess`, expected"),
            ("money kept", "money", "hasty.patch:3:13: invariant \"no money\": expected money con"),
            ("\"cancel\"", "\"meteor\"", "hasty.patch:4:28: fault \"meteor\": expected crash"),
            ("class     = \"outcome\"\n", "", "hasty.patch:1:1: missing field `class`"),
        ] {
            let text = GOOD.replace(old, new);
            let mistake = parse("hasty.patch", &text).expect_err("refused").to_string();
            assert!(mistake.starts_with(expected), "{mistake}");
        }
    }
}
