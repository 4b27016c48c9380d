//! Values that nobody may read in a log, and what makes a secret too weak to be one.

use std::fmt;

use super::Mistake;

/// A text with a secret in it, such as a URL with a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// HS256 wants a key at least as long as its hash (RFC 7518 §3.2).
const BYTES_MIN: usize = 32;

/// Fewer different bytes than this are a pattern, not a secret.
const DISTINCT_MIN: usize = 8;

/// Words of secrets that were published with some example.
const PUBLISHED: [&str; 6] =
    ["seeded world", "changeme", "change-me", "change me", "stormproof", "0123456789abcdef01234"];

/// Refuses a secret that is missing, short, a pattern, or known to everybody. Says nothing of what
/// it is.
pub(super) fn check(key: &str, secret: &[u8]) -> Result<(), Mistake> {
    let refuse = |why: &str| {
        Err(Mistake(format!(
            "{key}: {why}; expected at least {BYTES_MIN} random bytes, such as `openssl rand -hex \
             32` prints"
        )))
    };
    if secret.is_empty() {
        return refuse("is not set");
    }
    if secret.len() < BYTES_MIN {
        return refuse(&format!("has {} bytes", secret.len()));
    }
    let distinct: std::collections::BTreeSet<&u8> = secret.iter().collect();
    if distinct.len() < DISTINCT_MIN {
        return refuse("is a pattern");
    }
    let text = String::from_utf8_lossy(secret).to_lowercase();
    if PUBLISHED.iter().any(|word| text.contains(word)) {
        return refuse("is known to everybody");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_secrets_are_refused_and_not_repeated() {
        let weak = [
            "",
            "short",
            "f7c3bc1d808e04732adf679965ccc34",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "customers' secret of the seeded world",
            "please-CHANGE-ME-please-change-me-please",
        ];
        for secret in weak {
            let mistake = check("auth.service_secret", secret.as_bytes()).expect_err(secret);
            assert!(mistake.0.starts_with("auth.service_secret: "), "{mistake}");
            assert!(secret.is_empty() || !mistake.0.contains(secret), "{mistake}");
        }
        let strong = "f7c3bc1d808e04732adf679965ccc34ca7ae3441";
        assert_eq!(check("auth.service_secret", strong.as_bytes()), Ok(()));
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::from("amqp://ada:hush@host")), "(secret)");
    }
}
