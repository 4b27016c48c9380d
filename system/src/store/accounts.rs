//! Registering and logging in (`protocol.md` §8).
//!
//! A login does the same work, and gives the same answer, for an unknown name as for a wrong
//! password. Hashes are argon2id in PHC format, so that parameters may change over the years.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use scoped_futures::ScopedFutureExt;
use stormproof_messaging::transact;
use stormproof_ports::time::Time;

use super::dto::{LoggedIn, Login, Register, Registered};
use super::mapper::accounts::{self, User};
use crate::context::Context;
use crate::error::{Error, Kind};
use crate::id::{self, UserId};
use crate::settings::Auth;
use crate::token;

/// What accounts need besides the ports: how often who tried.
#[derive(Clone, Default)]
pub struct Accounts {
    attempts: Arc<Mutex<BTreeMap<String, Window>>>,
}

/// Logins since the window opened.
struct Window {
    opened: Time,
    logins: u32,
}

impl Accounts {
    /// Adds a customer.
    pub async fn register(
        &self,
        context: &Context,
        request: Register,
    ) -> Result<Registered, Error> {
        insert(context, request, token::CUSTOMER).await
    }

    /// Adds a member of the support team. No route leads here: only the host's operator appoints.
    pub async fn appoint(&self, context: &Context, request: Register) -> Result<Registered, Error> {
        insert(context, request, token::SUPPORT).await
    }

    /// Checks a password and issues a token. `address` is the client's, if the host knows it.
    pub async fn login(
        &self,
        context: &Context,
        request: Login,
        address: Option<&str>,
    ) -> Result<LoggedIn, Error> {
        self.limit(context, format!("user {}", request.username))?;
        if let Some(address) = address {
            self.limit(context, format!("address {address}"))?;
        }
        let username = &request.username;
        let user = match username.contains('\0') {
            // No database could be asked for it, and nobody has such a name.
            true => None,
            false => {
                transact(&context.ports, "find_user", move |transaction| {
                    accounts::by_name(transaction, username).scope_boxed()
                })
                .await?
            }
        };
        let stored = match &user {
            Some(user) => user.password_hash.clone(),
            None => nobodys(&context.settings.auth),
        };
        let matches = verify(context, request.password, stored).await;
        match user {
            Some(user) if matches => Ok(LoggedIn {
                token: token::for_user(context, &user.id, &user.username, &user.role),
                user_id: user.id.to_string(),
                expires_in: context.settings.auth.token_lifetime.as_secs(),
            }),
            _ => Err(Error::rejected(Kind::Unauthorized, "user name or password is wrong")),
        }
    }

    /// Counts an attempt by `who`; refuses beyond the limit until the window has passed.
    fn limit(&self, context: &Context, who: String) -> Result<(), Error> {
        let auth = &context.settings.auth;
        let now = context.ports.clock.now();
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() > 10_000 {
            attempts.retain(|_, window| now.since(window.opened) < auth.login_window);
        }
        let window = attempts.entry(who).or_insert(Window { opened: now, logins: 0 });
        if now.since(window.opened) >= auth.login_window || now < window.opened {
            *window = Window { opened: now, logins: 0 };
        }
        window.logins += 1;
        match window.logins > auth.logins_max {
            true => Err(Error::rejected(
                Kind::TooManyRequests,
                format!("expected at most {} logins in {:?}", auth.logins_max, auth.login_window),
            )),
            false => Ok(()),
        }
    }
}

async fn insert(context: &Context, request: Register, role: &str) -> Result<Registered, Error> {
    check(&request)?;
    let password_hash = hash(context, request.password).await;
    let user = User {
        id: UserId::parse(id::fresh(&context.ports))?,
        username: request.username,
        email: request.email,
        password_hash,
        role: role.to_owned(),
    };
    let user = &user;
    transact(&context.ports, "insert_user", move |transaction| {
        accounts::insert(transaction, user).scope_boxed()
    })
    .await?;
    Ok(Registered { user_id: user.id.to_string() })
}

fn check(request: &Register) -> Result<(), Error> {
    if !(3..=32).contains(&request.username.len()) || id::check("", &request.username).is_err() {
        return Err(Error::invalid("username: expected 3 to 32 letters, digits, '-', '_' or '.'"));
    }
    if !(8..=128).contains(&request.password.chars().count()) {
        return Err(Error::invalid("password: expected 8 to 128 characters"));
    }
    let (local, domain) = request.email.split_once('@').unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b',' | b'"');
    if local.is_empty()
        || domain.is_empty()
        || request.email.len() > 254
        || !request.email.bytes().all(plain)
    {
        return Err(Error::invalid("email: expected an address such as ann@example.com"));
    }
    Ok(())
}

fn argon2(auth: &Auth) -> Argon2<'static> {
    let params = Params::new(auth.hash_memory_kib, auth.hash_passes, auth.hash_lanes, None)
        .expect("a host checks the hash parameters when it reads them");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_with(auth: &Auth, password: &[u8], salt: [u8; 16]) -> String {
    let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
    let hash = argon2(auth).hash_password(password, &salt);
    hash.expect("argon2 takes any password of up to 2³² bytes").to_string()
}

/// A hash that no password is known to match, in today's parameters: checking a password against it
/// is the whole work of checking one against a user's. It is written down, not computed, so that an
/// unknown name costs no work that a known one does not.
fn nobodys(auth: &Auth) -> String {
    let Auth { hash_memory_kib: memory, hash_passes: passes, hash_lanes: lanes, .. } = auth;
    let (salt, hash) = ("A".repeat(22), "A".repeat(43));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}")
}

async fn hash(context: &Context, password: String) -> String {
    let mut salt = [0; 16];
    context.ports.rng.fill("salt", &mut salt);
    let settings = context.settings.clone();
    compute(context, move || hash_with(&settings.auth, password.as_bytes(), salt)).await
}

async fn verify(context: &Context, password: String, stored: String) -> bool {
    let settings = context.settings.clone();
    compute(context, move || {
        PasswordHash::new(&stored).is_ok_and(|hash| {
            argon2(&settings.auth).verify_password(password.as_bytes(), &hash).is_ok()
        })
    })
    .await
}

/// Runs `job` where long computations may run.
async fn compute<T: Send + 'static>(
    context: &Context,
    job: impl FnOnce() -> T + Send + 'static,
) -> T {
    let result = Arc::new(Mutex::new(None));
    let slot = result.clone();
    let job = Box::new(move || {
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(job());
    });
    context.ports.compute.run(job).await;
    let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    value.expect("the port completes when the job has run")
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::Error::Password;

    use super::*;

    #[test]
    fn nobodys_hash_takes_the_whole_work_and_matches_nothing() {
        let auth = Auth { hash_memory_kib: 8, hash_passes: 1, ..Auth::default() };
        let (nobodys, somebodys) = (nobodys(&auth), hash_with(&auth, b"a password", [7; 16]));
        let [nobodys, somebodys] =
            [&nobodys, &somebodys].map(|text| PasswordHash::new(text).expect("PHC format"));
        assert_eq!(nobodys.algorithm, somebodys.algorithm);
        assert_eq!(nobodys.version, somebodys.version);
        assert_eq!(nobodys.params, somebodys.params);
        let length = |hash: &PasswordHash<'_>| hash.hash.map(|hash| hash.len());
        assert_eq!(length(&nobodys), length(&somebodys));
        // Not "cannot be checked", which would be quicker.
        let checked = argon2(&auth).verify_password(b"a password", &nobodys);
        assert_eq!(checked, Err(Password));
        assert_eq!(argon2(&auth).verify_password(b"a password", &somebodys), Ok(()));
    }
}
