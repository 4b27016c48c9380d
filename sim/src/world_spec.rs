//! The world of a run: nodes, settings, queues and faults, as the world's specification has them.

use std::sync::Arc;

use stormproof_system::context::Context;
use stormproof_system::service::SERVICES;
use stormproof_system::settings::Settings;
use stormproof_system::topology as queues;

use crate::final_state;
use stormproof_explore::{Options, ZERO};
use stormproof_shop::phases::CALM_MAX;
use stormproof_shop::scenario::Scenario;
use stormproof_shop::topology;
use stormproof_world::{Concurrency, Isolation, ServiceSpec, Spec, migrated};

/// As the shop is served: Postgres at READ COMMITTED, `database.connections` to a replica.
const DATABASES: Concurrency =
    Concurrency::Overlapping { isolation: Isolation::ReadCommitted, connections: 8 };

/// The world of a scenario, whose services are told `settings`, without its observers.
pub fn spec(scenario: &Scenario, seed: u64, options: Options, settings: &Arc<Settings>) -> Spec {
    let mut spec = Spec::new(seed);
    spec.faults = scenario.faults.iter().map(|it| it.clone().later(ZERO)).collect();
    spec.services = SERVICES
        .iter()
        .map(|service| {
            let settings = settings.clone();
            let replicas = scenario.world.replicas.get(service.name).copied().unwrap_or(1);
            ServiceSpec::new(service.name, migrated(service.name, || service.migrator()))
                .running(move |ports| {
                    let context = Context::new(ports.clone(), settings.clone());
                    ((service.router)(&context), (service.workers)(&context))
                })
                .replicas(usize::try_from(replicas).expect("a handful"))
        })
        .collect();
    spec.clients = (1..=scenario.customers.len()).map(topology::customer).collect();
    spec.clients.push(topology::STAFF.to_owned());
    let declared = spec.broker.declare(&queues::of_shop());
    declared.expect("the table of queues is consistent");
    spec.concurrency = if options.serial { Concurrency::Serial } else { DATABASES };
    spec.template = final_state::template;
    spec.alias = Some("order".to_owned());
    spec.trace = options.trace;
    spec.passages = options.passages;
    spec.clock_offsets =
        scenario.world.clocks.iter().map(|(node, offset)| (node.clone(), *offset)).collect();
    spec.limit = ZERO + scenario.world.storm + 3 * CALM_MAX;
    spec
}
