//! What a scenario is to whoever explores, whatever system it is of: something that can run, and the
//! plain data that it is written as.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::table::{FaultTable, OwnKinds};
use crate::units::At;

/// A scenario that can run.
pub trait Scenario: Clone + Send + Sync {
    /// The scenario as it is written.
    type Document: Document;

    /// The file's stem.
    fn name(&self) -> &str;

    /// What happens, in a sentence.
    fn about(&self) -> &str;

    /// The seed of a run for which none is given.
    fn seed(&self) -> u64;

    /// As it is written.
    fn document(&self) -> &Self::Document;

    /// The fault at this place of the document, in words: `crash bank at 3s (line 12)`.
    ///
    /// # Panics
    /// If the document has no such fault.
    fn asked_at(&self, place: usize) -> String;
}

/// A scenario as it is written: plain data, that can be changed and written again.
pub trait Document: Clone + PartialEq + Send + Sync + 'static {
    /// The kinds of fault that only its system can suffer.
    type Own: OwnKinds;

    /// The document as a file, its seed included.
    fn to_toml(&self) -> String;

    /// The seed of a run for which none is given.
    fn seed(&self) -> u64;

    /// The same under another seed.
    #[must_use]
    fn with_seed(&self, seed: u64) -> Self;

    /// The same with another sentence at its head.
    #[must_use]
    fn with_about(&self, about: String) -> Self;

    /// What goes wrong.
    fn faults(&self) -> &[At<FaultTable<Self::Own>>];

    /// The same with these faults instead, but for those among them that need one that is not.
    #[must_use]
    fn with_faults(&self, faults: Vec<At<FaultTable<Self::Own>>>) -> Self;

    /// What it holds, counted.
    fn size(&self) -> Size;
}

/// What a document holds, counted: a noun and a number, the faults first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Size(pub Vec<(String, usize)>);

impl Size {
    /// The number of one noun.
    pub fn of(&self, noun: &str) -> usize {
        self.0.iter().find(|(known, _)| known == noun).map_or(0, |(_, number)| *number)
    }
}

/// A table, its keys in the plural.
impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (noun, number) in &self.0 {
            map.serialize_entry(&format!("{noun}s"), number)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Size;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("numbers of faults and other things")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Size, A::Error> {
                let mut size = Size::default();
                while let Some((noun, number)) = map.next_entry::<String, usize>()? {
                    let noun = noun.strip_suffix('s').unwrap_or(&noun).to_owned();
                    size.0.push((noun, number));
                }
                Ok(size)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        let size = Size(vec![("fault".to_owned(), 1), ("step".to_owned(), 12)]);
        let text = serde_json::to_string(&size).expect("plain data");
        assert_eq!(text, r#"{"faults":1,"steps":12}"#);
        assert_eq!(serde_json::from_str::<Size>(&text).expect("well formed"), size);
        assert_eq!((size.of("step"), size.of("order")), (12, 0));
    }
}
