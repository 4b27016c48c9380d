//! A ledger of one service: a client books, and books again when it has no answer.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, Method};
use scoped_futures::ScopedFutureExt as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx_core::sql_str::SqlStr;
use stormproof_messaging::transaction::transact;
use stormproof_ports::story::Fact;
use stormproof_ports::{Call, CallError, DatabaseError};

use super::*;
use stormproof_faults::outcome::Figure;
use stormproof_faults::{Fault, FaultKind, Target, When};
use stormproof_world::{ServiceSpec, migrated};

const SECOND: Duration = Duration::from_secs(1);

/// Whether a booking that is there already is refused.
#[derive(Clone, Copy)]
struct Ledger {
    refuses_repeats: bool,
}

impl Ledger {
    fn spec(self) -> Spec {
        let mut spec = Spec::new(1);
        spec.clients = vec!["user".into()];
        let image = migrated("ledger", || {
            let sql = SqlStr::from_static("CREATE TABLE entries (id TEXT NOT NULL)");
            let kind = MigrationType::Simple;
            Migrator::with_migrations(vec![Migration::new(1, "entries".into(), kind, sql, false)])
        });
        let service = ServiceSpec::new("ledger", image);
        spec.services = vec![service.serving(move |ports| self.router(ports), |_| Vec::new())];
        spec
    }

    fn router(self, ports: &Ports) -> Router {
        let ports = ports.clone();
        let book = async move |Path(id): Path<String>| match self.book(&ports, id).await {
            Ok(()) => StatusCode::NO_CONTENT,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Router::new().route("/book/{id}", post(book))
    }

    async fn book(self, ports: &Ports, id: String) -> Result<(), DatabaseError> {
        transact(ports, |transaction| {
            let id = id.clone();
            async move {
                let known = sqlx::query_scalar("SELECT count(*) FROM entries WHERE id = $1");
                let known: i64 = known.bind(id.clone()).fetch_one(transaction.sql()).await?;
                if known == 0 || !self.refuses_repeats {
                    let insert = sqlx::query("INSERT INTO entries (id) VALUES ($1)");
                    insert.bind(id.clone()).execute(transaction.sql()).await?;
                    transaction.tell(Fact::new("entry", "BOOKED", id, "books an entry"));
                }
                Ok(())
            }
            .scope_boxed()
        })
        .await
    }

    fn play(self, faults: Vec<Fault>, seed: u64) -> Outcome {
        let mut spec = self.spec();
        spec.faults = faults;
        let run = Run {
            scenario: "booking".to_owned(),
            asked: spec.faults.iter().map(|_| "the reply is lost".to_owned()).collect(),
            spec,
            storm: 30 * SECOND,
            calm: 600 * SECOND,
            workload: Workload::at("user", book_until_answered),
            at_rest: Box::new(|_| true),
            invariants: vec![
                Invariant::always("booked once", |seen| {
                    seen.rows("ledger-db", "SELECT id FROM entries").unique()
                }),
                Invariant::at_rest("what was asked for is booked", |seen| {
                    match seen.number("ledger-db", "SELECT count(*) FROM entries") {
                        0 => Err("nothing is".to_owned()),
                        _ => Ok(()),
                    }
                }),
            ],
            sometimes: vec![("entry", "BOOKED"), ("entry", "UNDONE")],
            figures: Box::new(|seen| {
                let entries = seen.number("ledger-db", "SELECT count(*) FROM entries");
                let entries = u64::try_from(entries).unwrap_or_default();
                Figures::from([("entries", Figure::Number(entries))])
            }),
        };
        run.play(seed, Options { story: true, trace: true, ..Options::default() })
    }
}

async fn book_until_answered(ports: Ports) {
    let call = || Call {
        to: "ledger".into(),
        operation: "book".into(),
        method: Method::POST,
        path: "/book/a".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: 2 * SECOND,
    };
    let answered = |answer: Result<_, CallError>| answer.is_ok();
    while !answered(ports.http.call(call()).await) {
        ports.clock.sleep(SECOND).await;
    }
}

fn reply_lost() -> Fault {
    let when = When::During { from: Duration::ZERO, until: 20 * SECOND, times: 1 };
    Fault::new(FaultKind::ReplyLost, Target::call("user", "ledger")).when(when)
}

#[test]
fn a_run_without_faults_holds_and_is_told() {
    let outcome = Ledger { refuses_repeats: false }.play(Vec::new(), 7);
    assert_eq!((outcome.broken.as_slice(), outcome.seed), (&[][..], 7));
    assert_eq!(outcome.figures.number("entries"), 1);
    assert_eq!((outcome.sometimes["entry BOOKED"], outcome.sometimes["entry UNDONE"]), (1, 0));
    let story = outcome.story.to_string();
    assert!(story.contains("ledger      books an entry\nat rest at "), "{story}");
}

#[test]
fn what_is_booked_twice_breaks_its_invariant_alone() {
    let outcome = Ledger { refuses_repeats: false }.play(vec![reply_lost()], 7);
    let broken: Vec<_> = outcome.broken.iter().map(|it| (&*it.invariant, &*it.what)).collect();
    assert_eq!(broken, [("booked once", "a is there twice")], "{}", outcome.story);
    assert_eq!(outcome.unfired, Vec::<String>::new());
    let held = Ledger { refuses_repeats: true }.play(vec![reply_lost()], 7);
    assert_eq!((held.broken.as_slice(), held.faults_fired["reply lost"]), (&[][..], 1));
}

#[test]
fn the_same_seed_is_the_same_run() {
    let play = |seed| Ledger { refuses_repeats: true }.play(vec![reply_lost()], seed);
    let first = play(7);
    assert_eq!(play(7), first);
    assert_ne!(play(8).fingerprint, first.fingerprint);
}

#[test]
fn a_fault_that_never_fires_is_told() {
    let late = Fault {
        when: When::During { from: 25 * SECOND, until: 26 * SECOND, times: 1 },
        ..reply_lost()
    };
    let outcome = Ledger { refuses_repeats: true }.play(vec![late], 7);
    assert_eq!(
        (outcome.unfired.as_slice(), outcome.unfired_places),
        (&["the reply is lost".to_owned()][..], vec![0])
    );
}
