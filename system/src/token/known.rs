//! Tokens whose signatures were found good, so that the signature of each is checked once.
//!
//! What is kept is what a signature proves and no more: that somebody who has the secret claims this. Whom a
//! token is for, who has issued it and when it ends is asked anew each time. A token is known by all of its
//! bytes, under the secret that it was checked with: another secret knows none of them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use super::Claims;

/// How many are known at most. What is forgotten is checked again.
const KNOWN_MAX: usize = 1_024;

/// What a replica knows.
#[derive(Default)]
pub(crate) struct KnownTokens {
    /// By a hash of the token, which finds it and proves nothing.
    tokens: Mutex<BTreeMap<u64, Known>>,
}

struct Known {
    token: Box<str>,
    secret: Box<[u8]>,
    claims: Claims,
}

impl KnownTokens {
    /// What the token claims, if it is known to be signed with `secret`.
    pub(crate) fn claims(&self, token: &str, secret: &[u8]) -> Option<Claims> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tokens.get(&hash_of(token))?;
        let is_it =
            are_equal(known.token.as_bytes(), token.as_bytes()) && are_equal(&known.secret, secret);
        is_it.then(|| known.claims.clone())
    }

    /// The token was found to be signed with `secret`.
    pub(crate) fn remember(&self, token: &str, secret: &[u8], claims: &Claims) {
        let (hash, claims) = (hash_of(token), claims.clone());
        let known = Known { token: token.into(), secret: secret.into(), claims };
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= KNOWN_MAX && !tokens.contains_key(&hash) {
            // Hashes are in no order that says anything of tokens: it is any of them.
            tokens.pop_first();
        }
        tokens.insert(hash, known);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn hash_of(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}

/// Takes as long wherever they differ first: how long a refusal took does not tell how much of a guess was
/// right.
fn are_equal(known: &[u8], given: &[u8]) -> bool {
    let differences =
        known.iter().zip(given).fold(0, |found, (known, given)| found | known ^ given);
    known.len() == given.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(subject: &str) -> Claims {
        let text = str::to_owned;
        let (iss, aud, sub) = (text("shop"), text("bank"), text(subject));
        Claims { iss, aud, sub, name: text(""), scope: text("teller"), iat: 1, exp: 2 }
    }

    #[test]
    fn a_token_is_known_by_all_of_its_bytes_and_the_secret() {
        let known = KnownTokens::default();
        known.remember("head.body.signature", b"secret", &claims("a"));
        assert_eq!(known.claims("head.body.signature", b"secret"), Some(claims("a")));
        for (token, secret) in [
            ("head.body.signaturE", "secret"),
            ("head.body.signature.", "secret"),
            ("head.body.signatur", "secret"),
            ("", "secret"),
            ("head.body.signature", "secreT"),
            ("head.body.signature", "secret of more"),
            ("head.body.signature", ""),
        ] {
            assert_eq!(known.claims(token, secret.as_bytes()), None, "{token:?}, {secret:?}");
        }
    }

    /// Two tokens of one hash are two tokens.
    #[test]
    fn a_hash_proves_nothing() {
        let known = KnownTokens::default();
        known.remember("one", b"secret", &claims("a"));
        let mut tokens = known.tokens.lock().unwrap();
        let (_, one) = tokens.pop_first().unwrap();
        tokens.insert(hash_of("another"), one);
        drop(tokens);
        assert_eq!(known.claims("another", b"secret"), None);
    }

    #[test]
    fn no_more_are_known_than_may_be() {
        let known = KnownTokens::default();
        for number in 0..3 * KNOWN_MAX {
            let token = format!("token {number}");
            known.remember(&token, b"secret", &claims(&token));
            assert_eq!(known.claims(&token, b"secret"), Some(claims(&token)));
        }
        assert_eq!(known.len(), KNOWN_MAX);
    }
}
