//! The mappers, judged on databases: what each statement owes its service, whichever database is
//! behind it.
//!
//! A check is written once and runs on every one of [`DATABASES`]. `bench` makes what a check works
//! with, `statements` sees to it that no statement of the sources is left out, `plans` that none reads
//! more than it needs.

mod accounts;
mod bank;
mod bench;
mod catalogue;
mod delivery;
mod email;
mod idempotency;
mod messaging;
mod orders;
mod plans;
mod reconciliations;
mod retention;
mod sagas;
mod statements;
mod support;
mod unreadable;
mod upgrade;
mod warehouse;

use std::sync::Arc;

use futures::future::BoxFuture;
use stormproof_bindings::database::Sql;
use stormproof_ports::Database;
use stormproof_system::service::{SERVICES, Service};
use stormproof_world::{ServiceSpec, Spec, migrated, run};

use crate::contract::scratch::Scratch;
use crate::servers::postgres::Postgres;
use bench::Bench;

/// What the mappers of a service owe it, tried on a freshly migrated database.
#[derive(Clone, Copy)]
struct Check {
    service: &'static str,
    work: fn(Bench) -> BoxFuture<'static, ()>,
}

/// What is to be done on a database.
type Work = Box<dyn FnOnce(Arc<dyn Database>) -> BoxFuture<'static, ()> + Send>;

/// The databases that the shop has to get along with. Each makes a database with the tables of the
/// service, has the work done on it, and lets it go.
const DATABASES: [fn(Service, Work); 3] =
    [|service, work| drop(sqlite(service, work)), sqlite_file, postgres];

/// SQLite as the seeded world has it. Returns the statements that the work made.
fn sqlite(service: Service, work: Work) -> Vec<String> {
    let mut spec = Spec::new(7);
    let image = migrated(service.name, || service.migrator());
    spec.services = vec![ServiceSpec::new(service.name, image)];
    run(spec, |world| async move {
        let database = world.ports(service.name).database;
        let done = world.spawn(service.name, work(database)).await;
        done.expect("nobody kills the node");
        world.database(&format!("{}-db", service.name)).prepared()
    })
}

/// SQLite in a file, as one machine has it.
fn sqlite_file(service: Service, work: Work) {
    on_this_machine(async {
        let scratch = Scratch::new("mappers");
        let sql = Sql::sqlite(&scratch.path().join("database")).await;
        work_on(sql.expect("a new file can be opened"), service, work).await;
    });
}

/// Postgres, if there is one.
fn postgres(service: Service, work: Work) {
    on_this_machine(async {
        let Some(server) = Postgres::or_skip("mappers").await else { return };
        let sql = Sql::postgres(&server.url, 2).await;
        work_on(sql.expect("the server answered just now"), service, work).await;
    });
}

async fn work_on(sql: Sql, service: Service, work: Work) {
    sql.migrate(&service.migrator()).await.expect("the migrations of a service apply");
    let sql = Arc::new(sql);
    work(sql.clone()).await;
    sql.close().await;
}

fn on_this_machine(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(work);
}

impl Check {
    fn service(&self) -> Service {
        let service = SERVICES.into_iter().find(|service| service.name == self.service);
        service.expect("checks name a service of the shop")
    }

    fn work(self) -> Work {
        Box::new(move |database| (self.work)(Bench::new(database)))
    }

    fn run_everywhere(self) {
        for database in DATABASES {
            database(self.service(), self.work());
        }
    }
}

/// The checks of a file, by name: a list of them, and a test for each.
macro_rules! checks {
    ($service:literal: $($name:ident),* $(,)?) => {
        pub(super) const CHECKS: &[super::Check] = &[$(super::Check {
            service: $service,
            work: |bench| Box::pin($name(bench)),
        }),*];

        mod on_every_database {
            use crate::mappers::Check;

            $(#[test]
            fn $name() {
                let work = |bench| -> futures::future::BoxFuture<'static, ()> {
                    Box::pin(super::$name(bench))
                };
                Check { service: $service, work }.run_everywhere();
            })*
        }
    };
}
use checks;
