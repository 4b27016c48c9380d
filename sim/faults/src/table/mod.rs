//! A fault as it is written: a `[[fault]]` table of a scenario file.
//!
//! Its keys come from tables of kinds, the generic one and the one that a system brings, so that
//! reading, writing and the JSON Schema know no kind by name. What a kind needs to be told, and what
//! there is to aim at, is checked in `check.rs`, `links.rs` and `timing.rs`.

mod check;
mod links;
mod timing;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::mistake::{Mistake, Source, one_of};
use crate::units::{At, Length};
use crate::{FaultKind, FaultRow};
pub use check::{Checked, Checker};

/// The kinds of fault that a system can suffer besides the generic ones, such as those of its people.
pub trait OwnKinds: Sized + 'static {
    /// Its table.
    fn rows() -> Vec<&'static FaultRow>;

    /// Keys with a length of time that only its own kinds are told, and what each means.
    const LENGTHS: &'static [(&'static str, &'static str)];
}

/// For a system that suffers nothing but the generic kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoOwnKinds {}

impl OwnKinds for NoOwnKinds {
    fn rows() -> Vec<&'static FaultRow> {
        Vec::new()
    }

    const LENGTHS: &'static [(&'static str, &'static str)] = &[];
}

/// Every kind of fault that can be written, in the order in which a swarm draws them.
pub fn rows<K: OwnKinds>() -> Vec<&'static FaultRow> {
    let generic = FaultKind::ALL.iter().map(|kind| kind.row());
    let mut rows: Vec<_> = generic.chain(K::rows()).collect();
    rows.sort_by_key(|row| row.generation);
    rows
}

/// One thing that goes wrong: a kind with its target, and when.
pub struct FaultTable<K> {
    /// The kinds that are written, each with its target; exactly one in a fault that can happen.
    pub kinds: Vec<(&'static FaultRow, At<String>)>,
    /// Once, at this time.
    pub at: Option<At<Length>>,
    /// From this time; the start, unless said otherwise.
    pub from: Option<At<Length>>,
    /// Until this time.
    pub until: Option<At<Length>>,
    /// At this moment, or at this status.
    pub when: Option<At<String>>,
    /// Which pass of the moment, from 1.
    pub nth: Option<At<u32>>,
    /// How many operations it hits.
    pub times: Option<At<u32>>,
    /// Back after this time.
    pub restart: Option<At<Length>>,
    /// For this long; written as `for`.
    pub lasting: Option<At<Length>>,
    /// By this much.
    pub by: Option<At<Length>>,
    /// Only this operation.
    pub of: Option<At<String>>,
    /// This much later than `when`.
    pub after: Option<At<Length>>,
    /// The system's own lengths, in the order of [`OwnKinds::LENGTHS`].
    pub own: Vec<Option<At<Length>>>,
    system: PhantomData<K>,
}

/// The keys that say more of a fault, in the order in which they are written, and what they mean.
const DETAILS: [(&str, &str); 11] = [
    ("at", "Once, at this time."),
    ("from", "From this time; the start, unless said otherwise."),
    ("until", "Until this time."),
    (
        "when",
        "At this moment, such as `after commit of <noun> <STATE>`; for the system's own faults, at \
         this status.",
    ),
    ("nth", "Which pass of the moment (from 1) it waits for."),
    ("times", "How many operations it hits; 1, unless said otherwise."),
    ("restart", "Back after this time."),
    ("for", "For this long."),
    ("by", "By this much."),
    ("of", "Only this operation."),
    ("after", "This much later than `when`."),
];

impl<K: OwnKinds> FaultTable<K> {
    /// A fault of this kind, aimed at `target`, of which nothing more is told.
    pub fn aimed(row: &'static FaultRow, target: impl Into<String>) -> FaultTable<K> {
        let kinds = vec![(row, At::from(target.into()))];
        FaultTable { kinds, ..FaultTable::default() }
    }

    /// The target, if it is of this kind.
    pub fn target_of(&self, row: &FaultRow) -> Option<&At<String>> {
        let mut kinds = self.kinds.iter();
        kinds.find(|(kind, _)| kind.key == row.key).map(|(_, target)| target)
    }

    /// The target, whatever the kind.
    pub fn target_mut(&mut self) -> Option<&mut At<String>> {
        self.kinds.first_mut().map(|(_, target)| target)
    }

    /// A length of the system's own.
    ///
    /// # Panics
    /// If its faults are told no such length.
    pub fn own(&self, key: &str) -> &Option<At<Length>> {
        &self.own[own_place::<K>(key)]
    }

    /// A length of the system's own, to be told.
    ///
    /// # Panics
    /// If its faults are told no such length.
    pub fn own_mut(&mut self, key: &str) -> &mut Option<At<Length>> {
        &mut self.own[own_place::<K>(key)]
    }

