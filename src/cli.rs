//! The command line: what can be asked, and how the answer becomes an exit code.
//!
//! One command a file of `commands/`, which holds its own arguments; here they are listed. Exit codes: 0 done,
//! 1 a check found something, 2 it could not be run. Complaints go to standard error.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{
    asyncapi, demo, dlq, load, measure, migrate, openapi, reconcile, rehearse, serve, up,
};
use crate::config::{Config, ConfigFile, registry};
use crate::terminal::{complain, print};

/// A shop of five services that keeps its promises whatever breaks.
#[derive(Parser)]
#[command(name = "stormproof", version)]
struct Arguments {
    /// Without a command: up.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The whole shop in one process, with nothing to install: SQLite files, a broker of its own,
    /// mails on a page, demo data.
    Up(up::Arguments),
    /// One replica of one service, on Postgres and RabbitMQ.
    Serve(serve::Arguments),
    /// Brings databases to today's tables, and declares the broker's queues.
    Migrate(migrate::Arguments),
    /// Puts the demo's goods on the shelves of a served shop.
    Demo(demo::Arguments),
    /// Dead letters: lists them, shows one, tries them again.
    #[command(subcommand)]
    Dlq(dlq::Command),
    /// Compares what all services say of the orders; exit code 1 if they differ.
    Reconcile(reconcile::Arguments),
    /// Plays a scenario on real processes, Postgres and RabbitMQ; exit code 1 if something broke.
    Rehearse(rehearse::Arguments),
    /// Orders as fast as it can or at a rate, and judges whether all promises were kept.
    Load(load::Arguments),
    /// Measures what single operations take on this machine, for `cargo sim load` to predict by.
    Measure(measure::Arguments),
    /// Prints a service's HTTP interface as an OpenAPI 3.1 document.
    Openapi(openapi::Arguments),
    /// Prints every message as an AsyncAPI 3.0 document.
    Asyncapi,
    /// Prints every setting with its meaning, as a file that `--config` takes. Secrets are left out.
    Config(ConfigFile),
}

/// Does what the arguments ask. Mistakes in them end the process here, with exit code 2.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return could_not_run(&format!("no threads to work with: {error}")),
    };
    let result = runtime.block_on(dispatch(arguments));
    // What still runs is cut, as the drain has said: nothing here is worth waiting for.
    runtime.shutdown_background();
    result.unwrap_or_else(|why| could_not_run(&why))
}

/// An error is a sentence for the person who asked: it could not be run.
async fn dispatch(arguments: Arguments) -> Result<ExitCode, String> {
    match arguments.command {
        None => up::run(&up::Arguments::default()).await,
        Some(Command::Up(asked)) => up::run(&asked).await,
        Some(Command::Serve(asked)) => serve::run(&asked).await,
        Some(Command::Migrate(asked)) => migrate::run(&asked).await,
        Some(Command::Demo(asked)) => demo::run(&asked).await,
        Some(Command::Dlq(asked)) => dlq::run(&asked).await,
        Some(Command::Reconcile(asked)) => reconcile::run(&asked).await,
        Some(Command::Rehearse(asked)) => rehearse::run(&asked).await,
        Some(Command::Load(asked)) => load::run(&asked).await,
        Some(Command::Measure(asked)) => measure::run(&asked).await,
        Some(Command::Openapi(asked)) => openapi::run(&asked),
        Some(Command::Asyncapi) => asyncapi::run(),
        Some(Command::Config(asked)) => {
            let config = asked.read(Config::default())?;
            print(&registry::document(&config)).map(|()| ExitCode::SUCCESS)
        }
    }
}

/// Says why on standard error.
fn could_not_run(why: &str) -> ExitCode {
    complain(why);
    ExitCode::from(2)
}
