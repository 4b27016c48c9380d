//! Identifiers: parsed at the door, opaque further in.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use stormproof_ports::id::{earliest, fresh};

use crate::error::Error;

/// Checks what every identifier must be: 1 to 64 ASCII letters, digits, `-`, `_` or `.`.
pub fn check(what: &str, text: &str) -> Result<(), Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} {text:?}: expected 1 to 64 letters, digits, '-', '_' or '.'"
    )))
}

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(extend("pattern" = "^[A-Za-z0-9._-]{1,64}$"))]
        pub struct $name(String);

        impl $name {
            /// Parses an identifier that came from outside.
            pub fn parse(text: impl Into<String>) -> Result<$name, Error> {
                let text = text.into();
                check($what, &text)?;
                Ok($name(text))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<$name, Error> {
                $name::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    )*};
}

identifiers! {
    /// An order: the key of its reservation, its delivery and, with a verb before it, its money.
    OrderId, "order id";
    /// A customer or a member of the support team; also the owner of a bank account.
    UserId, "user id";
    /// A product.
    Sku, "sku";
    /// A warehouse, such as `sydney`.
    WarehouseId, "warehouse";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_pass_the_door() {
        assert!(OrderId::parse("0193-a_b.c").is_ok());
        for bad in ["", "a b", "a/b", "ü", &"x".repeat(65)] {
            assert!(Sku::parse(bad).is_err(), "{bad}");
        }
    }
}