    /// Its numbers: `nth` and `times`.
    pub fn numbers_mut(&mut self) -> [&mut Option<At<u32>>; 2] {
        [&mut self.nth, &mut self.times]
    }

    /// Its lengths of time, the system's own last.
    pub fn lengths_mut(&mut self) -> Vec<&mut Option<At<Length>>> {
        let told = [&mut self.at, &mut self.from, &mut self.until, &mut self.restart];
        let told = told.into_iter().chain([&mut self.lasting, &mut self.by, &mut self.after]);
        told.chain(&mut self.own).collect()
    }

    /// The one kind that is written, and its target.
    pub(super) fn kind(
        &self,
        source: Source<'_>,
        place: &Range<usize>,
    ) -> Result<(&'static FaultRow, &At<String>), Mistake> {
        match self.kinds.as_slice() {
            [(row, target)] => Ok((row, target)),
            [] => {
                let all = one_of(rows::<K>().iter().map(|row| row.key));
                let what = format!("a fault without a kind: expected exactly one of {all}");
                Err(source.mistake(place, what))
            }
            [(first, _), (second, target), ..] => Err(source.mistake(
                &target.place,
                format!(
                    "a fault with the kinds `{}` and `{}`: expected exactly one",
                    first.key, second.key
                ),
            )),
        }
    }

    /// Every key that says more of a fault, and where it is written.
    pub(super) fn written(&self) -> Vec<(&'static str, Option<&Range<usize>>)> {
        let mut written = vec![
            ("at", self.at.as_ref().map(|it| &it.place)),
            ("from", self.from.as_ref().map(|it| &it.place)),
            ("until", self.until.as_ref().map(|it| &it.place)),
            ("when", self.when.as_ref().map(|it| &it.place)),
            ("nth", self.nth.as_ref().map(|it| &it.place)),
            ("times", self.times.as_ref().map(|it| &it.place)),
            ("restart", self.restart.as_ref().map(|it| &it.place)),
            ("for", self.lasting.as_ref().map(|it| &it.place)),
            ("by", self.by.as_ref().map(|it| &it.place)),
            ("of", self.of.as_ref().map(|it| &it.place)),
            ("after", self.after.as_ref().map(|it| &it.place)),
        ];
        let own = K::LENGTHS.iter().zip(&self.own);
        written.extend(own.map(|((key, _), own)| (*key, own.as_ref().map(|it| &it.place))));
        written
    }
}

fn own_place<K: OwnKinds>(key: &str) -> usize {
    let place = K::LENGTHS.iter().position(|(own, _)| *own == key);
    place.unwrap_or_else(|| panic!("{key} is no length that this system's faults are told"))
}

impl<K: OwnKinds> Default for FaultTable<K> {
    fn default() -> FaultTable<K> {
        FaultTable {
            kinds: Vec::new(),
            at: None,
            from: None,
            until: None,
            when: None,
            nth: None,
            times: None,
            restart: None,
            lasting: None,
            by: None,
            of: None,
            after: None,
            own: vec![None; K::LENGTHS.len()],
            system: PhantomData,
        }
    }
}

impl<K> Clone for FaultTable<K> {
    fn clone(&self) -> FaultTable<K> {
        FaultTable {
            kinds: self.kinds.clone(),
            at: self.at.clone(),
            from: self.from.clone(),
            until: self.until.clone(),
            when: self.when.clone(),
            nth: self.nth.clone(),
            times: self.times.clone(),
            restart: self.restart.clone(),
            lasting: self.lasting.clone(),
            by: self.by.clone(),
            of: self.of.clone(),
            after: self.after.clone(),
            own: self.own.clone(),
            system: PhantomData,
        }
    }
}

/// As it would be written.
impl<K: OwnKinds> fmt::Debug for FaultTable<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&toml::to_string(self).map_err(|_| fmt::Error)?.replace('\n', " "))
    }
}

impl<K: OwnKinds> PartialEq for FaultTable<K> {
    fn eq(&self, other: &FaultTable<K>) -> bool {
        let kinds = |it: &FaultTable<K>| -> Vec<(&'static str, String)> {
            it.kinds.iter().map(|(row, target)| (row.key, target.value.clone())).collect()
        };
        kinds(self) == kinds(other)
            && (&self.at, &self.from, &self.until) == (&other.at, &other.from, &other.until)
            && (&self.when, &self.nth, &self.times) == (&other.when, &other.nth, &other.times)
            && (&self.restart, &self.lasting, &self.by)
                == (&other.restart, &other.lasting, &other.by)
            && (&self.of, &self.after, &self.own) == (&other.of, &other.after, &other.own)
    }
}

