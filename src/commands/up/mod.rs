//! `stormproof up`: the whole shop in one process, on loopback, with nothing to install.
//!
//! Five services, each with its own SQLite file, talk over real HTTP and through the embedded broker.
//! The Store answers at the one address that is printed; the pages for people are there too. What is
//! in the data folder outlives the process: started again, the shop goes on where it was.

mod mailbox;
mod page;
mod shop;
mod welcome;

use std::net::{AddrParseError, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::net::TcpListener;

use super::demo;
use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::logging;
use crate::signals::Stop;
use crate::terminal::print;
use shop::Shop;

/// How to open the shop.
#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    /// Where the shop keeps everything; made if it is not there.
    #[arg(long, value_name = "DIR", env = "STORMPROOF_DATA", default_value = FOLDER)]
    data: PathBuf,
    /// The Store's address and that of the pages. Loopback only.
    #[arg(long, value_name = "ADDRESS", env = "STORMPROOF_LISTEN", default_value_t = address(),
        value_parser = address_in)]
    listen: SocketAddr,
    /// No goods and no demo customer: an empty shop.
    #[arg(long)]
    no_demo: bool,
}

/// Where whoever started it looks first: beside what they did.
const FOLDER: &str = "stormproof-data";

fn address() -> SocketAddr {
    ([127, 0, 0, 1], 8080).into()
}

/// Empty, as a variable may be: the usual one.
fn address_in(text: &str) -> Result<SocketAddr, AddrParseError> {
    if text.is_empty() { Ok(address()) } else { text.parse() }
}

impl Default for Arguments {
    fn default() -> Arguments {
        #[derive(clap::Parser)]
        struct Bare {
            #[command(flatten)]
            arguments: Arguments,
        }
        // The environment counts here as it does for the command that is spelt out.
        <Bare as clap::Parser>::parse_from(["stormproof"]).arguments
    }
}

/// Opens the shop and keeps it open until a signal asks it to stop.
///
/// # Errors
/// Why it could not be opened, or what broke.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let mut config = config(arguments)?;
    logging::install(config.log);
    let mut stop = Stop::listen(false)?;
    let data = DataFolder::open(&arguments.data)?;
    let secrets = data.secrets()?;
    config.shop.auth.customer_secret = secrets.customer.clone().into_bytes();
    config.shop.auth.service_secret = secrets.service.clone().into_bytes();
    let listener = TcpListener::bind(arguments.listen).await.map_err(|error| {
        format!("cannot listen on {}: {error}; choose another with --listen", arguments.listen)
    })?;
    let mut shop = Shop::open(&config, &data, listener).await?;
    let set_up = async {
        demo::appoint_support(shop.store(), &secrets.password).await?;
        if arguments.no_demo {
            return Ok(());
        }
        demo::fill(shop.store()).await?;
        demo::register_customer(shop.store(), &secrets.password).await
    };
    // A signal that comes early is not kept waiting by the demo.
    let opened = tokio::select! {
        biased;
        () = stop.asked() => Ok(false),
        set_up = set_up => set_up.map(|()| true),
    };
    let ended = match opened {
        Err(why) => Err(why),
        Ok(false) => Ok(()),
        Ok(true) => {
            print(&banner(&shop, &data, &secrets.password, !arguments.no_demo))?;
            tokio::select! {
                biased;
                () = stop.asked() => Ok(()),
                what = shop.broken() => Err(what),
            }
        }
    };
    tokio::select! {
        biased;
        () = shop.close(config.server.drain_deadline) => {}
        () = stop.asked() => {}
    }
    ended.map(|()| ExitCode::SUCCESS)
}

fn config(arguments: &Arguments) -> Result<Config, String> {
    if !arguments.listen.ip().is_loopback() {
        return Err(format!(
            "--listen {}: expected a loopback address, for the pages show everybody's mails; \
             `stormproof serve` is for networks",
            arguments.listen
        ));
    }
    let config = Config::of_one_machine().read(None).map_err(|mistake| mistake.to_string())?;
    config.check_times().map_err(|mistake| mistake.to_string())?;
    Ok(config)
}

fn banner(shop: &Shop, data: &DataFolder, password: &str, demo: bool) -> String {
    let address = shop.address();
    let customer = match demo {
        true => format!("customer  {} / {password}\n", demo::CUSTOMER),
        false => String::new(),
    };
    format!(
        "The shop is open at http://{address}\n\
         mailbox   http://{address}/mailbox\n\
         {customer}support   {} / {password}\n\
         data      {}\n\
         Ctrl-C closes it; started again it goes on where it was.",
        demo::SUPPORT,
        data.folder().display(),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn an_empty_address_is_the_usual_one() {
        let listen = |text| {
            let line = Line::try_parse_from(["up", "--listen", text]);
            line.map(|line| line.arguments.listen).map_err(|error| error.to_string())
        };
        assert_eq!(listen(""), Ok(address()));
        assert_eq!(listen("127.0.0.1:1"), Ok(([127, 0, 0, 1], 1).into()));
        let why = listen("here").expect_err("it is none");
        assert!(why.contains("here"), "{why}");
    }
}
