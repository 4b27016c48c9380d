//! The small values of the shop's scenario files: orders pointed at. Those that every system's files
//! have are handed on.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use stormproof_faults::units::{At, Length, Offset};

/// One of the orders that a customer has placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    First,
    Last,
    /// Counted from 1.
    Number(u32),
}

/// A customer's order: `customer-2/1` is the first order of the second customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderName {
    /// Counted from 1.
    pub customer: usize,
    /// Counted from 1.
    pub order: usize,
}

impl FromStr for OrderName {
    type Err = String;

    fn from_str(text: &str) -> Result<OrderName, String> {
        let parse = || {
            let (customer, order) = text.strip_prefix("customer-")?.split_once('/')?;
            let (customer, order) = (customer.parse().ok()?, order.parse().ok()?);
            (customer >= 1 && order >= 1).then_some(OrderName { customer, order })
        };
        parse().ok_or_else(|| {
            format!(
                "order {text:?}: expected such as \"customer-2/1\", the first order of customer-2"
            )
        })
    }
}

impl fmt::Display for OrderName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "customer-{}/{}", self.customer, self.order)
    }
}

impl Serialize for Which {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Which::First => serializer.serialize_str("first"),
            Which::Last => serializer.serialize_str("last"),
            Which::Number(number) => serializer.serialize_u32(*number),
        }
    }
}

impl<'de> Deserialize<'de> for Which {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Which, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Which;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("\"last\", \"first\" or the order's number from 1")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Which, E> {
                match text {
                    "first" => Ok(Which::First),
                    "last" => Ok(Which::Last),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Which, E> {
                match u32::try_from(number) {
                    Ok(number @ 1..) => Ok(Which::Number(number)),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
                }
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Which {
    fn schema_name() -> Cow<'static, str> {
        "Which".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One of the orders that this customer has placed.",
            "anyOf": [{ "enum": ["first", "last"] }, { "type": "integer", "minimum": 1 }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_named_by_their_customer() {
        let name: OrderName = "customer-2/1".parse().expect("well formed");
        assert_eq!((name.customer, name.order), (2, 1));
        for bad in ["customer-2", "customer-0/1", "order-1", "customer-1/x"] {
            assert!(bad.parse::<OrderName>().is_err(), "{bad}");
        }
    }
}
