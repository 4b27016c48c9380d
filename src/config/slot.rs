//! One setting's place in the configuration: how its text is read, checked and shown.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{LogFormat, Secret};

/// A mutable view of one value. All are written as text; files may write numbers and lists plainly.
pub(super) enum Slot<'a> {
    Text(&'a mut String),
    /// A text, or nothing: the setting's row says what that means.
    OptionalText(&'a mut String),
    /// Any text; never shown.
    Secret(&'a mut Secret),
    /// Bytes of a text; never shown.
    Key(&'a mut Vec<u8>),
    /// `250ms`, `20s`, `2m`, `1h`.
    Length(&'a mut Duration),
    /// Empty: none.
    Address(&'a mut Option<SocketAddr>),
    /// URLs, with commas between them.
    Urls(&'a mut Vec<String>),
    Format(&'a mut LogFormat),
    Level(&'a mut tracing::Level),
    Count(Number<'a>, RangeInclusive<i64>),
}

/// Whole numbers of the widths that settings have.
pub(super) enum Number<'a> {
    I64(&'a mut i64),
    U64(&'a mut u64),
    U32(&'a mut u32),
    U16(&'a mut u16),
    Usize(&'a mut usize),
}

impl Slot<'_> {
    /// Writes the value that `text` says.
    ///
    /// # Errors
    /// What was expected instead; nothing is written.
    pub fn set(&mut self, text: &str) -> Result<(), String> {
        match self {
            Slot::Text(_) if text.is_empty() => return Err("expected a text of one line".into()),
            Slot::Text(value) | Slot::OptionalText(value) => {
                if text.chars().any(char::is_control) {
                    return Err("expected a text of one line".into());
                }
                **value = text.to_owned();
            }
            Slot::Secret(value) => **value = text.into(),
            Slot::Key(value) => **value = text.as_bytes().to_vec(),
            Slot::Length(value) => **value = length(text)?,
            Slot::Address(value) if text.is_empty() => **value = None,
            Slot::Address(value) => {
                let address = text.parse();
                let expected = |_| format!("{text:?}: expected an address such as 127.0.0.1:8080");
                **value = Some(address.map_err(expected)?);
            }
            Slot::Urls(value) => **value = urls(text)?,
            Slot::Format(value) => {
                **value = match text {
                    "text" => LogFormat::Text,
                    "json" => LogFormat::Json,
                    _ => return Err(format!("{text:?}: expected text or json")),
                };
            }
            Slot::Level(value) => {
                let expected = || format!("{text:?}: expected error, warn, info, debug or trace");
                // The parser would take digits too.
                let word = text.bytes().all(|byte| byte.is_ascii_lowercase());
                **value =
                    text.parse().ok().filter(|_| word && !text.is_empty()).ok_or_else(expected)?;
            }
            Slot::Count(number, range) => {
                let (low, high) = (*range.start(), *range.end());
                let value = text.parse().ok().filter(|value| range.contains(value));
                let expected = || format!("{text:?}: expected a whole number, {low} to {high}");
                number.set(value.ok_or_else(expected)?);
            }
        }
        Ok(())
    }

    /// The value as text; `None` for secrets.
    pub fn show(&self) -> Option<String> {
        Some(match self {
            Slot::Secret(_) | Slot::Key(_) => return None,
            Slot::Text(value) | Slot::OptionalText(value) => value.to_string(),
            Slot::Length(value) => show_length(**value),
            Slot::Address(value) => value.map(|value| value.to_string()).unwrap_or_default(),
            Slot::Urls(value) => value.join(","),
            Slot::Format(LogFormat::Text) => "text".into(),
            Slot::Format(LogFormat::Json) => "json".into(),
            Slot::Level(value) => value.as_str().to_lowercase(),
            Slot::Count(number, _) => number.get().to_string(),
        })
    }

    /// Whether a file writes it without quotation marks.
    pub fn is_number(&self) -> bool {
        matches!(self, Slot::Count(..))
    }
}

impl Number<'_> {
    fn set(&mut self, value: i64) {
        let fits = "the row's range fits its type";
        match self {
            Number::I64(number) => **number = value,
            Number::U64(number) => **number = value.try_into().expect(fits),
            Number::U32(number) => **number = value.try_into().expect(fits),
            Number::U16(number) => **number = value.try_into().expect(fits),
            Number::Usize(number) => **number = value.try_into().expect(fits),
        }
    }

    fn get(&self) -> i64 {
        let fits = "settings are far smaller";
        match self {
            Number::I64(number) => **number,
            Number::U64(number) => (**number).try_into().expect(fits),
            Number::U32(number) => (**number).into(),
            Number::U16(number) => (**number).into(),
            Number::Usize(number) => (**number).try_into().expect(fits),
        }
    }
}

/// More than any wait of the shop, and far from overflowing anything.
const LENGTH_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// `250ms`, `20s`, `2m`, `1h`.
///
/// # Errors
/// In words, what was expected.
pub fn length(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let millis = number.parse::<u64>().ok().zip(unit).and_then(|(n, (_, ms))| n.checked_mul(*ms));
    let length = millis.map(Duration::from_millis);
    length.filter(|length| !length.is_zero() && *length <= LENGTH_MAX).ok_or_else(|| {
        format!("{text:?}: expected a length of time such as 250ms, 20s, 2m or 1h, up to a year")
    })
}

/// In the largest unit that leaves no remainder.
fn show_length(length: Duration) -> String {
    let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let fits = UNITS.iter().find(|(_, unit)| millis.is_multiple_of(*unit));
    let (name, unit) = fits.expect("every number is a multiple of one");
    format!("{}{name}", millis / unit)
}

fn urls(text: &str) -> Result<Vec<String>, String> {
    let urls: Vec<String> = text.split(',').map(|url| url.trim().to_owned()).collect();
    let is_base = |url: &String| {
        let uri = url.parse::<http::Uri>();
        uri.is_ok_and(|uri| {
            uri.scheme_str().is_some_and(|scheme| scheme == "http" || scheme == "https")
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.query().is_none()
        })
    };
    match urls.iter().all(is_base) {
        true => Ok(urls),
        false => Err(format!("{text:?}: expected URLs such as http://10.0.0.7:8082, with commas")),
    }
}
