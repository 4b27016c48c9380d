//! Tokens: who calls, and what for (RFC 7519, HS256 only).
//!
//! Customers' tokens and services' tokens have secrets and audiences of their own, so that neither
//! opens the other's doors. Expiry is judged by the clock port, not by the library's clock.

use http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use stormproof_ports::time::Time;

use crate::context::Context;
use crate::error::{Error, Kind};
use crate::id::UserId;

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
    let auth = &context.settings.auth;
    sign(context, &auth.customer_secret, SHOP, user.as_str(), name, role)
}

/// A token for a call to `service`; `scope` names what the call may do there.
pub fn for_service(context: &Context, caller: &str, service: &str, scope: &str) -> String {
    sign(context, &context.settings.auth.service_secret, service, caller, "", scope)
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

fn sign(
    context: &Context,
    secret: &[u8],
    audience: &str,
    subject: &str,
    name: &str,
    scope: &str,
) -> String {
    let now = context.ports.clock.now();
    let claims = Claims {
        iss: context.settings.auth.issuer.clone(),
        aud: audience.to_owned(),
        sub: subject.to_owned(),
        name: name.to_owned(),
        scope: scope.to_owned(),
        iat: now.seconds(),
        exp: (now + context.settings.auth.token_lifetime).seconds(),
    };
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret))
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
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&[audience]);
    rules.set_issuer(&[&context.settings.auth.issuer]);
    rules.validate_exp = false;
    let claims = decode::<Claims>(bearer, &DecodingKey::from_secret(secret), &rules)
        .map_err(|_| refuse("the token is not valid here"))?
        .claims;
    match Time(claims.exp.saturating_mul(1_000_000)) + context.settings.auth.leeway {
        end if end < context.ports.clock.now() => {
            Err(refuse("the token has expired; log in again"))
        }
        _ => Ok(claims),
    }
}
