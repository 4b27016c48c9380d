//! The small values of a scenario file: lengths of time, offsets, and a value with its place in the
//! file.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, written as `250ms`, `3s`, `2m` or `1h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Length(pub Duration);

/// How far a clock is off: a [`Length`] with a sign, such as `-3s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Offset {
    /// Whether the clock shows too little.
    pub behind: bool,
    /// By how much it is off.
    pub length: Length,
}

/// A value and where it stands in its file; the place does not take part in comparisons.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// What is written there.
    pub value: T,
    /// Where it is written, in bytes from the file's beginning.
    pub place: Range<usize>,
}

impl Length {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Length {
        Length(Duration::from_secs(seconds))
    }

    /// So many milliseconds.
    pub const fn milliseconds(milliseconds: u64) -> Length {
        Length(Duration::from_millis(milliseconds))
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Length, String> {
        let expected = || {
            format!(
                "{text:?} is no length of time: expected such as \"250ms\", \"3s\", \"2m\" or \"1h\""
            )
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| expected())?;
        let micros = match unit {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            _ => return Err(expected()),
        };
        // A year is far more than any run, and far less than what overflows anywhere.
        match number.checked_mul(micros) {
            Some(micros) if micros <= 31_536_000_000_000 => {
                Ok(Length(Duration::from_micros(micros)))
            }
            _ => Err(expected()),
        }
    }
}

/// The largest unit that leaves no remainder.
impl fmt::Display for Length {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        let units = [(3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")];
        match units.iter().find(|(size, _)| micros != 0 && micros.is_multiple_of(*size)) {
            Some((size, unit)) => write!(formatter, "{}{unit}", micros / size),
            None if micros == 0 => formatter.write_str("0s"),
            None => write!(formatter, "{micros}us"),
        }
    }
}

impl FromStr for Offset {
    type Err = String;

    fn from_str(text: &str) -> Result<Offset, String> {
        let (behind, length) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        Ok(Offset { behind, length: length.parse()? })
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", if self.behind { "-" } else { "" }, self.length)
    }
}

macro_rules! texts {
    ($($name:ident, $pattern:literal, $says:literal;)*) => {$(
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<$name, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $says })
            }
        }
    )*};
}

texts! {
    Length, "^[0-9]+(us|ms|s|m|h)$", "A length of time, such as 250ms, 3s, 2m or 1h.";
    Offset, "^[+-]?[0-9]+(us|ms|s|m|h)$", "How far a clock is off, such as -3s.";
}

/// Plain data has no place.
impl<T> From<T> for At<T> {
    fn from(value: T) -> At<T> {
        At { value, place: 0..0 }
    }
}

impl<T: Default> Default for At<T> {
    fn default() -> At<T> {
        At::from(T::default())
    }
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &At<T>) -> bool {
        self.value == other.value
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<At<T>, D::Error> {
        let spanned = toml::Spanned::<T>::deserialize(deserializer)?;
        let place = spanned.span();
        Ok(At { value: spanned.into_inner(), place })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_they_are_written() {
        for text in ["0s", "250us", "250ms", "3s", "90s", "2m", "1h"] {
            let length: Length = text.parse().expect("well formed");
            assert_eq!(length.to_string().parse(), Ok(length));
        }
        assert_eq!(Length::seconds(120).to_string(), "2m");
        for bad in ["", "3", "s", "-3s", "3 s", "1d", "99999999999h"] {
            assert!(bad.parse::<Length>().is_err(), "{bad}");
        }
        let behind: Offset = "-3s".parse().expect("well formed");
        assert_eq!(behind.to_string(), "-3s");
    }
}
