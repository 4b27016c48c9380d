//! `stormproof rehearse`: plays a scenario of the seeded world on real machines, with
//! `src/rehearse/`.
//!
//! Exit codes: 0 it held, 1 something broke or a supported fault did not fire, 2 it could not be
//! run.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use stormproof_shop::scenario::files;

use crate::config::{Config, ConfigFile};
use crate::rehearse::{self, Rehearsal};
use crate::signals::Stop;
use crate::terminal::print;

/// What to rehearse, and where.
#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    /// A scenario's file, or the stem of one in the folder of scenarios.
    #[arg(required_unless_present = "list")]
    scenario: Option<String>,
    /// Scenario seconds in one second of real time; services and people wait as much less. The higher
    /// it is, the more races such as a cancel against a pick-up depend on how fast this machine is.
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=20))]
    pace: u32,
    /// Seconds without any change after which a wait for rest is given up.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,
    /// Where its databases are made, if not where the configuration says.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// The broker, if not the configuration's.
    #[arg(long, value_name = "URL")]
    amqp: Option<String>,
    /// Writes the log of every process into this folder.
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// One JSON object instead of the story.
    #[arg(long)]
    json: bool,
    /// Prints which faults are supported, and how.
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// Plays the scenario and prints its report.
///
/// # Errors
/// Why it could not be run.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let Some(name) = &arguments.scenario else {
        return print(&rehearse::list()).map(|()| ExitCode::SUCCESS);
    };
    let scenario = files::load(name).map_err(|mistake| mistake.to_string())?;
    let config = config(arguments)?;
    if let Some(folder) = &arguments.logs {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: cannot be made: {error}", folder.display()))?;
    }
    let mut stop = Stop::listen(false)?;
    if !arguments.json {
        print(&format!("{} · real machines · pace {}", scenario.name, arguments.pace))?;
    }
    let rehearsal = Rehearsal {
        scenario,
        config,
        pace: arguments.pace,
        patience: Duration::from_secs(arguments.patience),
        logs: arguments.logs.clone(),
        aloud: !arguments.json,
    };
    let report = rehearsal.run(&mut stop).await?;
    print(&if arguments.json { report.json() } else { report.text() })?;
    Ok(ExitCode::from(u8::from(!report.held())))
}

fn config(arguments: &Arguments) -> Result<Config, String> {
    let mut config = arguments.config.read(Config::default())?;
    if let Some(url) = &arguments.postgres {
        config.database.url = url.as_str().into();
    }
    if let Some(url) = &arguments.amqp {
        config.broker.url = url.as_str().into();
    }
    Ok(config)
}
