//! The configuration file, as commands take it.

use std::path::PathBuf;

use clap::Args;

use super::Config;

/// The configuration file, where a command takes one.
#[derive(Args, Clone, Debug)]
pub struct ConfigFile {
    /// Settings in TOML; the environment's STORMPROOF_… come after it. `stormproof config` prints
    /// all.
    #[arg(long = "config", value_name = "FILE", env = "STORMPROOF_CONFIG")]
    pub file: Option<PathBuf>,
}

impl ConfigFile {
    /// `defaults`, changed by the file and the environment.
    ///
    /// # Errors
    /// The first mistake: where it is, and what was expected.
    pub fn read(&self, defaults: Config) -> Result<Config, String> {
        defaults.read(self.file.as_deref()).map_err(|mistake| mistake.to_string())
    }
}
