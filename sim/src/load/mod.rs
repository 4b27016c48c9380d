//! `cargo sim load`: the load of `stormproof load`, in the seeded world, on a machine that was measured.
//! Exit code 1 if something does not hold.
//!
//! Nothing in it is fitted to a load: what operations take was measured by itself, how many there are and
//! how they wait for each other is what the run finds out. So what comes out is a prediction.

mod meter;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use stormproof_explore::{Options, OwnCommand, ZERO};
use stormproof_ports::machine::Machine;
use stormproof_shop::load::arguments::LoadArguments;
use stormproof_shop::load::figures::Report;
use stormproof_shop::load::output::Output;
use stormproof_shop::load::{self, Load, machine_file};
use stormproof_shop::scenario::Scenario;
use stormproof_shop::scenario::files::FILES;
use stormproof_shop::service_settings::settings;
use stormproof_system::context::Context;
use stormproof_system::settings::{Carrier, Settings};
use stormproof_world as world;

use crate::world_spec;
use meter::WorldMeter;

/// As the explorer lists it.
pub(crate) const COMMAND: OwnCommand = OwnCommand {
    name: "load",
    about: "Orders as fast as it can or at a rate, on a machine that was measured",
    run: main,
};

/// When the first order comes: all is set up by then. Times of faults count from then on.
const BEGIN: Duration = Duration::from_secs(600);

/// A day is more than any load lasts; the world ends with its load.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Of one order, with room for what faults make of it.
const EVENTS_OF_AN_ORDER: u64 = 2_000;

/// Who orders.
const LOAD: &str = "load";

/// The carrier's moves take no time of the shop's.
const AT_ONCE: Duration = Duration::from_millis(1);

const NO_FAULTS: &str = "about = \"Nothing goes wrong.\"";

/// Orders as fast as it can or at a rate, on a machine that was measured, and judges whether all promises
/// were kept.
#[derive(Parser, Debug)]
#[command(
    name = "load",
    bin_name = "cargo sim load",
    after_help = "Exit codes: 0 held, 1 broken, 2 could not run."
)]
struct Arguments {
    /// What `stormproof measure` wrote.
    #[arg(long, value_name = "FILE")]
    machine: PathBuf,
    /// A name in scenarios/ or a path to a file, whose replicas and faults the shop has; their times count
    /// from the first order on. Its customers stay away.
    #[arg(long, value_name = "SCENARIO")]
    scenario: Option<String>,
    #[command(flatten)]
    load: LoadArguments,
    /// What decides the world, and arrivals by chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: Output,
}

fn main(rest: &[String]) -> ExitCode {
    let words = std::iter::once(LOAD.to_owned()).chain(rest.iter().cloned());
    let arguments = Arguments::try_parse_from(words).unwrap_or_else(|error| error.exit());
    run(&arguments).unwrap_or_else(|why| {
        eprintln!("error: {why}");
        ExitCode::from(2)
    })
}

fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let load = arguments.load.load(true, arguments.seed)?;
    let machine = machine(&arguments.machine)?;
    let scenario = match &arguments.scenario {
        None => Scenario::parse("load.toml", NO_FAULTS),
        Some(name) => FILES.load(name, Scenario::parse),
    };
    let scenario = scenario.map_err(|mistake| mistake.to_string())?;
    let report = predict(load, machine, &scenario, arguments.seed)?;
    arguments.output.give(&report, stormproof_explore::cli::print)
}

fn machine(file: &Path) -> Result<Machine, String> {
    let text = std::fs::read_to_string(file);
    let read = text.map_err(|error| error.to_string()).and_then(|text| machine_file::parse(&text));
    read.map_err(|why| format!("--machine {}: {why}", file.display()))
}

/// What `load` comes to on `machine`, where the replicas and faults are those of `scenario`; times of
/// faults count from the first order on. The same arguments are the same report.
///
/// # Errors
/// In words: the shop does not answer to the end, or a fault of the scenario did not fire.
pub fn predict(
    load: Load,
    machine: Machine,
    scenario: &Scenario,
    seed: u64,
) -> Result<Report, String> {
    let settings = Arc::new(at_once(settings(scenario)));
    let mut spec = world_spec::spec(scenario, seed, Options::default(), &settings);
    spec.faults = scenario.faults.iter().map(|it| it.clone().later(BEGIN)).collect();
    spec.clients.push(LOAD.to_owned());
    spec.machine = Some(machine);
    spec.limit = LIMIT;
    let orders: u64 = load.stages.iter().map(|(stage, _)| u64::from(stage.orders)).sum();
    spec.events_max = 10_000_000 + orders * EVENTS_OF_AN_ORDER;
    let (report, unfired) = world::run(spec, |world| async move {
        world.sleep(ZERO).await;
        let context = Context::new(world.ports(LOAD), settings);
        let meter = WorldMeter { world: world.clone(), begin: BEGIN };
        let driven =
            world.spawn_local(LOAD, async move || load::drive(context, &load, &meter).await);
        (driven.await.expect("nobody kills the load"), world.unfired())
    });
    match unfired.first() {
        Some(place) => Err(format!(
            "{}: this fault did not fire: {}",
            scenario.name,
            scenario.asked_at(*place)
        )),
        None => report,
    }
}

fn at_once(settings: Settings) -> Settings {
    let carrier = Carrier {
        pick_up_after: AT_ONCE,
        depart_after: AT_ONCE,
        deliver_after: AT_ONCE,
        ..settings.carrier
    };
    Settings { carrier, ..settings }
}
