//! `stormproof migrate`: brings databases to today's tables and declares the broker's queues, before
//! replicas start. Nothing else changes tables: replicas of two versions must not fight over them.

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use stormproof_system::service::SERVICES;
use stormproof_system::topology;

use crate::brokers;
use crate::config::{Config, ConfigFile};
use crate::databases;
use crate::terminal::print;

/// What to migrate.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The services whose databases to migrate; `all` is every one.
    #[arg(default_value = "all", value_parser = PossibleValuesParser::new(names()))]
    services: Vec<String>,
    /// Makes a database that is not there, ordered by bytes as the shop compares texts.
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    config: ConfigFile,
}

fn names() -> Vec<&'static str> {
    SERVICES.iter().map(|service| service.name).chain(["all"]).collect()
}

/// Migrates one database after the other, then declares the queues.
///
/// # Errors
/// Which one failed, and why. What was migrated before stays so.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let config = arguments.config.read(Config::default())?;
    let asked = |name: &str| arguments.services.iter().any(|word| word == name || word == "all");
    for service in SERVICES.into_iter().filter(|service| asked(service.name)) {
        if arguments.create {
            databases::create(&config.database_url(service.name)).await?;
        }
        databases::migrate(&config, service).await?;
        print(&format!("{}: its tables are today's", service.name))?;
    }
    let broker = brokers::rabbit(&config)?;
    broker.declare(&topology::of_shop()).await.map_err(|error| format!("the broker: {error}"))?;
    print("broker: its queues are declared")?;
    Ok(ExitCode::SUCCESS)
}
