//! `stormproof load`: people who order as fast as they can, at a rate or at one rate after the other,
//! some of whom cancel; how fast the shop was; and whether every promise was kept. Exit code 1 if
//! something does not hold.
//!
//! The load is `stormproof-shop`'s and the same in every world; here is what real machines count meanwhile.
//! A served shop gets goods and accounts of the load's own; one in a data folder sells what it has.

mod arguments;
mod commits;
mod conflicts;
mod courses;
mod meter;
pub(super) mod processes;
mod reference;
pub mod replica_metrics;
pub(super) mod servers;
mod statements;

use std::process::ExitCode;
use std::time::Duration;

use stormproof_shop::load;
use stormproof_shop::load::reference::Reference;
use stormproof_system::context::Context;

use crate::terminal::print;
pub use arguments::Arguments;
use meter::ServedMeter;
use processes::MemoryWatch;

/// Orders, waits, judges.
///
/// # Errors
/// If the shop cannot be reached or set up, or does not answer to the end.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let own_goods = arguments.reach.data.is_none();
    let load = arguments.load.load(own_goods, arguments.seed)?;
    let context = arguments.reach.context()?;
    let processes = arguments.processes()?;
    // A process that is not there is a slip of the keyboard: better told before the load than after it.
    if cfg!(target_os = "linux") {
        processes::look(&processes)?;
    }
    let reference = reference(arguments, &context).await?;
    let meter = ServedMeter {
        peers: arguments.reach.config()?.peers(),
        servers: servers::all(&arguments.reach),
        store: servers::of_the_store(&arguments.reach).ok(),
        memory: MemoryWatch::start(processes.clone()),
        processes,
    };
    let mut report = load::drive(context, &load, &meter).await?;
    if let Some(reference) = reference {
        report.compare(reference);
    }
    arguments.output.give(&report, print)
}

async fn reference(arguments: &Arguments, context: &Context) -> Result<Option<Reference>, String> {
    let Some(seconds) = arguments.reference else { return Ok(None) };
    let store = servers::of_the_store(&arguments.reach)?;
    // Drawn: processes of two machines may have one number.
    let run = format!("{:08x}", context.ports.rng.below("id", 1 << 32));
    reference::measure(&store, Duration::from_secs(seconds), &run).await.map(Some)
}
