//! How an operator's command reaches the shop: the configuration of a served one, or the data folder
//! of one that `stormproof up` keeps open. Either holds the secrets that open the doors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stormproof_shop::questions::NAME;
use stormproof_system::context::Context;

use crate::admin_ports;
use crate::config::{Config, ConfigFile};
use crate::data_folder;

/// Where the shop is.
#[derive(clap::Args, Clone, Debug)]
pub struct ShopAddress {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The data folder of a shop that `stormproof up` keeps open, instead of a configuration.
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    pub data: Option<PathBuf>,
    /// Where the Store answers, if not at its usual address.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

impl ShopAddress {
    /// The settings of the shop.
    ///
    /// # Errors
    /// The first mistake in them.
    pub fn config(&self) -> Result<Config, String> {
        let mut config = match &self.data {
            Some(folder) => of_folder(folder)?,
            None => {
                let config = self.config.read(Config::default())?;
                config.check("store").map_err(|mistake| mistake.to_string())?;
                config
            }
        };
        if let Some(url) = &self.url {
            config.peers.insert("store", vec![url.clone()]);
        }
        Ok(config)
    }

    /// Ports that reach the shop's services, and the secrets that open them.
    ///
    /// # Errors
    /// As [`ShopAddress::config`], or an address that is none.
    pub fn context(&self) -> Result<Context, String> {
        admin_ports::context(&self.config()?, NAME)
    }
}

/// The settings of a shop in one process: of its services only the Store has an address that is
/// known outside.
fn of_folder(folder: &Path) -> Result<Config, String> {
    let mut config = Config::of_one_machine();
    let secrets = data_folder::secrets_in(folder)?;
    let secrets = secrets.ok_or_else(|| format!("there is no shop in {}", folder.display()))?;
    config.shop.auth.customer_secret = secrets.customer.into_bytes();
    config.shop.auth.service_secret = secrets.service.into_bytes();
    let store: BTreeMap<_, _> =
        config.peers.into_iter().filter(|(service, _)| *service == "store").collect();
    config.peers = store;
    Ok(config)
}
