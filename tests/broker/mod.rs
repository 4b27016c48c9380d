//! The broker model against RabbitMQ: the same generated scripts, the same things to be seen.
//!
//! A script is run step by step on both. After each step the model comes to rest, and RabbitMQ must
//! come to the same: outcomes of publishes, what every consumer was given in order, redelivered flags,
//! and how many messages are ready in every queue; in the end, what is left in every queue, in order
//! and with its deaths. The same scripts every time; `PROPTEST_CASES` asks for more of them.
//!
//! What differs on purpose is listed in `system/broker/src/lib.rs`, and shown in `differences.rs`.

mod differences;
mod model;
mod rabbit;
mod script;

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed, TestRunner};
use tokio::runtime::Runtime;

use crate::servers::queues::{Declared, owner, url};
use model::Model;
use rabbit::Rabbit;
use script::Script;

/// Scripts, unless the environment asks for another number.
const CASES: u32 = 40;
/// Steps of a script at the most.
const STEPS: usize = 24;
/// Where scripts that once failed are kept, to be tried first.
const FAILED_BEFORE: &str = "tests/broker.regressions";

#[test]
fn rabbitmq_does_what_the_model_does() {
    let runtime = Runtime::new().expect("a runtime can be started");
    let Some(url) = url() else { return };
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases = cases.map_or(CASES, |text| text.parse().expect("PROPTEST_CASES is a number"));
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(4),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(FAILED_BEFORE))),
        max_shrink_iters: 300,
        max_shrink_time: 120_000,
        ..ProptestConfig::default()
    });
    let result = runner.run(&script::script(STEPS), |script| {
        runtime.block_on(agrees(&url, &script)).map_err(TestCaseError::fail)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Runs a script on both. Errors: the first step after which they differ, and how.
async fn agrees(url: &str, script: &Script) -> Result<(), String> {
    let prefix = format!("{}.", owner("script"));
    let _declared = Declared::new(url, script.setup.topology(&prefix)).await;
    run(url, &prefix, script).await
}

async fn run(url: &str, prefix: &str, script: &Script) -> Result<(), String> {
    let mut model = Model::new(&script.setup);
    let mut rabbit = Rabbit::new(url, prefix).await;
    for (number, step) in script.steps.iter().enumerate() {
        let Some(action) = model.action(*step) else { continue };
        rabbit.act(&action).await;
        let expected = model.act(&action);
        let observed = rabbit.observe(expected).await;
        if observed != *expected {
            return Err(format!(
                "after step {number}, {action:?}:\n   model {expected:?}\nRabbitMQ {observed:?}"
            ));
        }
    }
    let (expected, found) = (model.contents(), rabbit.contents().await);
    match found == expected {
        true => Ok(()),
        false => Err(format!("in the end:\n   model {expected:?}\nRabbitMQ {found:?}")),
    }
}
