//! That a token is known opens nothing that it would not open otherwise.

use std::sync::Arc;

use futures::future::{BoxFuture, ready};
use http::{HeaderMap, HeaderValue, header};
use stormproof_ports::absent::Absent;
use stormproof_ports::hand_clock::HandClock;
use stormproof_ports::{Compute, Ports, Rng};

use super::*;
use crate::settings::Settings;

const NOBODY: Absent = Absent("tokens ask nobody");

struct Nothing;

impl Rng for Nothing {
    fn fill(&self, _: &'static str, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

impl Compute for Nothing {
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()> {
        job();
        Box::pin(ready(()))
    }
}

/// A replica whose clock is moved by hand.
fn replica(change: impl FnOnce(&mut Settings)) -> (Arc<HandClock>, Context) {
    let mut settings = Settings::default();
    settings.auth.customer_secret = b"the customers' secret of these tests".to_vec();
    settings.auth.service_secret = b"the services' secret of these tests".to_vec();
    change(&mut settings);
    let clock = Arc::new(HandClock::default());
    let ports = Ports {
        node: "bank-1".into(),
        clock: clock.clone(),
        rng: Arc::new(Nothing),
        http: Arc::new(NOBODY),
        queue: Arc::new(NOBODY),
        database: Arc::new(NOBODY),
        mailer: Arc::new(NOBODY),
        compute: Arc::new(Nothing),
        outgoing: Default::default(),
        transactions: Default::default(),
    };
    (clock, Context::new(ports, Arc::new(settings)))
}

fn bearing(token: &str) -> HeaderMap {
    let bearer = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(header::AUTHORIZATION, bearer)])
}

fn teller(context: &Context, token: &str) -> Result<Claims, Error> {
    service(context, &bearing(token), "bank", "teller")
}

#[test]
fn a_known_token_ends_when_it_says() {
    let (clock, context) = replica(|_| ());
    let token = for_service(&context, "store", "bank", "teller");
    let first = teller(&context, &token).unwrap();
    let auth = &context.settings.auth;
    let end = (auth.token_lifetime + auth.leeway).as_micros() as i64;
    for (at, opens) in [(0, true), (end, true), (end + 1, false), (end, true), (i64::MAX, false)] {
        clock.set(Time(at));
        assert_eq!(teller(&context, &token).is_ok(), opens, "at {at}");
    }
    clock.set(Time(1));
    assert_eq!(teller(&context, &token).unwrap(), first);
    assert_eq!(context.known_tokens.len(), 1);
}

#[test]
fn a_known_token_opens_no_other_door() {
    let (_, context) = replica(|_| ());
    let token = for_service(&context, "store", "bank", "teller");
    teller(&context, &token).unwrap();
    for (name, scope) in [("warehouse", "teller"), ("bank", "restock")] {
        service(&context, &bearing(&token), name, scope).unwrap_err();
    }
    user(&context, &bearing(&token)).unwrap_err();

    let customer = for_user(&context, &UserId::parse("ada").unwrap(), "ada", CUSTOMER);
    user(&context, &bearing(&customer)).unwrap();
    service(&context, &bearing(&customer), SHOP, CUSTOMER).unwrap_err();
}

#[test]
fn a_token_of_another_key_is_refused_though_its_like_is_known() {
    let (_, context) = replica(|_| ());
    let (_, other) = replica(|settings| settings.auth.service_secret[0] ^= 1);
    let (ours, theirs) = (
        for_service(&context, "store", "bank", "teller"),
        for_service(&other, "store", "bank", "teller"),
    );
    assert_ne!(ours, theirs);
    for _ in 0..2 {
        teller(&context, &ours).unwrap();
        teller(&context, &theirs).unwrap_err();
        // The same claims with a signature of theirs, and the other way round.
        let (claims, _) = ours.rsplit_once('.').unwrap();
        let (_, signature) = theirs.rsplit_once('.').unwrap();
        teller(&context, &format!("{claims}.{signature}")).unwrap_err();
    }
    assert_eq!(context.known_tokens.len(), 1, "nothing is known of what was refused");
}

#[test]
fn with_another_secret_or_issuer_nothing_is_known_any_more() {
    let (_, context) = replica(|_| ());
    let token = for_service(&context, "store", "bank", "teller");
    teller(&context, &token).unwrap();
    let changes: [fn(&mut Settings); 2] = [
        |settings| settings.auth.service_secret[0] ^= 1,
        |settings| settings.auth.issuer = "another shop".into(),
    ];
    for change in changes {
        let mut settings = Settings::clone(&context.settings);
        change(&mut settings);
        // With all that the replica has come to know.
        let changed = Context { settings: Arc::new(settings), ..context.clone() };
        teller(&changed, &token).unwrap_err();
        let anew = for_service(&changed, "store", "bank", "teller");
        assert_ne!(anew, token);
        teller(&changed, &anew).unwrap();
        teller(&context, &anew).unwrap_err();
    }
    teller(&context, &token).unwrap();
}
