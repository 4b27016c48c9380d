//! The five services as hosts see them: a router, workers, and the tables they need.

use axum::Router;
use sqlx::migrate::Migrator;
use stormproof_ports::worker::Worker;

use crate::api::Endpoint;
use crate::context::Context;
use crate::{bank, delivery, email, store, warehouse};

/// One service of the shop. A host binds its context, serves its router and loops its workers.
#[derive(Clone, Copy)]
pub struct Service {
    /// Its name in addresses, logs and scenarios.
    pub name: &'static str,
    pub router: fn(&Context) -> Router,
    /// What a reader has to know of the router's routes.
    pub endpoints: fn() -> Vec<Endpoint>,
    pub workers: fn(&Context) -> Vec<Worker>,
    /// The service's own tables, after those that its messages need.
    own_tables: fn() -> Migrator,
}

/// In the order of an order's journey.
pub const SERVICES: [Service; 5] = [
    Service {
        name: "store",
        router: store::router,
        endpoints: store::endpoints,
        workers: store::workers,
        own_tables: || sqlx::migrate!("src/store/migrations"),
    },
    Service {
        name: "warehouse",
        router: warehouse::router,
        endpoints: warehouse::endpoints,
        workers: warehouse::workers,
        own_tables: || sqlx::migrate!("src/warehouse/migrations"),
    },
    Service {
        name: "bank",
        router: bank::router,
        endpoints: bank::endpoints,
        workers: bank::workers,
        own_tables: || sqlx::migrate!("src/bank/migrations"),
    },
    Service {
        name: "delivery",
        router: delivery::router,
        endpoints: delivery::endpoints,
        workers: delivery::workers,
        own_tables: || sqlx::migrate!("src/delivery/migrations"),
    },
    Service {
        name: "email",
        router: email::router,
        endpoints: email::endpoints,
        workers: email::workers,
        own_tables: || sqlx::migrate!("src/email/migrations"),
    },
];

impl Service {
    /// The migrations that bring an empty database to today's tables.
    pub fn migrator(&self) -> Migrator {
        let parts =
            [stormproof_messaging::migrator(), (self.own_tables)(), sqlx::migrate!("./migrations")];
        Migrator::with_migrations(parts.iter().flat_map(Migrator::iter).cloned().collect())
    }
}
