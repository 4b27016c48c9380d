//! The tokens that a replica has signed last for its calls: within a second they all say the same, and need
//! no second signature.

use std::sync::{Mutex, PoisonError};

use super::Claims;

/// How many are kept: one for each thing that a replica calls for, of which there are fewer.
const KEPT_MAX: usize = 16;

/// What a replica has signed.
#[derive(Default)]
pub(crate) struct SignedTokens {
    tokens: Mutex<Vec<Signed>>,
}

struct Signed {
    claims: Claims,
    secret: Box<[u8]>,
    token: String,
}

impl SignedTokens {
    /// The token that claims this, signed with `secret`.
    pub(crate) fn token(
        &self,
        claims: Claims,
        secret: &[u8],
        sign: impl FnOnce(&Claims, &[u8]) -> String,
    ) -> String {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let place = tokens.iter().position(|it| {
            let Claims { aud, sub, scope, .. } = &it.claims;
            (aud, sub, scope) == (&claims.aud, &claims.sub, &claims.scope)
        });
        if let Some(place) = place {
            let known = &tokens[place];
            if known.claims == claims && *known.secret == *secret {
                return known.token.clone();
            }
            tokens.swap_remove(place);
        } else if tokens.len() >= KEPT_MAX {
            tokens.swap_remove(0);
        }
        let token = sign(&claims, secret);
        tokens.push(Signed { claims, secret: secret.into(), token: token.clone() });
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_is_signed_once() {
        let claims = |subject: &str, iat| {
            let text = str::to_owned;
            let (iss, aud, sub) = (text("shop"), text("bank"), text(subject));
            Claims { iss, aud, sub, name: text(""), scope: text("teller"), iat, exp: iat + 60 }
        };
        let signed = SignedTokens::default();
        let times = std::cell::Cell::new(0);
        let ask = |claims: Claims, secret: &[u8]| {
            signed.token(claims, secret, |claims, secret| {
                times.set(times.get() + 1);
                format!("{} {} {}", claims.sub, claims.iat, secret.len())
            })
        };
        for (subject, iat, secret, told, count) in [
            ("a", 1, "one", "a 1 3", 1),
            ("a", 1, "one", "a 1 3", 1),
            ("b", 1, "one", "b 1 3", 2),
            ("a", 1, "one", "a 1 3", 2),
            ("a", 2, "one", "a 2 3", 3),
            ("a", 2, "other", "a 2 5", 4),
            ("b", 1, "one", "b 1 3", 4),
        ] {
            assert_eq!(ask(claims(subject, iat), secret.as_bytes()), told);
            assert_eq!(times.get(), count, "{told}");
        }
        for number in 0..100 {
            ask(claims(&format!("caller {number}"), 1), b"one");
        }
        assert_eq!(signed.tokens.lock().unwrap().len(), KEPT_MAX);
    }
}
