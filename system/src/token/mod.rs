//! Tokens: who calls, and what for (RFC 7519, HS256 only).
//!
//! Customers' tokens and services' tokens have secrets and audiences of their own, so that neither
//! opens the other's doors. Expiry is judged by the clock port, not by the library's clock.
//!
//! A replica checks the signature of a token once (`known`), and signs what a caller says of itself
//! once a second (`signed`).

mod hs256;
mod known;
mod signed;
#[cfg(test)]
mod tests;

use http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use stormproof_ports::time::Time;

use crate::context::Context;
use crate::error::{Error, Kind};
use crate::id::UserId;

pub(crate) use known::KnownTokens;
pub(crate) use signed::SignedTokens;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    /// The user's id, or the calling service's name.
    pub sub: String,
    /// The user's name, for display; empty for services.
    pub name: String,
    /// What it opens: a customer's role, or a service's scope.
    pub scope: String,
    pub iat: i64,
    pub exp: i64,
}

/// The audience of customers' tokens.
const SHOP: &str = "shop";

/// The scope of a customer's token, and that of the support team's.
pub const CUSTOMER: &str = "customer";
pub const SUPPORT: &str = "support";

/// A customer's token for a user who has just logged in.
pub fn for_user(context: &Context, user: &UserId, name: &str, role: &str) -> String {
    sign(&claims(context, SHOP, user.as_str(), name, role), &context.settings.auth.customer_secret)
}

/// A token for a call to `service`; `scope` names what the call may do there.
pub fn for_service(context: &Context, caller: &str, service: &str, scope: &str) -> String {
    let secret = &context.settings.auth.service_secret;
    context.signed_tokens.token(claims(context, service, caller, "", scope), secret, sign)
}

/// The user whose token `headers` carry.
pub fn user(context: &Context, headers: &HeaderMap) -> Result<Claims, Error> {
    read(context, headers, &context.settings.auth.customer_secret, SHOP)
}

/// Checks that `headers` carry a token for `service` with `scope`.
pub fn service(
    context: &Context,
    headers: &HeaderMap,
    service: &str,
    scope: &str,
) -> Result<Claims, Error> {
    let claims = read(context, headers, &context.settings.auth.service_secret, service)?;
    if claims.scope != scope {
        return Err(Error::rejected(Kind::Forbidden, format!("expected the scope {scope:?}")));
    }
    Ok(claims)
}

/// What is claimed from now on.
fn claims(context: &Context, audience: &str, subject: &str, name: &str, scope: &str) -> Claims {
    let now = context.ports.clock.now();
    Claims {
        iss: context.settings.auth.issuer.clone(),
        aud: audience.to_owned(),
        sub: subject.to_owned(),
        name: name.to_owned(),
        scope: scope.to_owned(),
        iat: now.seconds(),
        exp: (now + context.settings.auth.token_lifetime).seconds(),
    }
}

fn sign(claims: &Claims, secret: &[u8]) -> String {
    hs256::install();
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret))
        .expect("claims are plain strings and numbers")
}

fn read(
    context: &Context,
    headers: &HeaderMap,
    secret: &[u8],
    audience: &str,
) -> Result<Claims, Error> {
    let refuse = |detail: &str| Error::rejected(Kind::Unauthorized, detail);
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| refuse("expected the header Authorization: Bearer <token>"))?;
    let issuer = &context.settings.auth.issuer;
    let claims = match context.known_tokens.claims(bearer, secret) {
        Some(claims) => Some(claims).filter(|it| it.aud == audience && it.iss == *issuer),
        None => {
            let read = verified(bearer, secret, audience, issuer);
            if let Some(claims) = &read {
                context.known_tokens.remember(bearer, secret, claims);
            }
            read
        }
    };
    let claims = claims.ok_or_else(|| refuse("the token is not valid here"))?;
    match Time(claims.exp.saturating_mul(1_000_000)) + context.settings.auth.leeway {
        end if end < context.ports.clock.now() => {
            Err(refuse("the token has expired; log in again"))
        }
        _ => Ok(claims),
    }
}

/// What a token says, if it is signed with `secret` and says whom it is for and by; when it ends is not
/// asked here.
fn verified(token: &str, secret: &[u8], audience: &str, issuer: &str) -> Option<Claims> {
    hs256::install();
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&[audience]);
    rules.set_issuer(&[issuer]);
    rules.validate_exp = false;
    let read = decode::<Claims>(token, &DecodingKey::from_secret(secret), &rules).ok()?;
    Some(read.claims)
}
