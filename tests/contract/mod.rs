//! Bindings held to each other: every check of `system/ports/src/contract/mod.rs` against every
//! binding, what differs on purpose, and what only one binding can get wrong.

mod bindings;
mod database;
mod differences;
mod embedded;
mod http;
mod lines;
mod mailer;
mod pika;
mod proxy;
mod queue;
pub mod real;
pub mod scratch;
mod smtp;
mod sqlite;

use std::io::Write as _;
use std::time::Duration;

use stormproof_ports::Ports;
use stormproof_ports::contract::{self, Check};
use stormproof_world::faults::{Fault, FaultKind, Target, When};
use stormproof_world::{ServiceSpec, Spec, migrated, run};

use crate::servers::postgres::Postgres;
use bindings::Machine;
pub use bindings::serve;
use scratch::Scratch;

fn checks() -> Vec<Check> {
    [
        &contract::clock::CHECKS[..],
        &contract::rng::CHECKS[..],
        &contract::compute::CHECKS[..],
        &contract::http::CHECKS[..],
        &contract::database::CHECKS[..],
        &stormproof_messaging::contract::CHECKS[..],
    ]
    .concat()
}

/// Every check, so that one run tells all that is broken.
async fn broken(ports: &Ports) -> Vec<String> {
    let mut broken = Vec::new();
    for check in checks() {
        if let Err(what) = check.run(ports).await {
            broken.push(what.to_string());
        }
    }
    broken
}

/// Past the harness, which keeps what a passing test prints to itself.
fn tell(words: &str) {
    writeln!(std::io::stderr(), "contract: {words}").ok();
}

#[test]
fn simulated_bindings_keep_the_contract() {
    for seed in 1..=3 {
        let broken = run(spec(seed), |world| async move {
            world.sleep(Duration::from_secs(1)).await;
            let ports = world.ports("contract");
            let checks = world.spawn("contract", async move { broken(&ports).await });
            checks.await.expect("nobody kills the node")
        });
        assert_eq!(broken, Vec::<String>::new(), "seed {seed}");
    }
    tell(&format!("simulated bindings: {} checks, three seeds", checks().len()));
}

fn spec(seed: u64) -> Spec {
    let image = migrated("contract", contract::database::migrator);
    let mut spec = Spec::new(seed);
    spec.services = vec![
        ServiceSpec::new("contract", image.clone()),
        ServiceSpec::new(contract::http::PEER, image.clone())
            .serving(|_| contract::http::peer(), |_| Vec::new()),
        ServiceSpec::new(contract::http::ABSENT, image),
    ];
    let restart = Duration::from_secs(24 * 3600);
    let stop = Fault::new(FaultKind::Stop, Target::node(contract::http::ABSENT)).by(restart);
    spec.faults = vec![stop.when(When::At(Duration::ZERO))];
    spec
}

#[tokio::test]
async fn embedded_bindings_keep_the_contract() {
    let scratch = Scratch::new("contract");
    let machine = Machine::embedded(&scratch).await;
    assert_eq!(broken(&machine.ports).await, Vec::<String>::new());
    tell(&format!("embedded bindings (SQLite): {} checks", checks().len()));
}

#[tokio::test]
async fn real_bindings_keep_the_contract() {
    let Some(postgres) = Postgres::or_skip("contract").await else { return };
    let scratch = Scratch::new("contract-real");
    let machine = Machine::real(&postgres, &scratch).await;
    assert_eq!(broken(&machine.ports).await, Vec::<String>::new());
    machine.sql.close().await;
    tell(&format!("real bindings ({}): {} checks", postgres.version().await, checks().len()));
}
