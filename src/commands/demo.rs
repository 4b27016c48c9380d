//! The demo: goods on shelves, money on accounts, logins. All of it is made as people would make it,
//! through the services' own doors; done twice it changes nothing.
//!
//! `stormproof up` does it by itself, `stormproof demo` for replicas that are served.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use stormproof_shop::questions::{answer, get, must, post, read};
use stormproof_system::bank::dto::{AccountAnswer, OpenAccount, Status};
use stormproof_system::context::Context;
use stormproof_system::error::{Error, Kind};
use stormproof_system::id::{Sku, UserId, WarehouseId};
use stormproof_system::money::{Currency, Money};
use stormproof_system::question::Question;
use stormproof_system::store::accounts::Accounts;
use stormproof_system::store::dto::{LoggedIn, Login, Product, Register, Registered};
use stormproof_system::token;
use stormproof_system::warehouse::dto::Restock;

use crate::admin_ports;
use crate::config::{Config, ConfigFile};
use crate::terminal::print;

/// What `stormproof demo` is to do besides filling the shop.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Opens an account with 500.00 for this customer, by the id that its registration answered.
    #[arg(long, value_name = "USER_ID")]
    account: Vec<String>,
    #[command(flatten)]
    config: ConfigFile,
}

/// The demo's customer, and its login for support.
pub const CUSTOMER: &str = "ada";
pub const SUPPORT: &str = "support";

/// What every new customer finds at the demo's Bank, in cents.
pub const WELCOME_MINOR: i64 = 50_000;

/// Who asks, in the tokens of the demo's calls.
const CALLER: &str = "demo";

const PATIENCE: Duration = Duration::from_secs(10);

/// What is sold: (sku, name, price in cents).
const PRODUCTS: [(&str, &str, i64); 4] = [
    ("teapot", "Teapot for two", 2_450),
    ("kettle", "Whistling kettle", 3_900),
    ("lamp", "Storm lamp", 5_490),
    ("umbrella", "Umbrella, windproof", 3_100),
];

/// What lies where: (sku, warehouse, units). An order of more than one shelf holds is split.
const SHELVES: [(&str, &str, i64); 8] = [
    ("teapot", "sydney", 300),
    ("teapot", "perth", 200),
    ("kettle", "sydney", 200),
    ("kettle", "hobart", 100),
    ("lamp", "perth", 150),
    ("lamp", "hobart", 150),
    ("umbrella", "sydney", 250),
    ("umbrella", "hobart", 5),
];

/// Fills the shop that the configuration's peers are.
///
/// # Errors
/// What was refused, and why.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let config = arguments.config.read(Config::default())?;
    config.check("store").map_err(|mistake| mistake.to_string())?;
    let context = admin_ports::context(&config, CALLER)?;
    fill(&context).await?;
    for owner in &arguments.account {
        let owner = UserId::parse(owner.as_str()).map_err(|error| error.to_string())?;
        open_account(&context, owner).await.map_err(|error| error.to_string())?;
    }
    print("There are goods on the shelves.").map(|()| ExitCode::SUCCESS)
}

/// Makes sure that there is a login for the support team. Customers register by themselves; who
/// works for the shop is appointed by its owner.
///
/// # Errors
/// Why there is none.
pub async fn appoint_support(context: &Context, password: &str) -> Result<(), String> {
    let request = registration(SUPPORT, password);
    match Accounts::default().appoint(context, request).await {
        Ok(_) => Ok(()),
        Err(error) if error.is(Kind::Conflict) => Ok(()),
        Err(error) => Err(format!("cannot appoint {SUPPORT}: {error}")),
    }
}

/// Fills the catalogue and the shelves.
///
/// # Errors
/// What was refused, and why.
pub async fn fill(context: &Context) -> Result<(), String> {
    let sold = sold(context).await?;
    for (sku, name, price) in PRODUCTS.into_iter().filter(|(sku, ..)| !sold.contains(*sku)) {
        let price = Money::new(price, Currency::AUD);
        let product = Product { sku: sku.into(), name: name.into(), price };
        let support = UserId::parse(SUPPORT).expect("a valid id");
        let bearer = token::for_user(context, &support, SUPPORT, token::SUPPORT);
        let question = to("store", "/products", &product).with_bearer(bearer);
        let () = must(&context.ports, &question).await?;
    }
    for (sku, warehouse, quantity) in SHELVES {
        let restock = Restock {
            key: format!("demo-{sku}-{warehouse}"),
            sku: Sku::parse(sku).expect("a valid sku"),
            warehouse: WarehouseId::parse(warehouse).expect("a valid warehouse"),
            quantity,
        };
        let bearer = token::for_service(context, CALLER, "warehouse", "restock");
        let question = to("warehouse", "/stock", &restock).with_bearer(bearer);
        let _: Value = must(&context.ports, &question).await?;
    }
    Ok(())
}

/// Registers the demo's customer; logs in if it is registered already. Behind the front door of
/// `stormproof up` either opens its account.
///
/// # Errors
/// As [`fill`].
pub async fn register_customer(context: &Context, password: &str) -> Result<(), String> {
    let registration = registration(CUSTOMER, password);
    let register = to("store", "/register", &registration);
    let answer = answer(&context.ports, &register).await?;
    if answer.status != StatusCode::CONFLICT {
        return read::<Registered>(&register, &answer).map(drop);
    }
    let login = Login { username: CUSTOMER.into(), password: password.into() };
    let _: LoggedIn = must(&context.ports, &to("store", "/login", &login)).await?;
    Ok(())
}

async fn sold(context: &Context) -> Result<BTreeSet<String>, String> {
    let list = get("store", "/products").within(PATIENCE);
    let products: Vec<Product> = must(&context.ports, &list).await?;
    Ok(products.into_iter().map(|product| product.sku).collect())
}

fn registration(name: &str, password: &str) -> Register {
    let email = format!("{name}@stormproof.example");
    Register { username: name.into(), password: password.into(), email }
}

/// Opens an account with the welcome money for a customer who has none yet.
///
/// # Errors
/// If the Bank does not answer, or refuses.
pub async fn open_account(context: &Context, owner: UserId) -> Result<(), Error> {
    let balance = Money::new(WELCOME_MINOR, Currency::AUD);
    let account = OpenAccount { owner, balance, status: Status::Open };
    let bearer = token::for_service(context, CALLER, "bank", "teller");
    let open = to("bank", "/accounts", &account).with_bearer(bearer);
    let opened: Result<AccountAnswer, String> = must(&context.ports, &open).await;
    opened.map(drop).map_err(Error::Unavailable)
}

fn to(to: &'static str, path: &str, body: &impl Serialize) -> Question {
    post(to, path, body).within(PATIENCE)
}
