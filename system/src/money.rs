//! Money: whole minor units of one currency, with checked arithmetic.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// An amount in minor units (cents). Two currencies never add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// An ISO 4217 alphabetic code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[A-Z]{3}$"))]
pub struct Currency([u8; 3]);

impl Money {
    pub fn new(minor: i64, currency: Currency) -> Money {
        Money { minor, currency }
    }

    /// The sum, or why there is none: another currency, or beyond 64 bits.
    pub fn plus(self, other: Money) -> Result<Money, Error> {
        if self.currency != other.currency {
            return Err(Error::invalid(format!(
                "amounts in {} and {} cannot be added",
                self.currency, other.currency
            )));
        }
        self.minor
            .checked_add(other.minor)
            .map(|minor| Money { minor, ..self })
            .ok_or_else(|| Error::invalid("the amount is too large"))
    }

    /// `quantity` times this amount.
    pub fn times(self, quantity: i64) -> Result<Money, Error> {
        self.minor
            .checked_mul(quantity)
            .map(|minor| Money { minor, ..self })
            .ok_or_else(|| Error::invalid("the amount is too large"))
    }
}

/// `42.00`; the currency is left to the reader's context.
impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        write!(formatter, "{sign}{}.{:02}", minor / 100, minor % 100)
    }
}

impl Currency {
    pub const AUD: Currency = Currency(*b"AUD");

    pub fn parse(code: &str) -> Result<Currency, Error> {
        match code.as_bytes() {
            [a, b, c] if code.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                Ok(Currency([*a, *b, *c]))
            }
            _ => Err(Error::invalid(format!(
                "currency {code:?}: expected three capital letters (ISO 4217), such as AUD"
            ))),
        }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency is three ASCII capitals")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl TryFrom<String> for Currency {
    type Error = Error;

    fn try_from(code: String) -> Result<Currency, Error> {
        Currency::parse(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_checked() {
        let cent = Money::new(1, Currency::AUD);
        assert_eq!(cent.plus(cent).expect("small").minor, 2);
        assert!(Money::new(i64::MAX, Currency::AUD).plus(cent).is_err());
        assert!(Money::new(i64::MAX, Currency::AUD).times(2).is_err());
        let euro = Currency::parse("EUR").expect("well formed");
        assert!(cent.plus(Money::new(1, euro)).is_err());
        assert!(Currency::parse("eur").is_err());
    }

    #[test]
    fn amounts_read_as_prices() {
        assert_eq!(Money::new(4205, Currency::AUD).to_string(), "42.05");
        assert_eq!(Money::new(-5, Currency::AUD).to_string(), "-0.05");
    }
}