impl<K: OwnKinds> Serialize for FaultTable<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (row, target) in &self.kinds {
            map.serialize_entry(row.key, target)?;
        }
        macro_rules! entries {
            ($($key:literal: $value:expr),* $(,)?) => {
                $(if let Some(value) = &$value {
                    map.serialize_entry($key, value)?;
                })*
            };
        }
        entries! {
            "at": self.at, "from": self.from, "until": self.until, "when": self.when,
            "nth": self.nth, "times": self.times, "restart": self.restart, "for": self.lasting,
            "by": self.by, "of": self.of, "after": self.after,
        }
        for ((key, _), value) in K::LENGTHS.iter().zip(&self.own) {
            if let Some(value) = value {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}

/// A key of the table.
enum Key {
    Kind(&'static FaultRow),
    Detail(&'static str),
}

/// Reads a key, or says which there are.
struct KeyOf<K>(Key, PhantomData<K>);

impl<'de, K: OwnKinds> Deserialize<'de> for KeyOf<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeyOf<K>, D::Error> {
        struct KeyReader<K>(PhantomData<K>);
        impl<K: OwnKinds> Visitor<'_> for KeyReader<K> {
            type Value = KeyOf<K>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key of a fault")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<KeyOf<K>, E> {
                let rows = rows::<K>();
                if let Some(row) = rows.iter().find(|row| row.key == text) {
                    return Ok(KeyOf(Key::Kind(row), PhantomData));
                }
                let details = || DETAILS.iter().chain(K::LENGTHS).map(|(key, _)| *key);
                if let Some(key) = details().find(|key| *key == text) {
                    return Ok(KeyOf(Key::Detail(key), PhantomData));
                }
                let known = rows.iter().map(|row| row.key).chain(details());
                let known: Vec<_> = known.map(|key| format!("`{key}`")).collect();
                let known = known.join(", ");
                Err(E::custom(format!("unknown field `{text}`, expected one of {known}")))
            }
        }
        deserializer.deserialize_identifier(KeyReader(PhantomData))
    }
}

impl<'de, K: OwnKinds> Deserialize<'de> for FaultTable<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FaultTable<K>, D::Error> {
        struct TableReader<K>(PhantomData<K>);
        impl<'de, K: OwnKinds> Visitor<'de> for TableReader<K> {
            type Value = FaultTable<K>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a fault")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FaultTable<K>, A::Error> {
                let mut table = FaultTable::default();
                while let Some(KeyOf(key, _)) = map.next_key::<KeyOf<K>>()? {
                    match key {
                        Key::Kind(row) => table.kinds.push((row, map.next_value()?)),
                        Key::Detail("at") => table.at = Some(map.next_value()?),
                        Key::Detail("from") => table.from = Some(map.next_value()?),
                        Key::Detail("until") => table.until = Some(map.next_value()?),
                        Key::Detail("when") => table.when = Some(map.next_value()?),
                        Key::Detail("nth") => table.nth = Some(map.next_value()?),
                        Key::Detail("times") => table.times = Some(map.next_value()?),
                        Key::Detail("restart") => table.restart = Some(map.next_value()?),
                        Key::Detail("for") => table.lasting = Some(map.next_value()?),
                        Key::Detail("by") => table.by = Some(map.next_value()?),
                        Key::Detail("of") => table.of = Some(map.next_value()?),
                        Key::Detail("after") => table.after = Some(map.next_value()?),
                        Key::Detail(own) => *table.own_mut(own) = Some(map.next_value()?),
                    }
                }
                // As the tables have them, however they are written.
                let order = rows::<K>();
                let place = |row: &FaultRow| order.iter().position(|it| it.key == row.key);
                table.kinds.sort_by_key(|(row, _)| place(row));
                Ok(table)
            }
        }
        deserializer.deserialize_map(TableReader(PhantomData))
    }
}

impl<K: OwnKinds> JsonSchema for FaultTable<K> {
    fn schema_name() -> Cow<'static, str> {
        "FaultTable".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = serde_json::Map::new();
        let mut add = |key: &str, says: String, mut schema: Schema| {
            schema.insert("description".into(), says.into());
            properties.insert(key.to_owned(), schema.into());
        };
        for row in rows::<K>() {
            let says = format!("{}: {}", row.target.written(), row.says);
            add(row.key, says, generator.subschema_for::<String>());
        }
        for (key, says) in DETAILS.iter().chain(K::LENGTHS) {
            let schema = match *key {
                "when" | "of" => generator.subschema_for::<String>(),
                "nth" | "times" => generator.subschema_for::<u32>(),
                _ => generator.subschema_for::<Length>(),
            };
            add(key, (*says).to_owned(), schema);
        }
        let schema = serde_json::json!({
            "description": "One thing that goes wrong: exactly one kind with its target, and when.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        Schema::try_from(schema).expect("an object is a schema")
    }
}
