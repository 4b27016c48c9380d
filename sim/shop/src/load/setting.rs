//! What a load needs before it begins: customers with money, and goods to order.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use stormproof_ports::trace::hex;
use stormproof_system::bank::dto::{AccountAnswer, OpenAccount, Status};
use stormproof_system::context::Context;
use stormproof_system::id::{Sku, UserId, WarehouseId};
use stormproof_system::money::{Currency, Money};
use stormproof_system::question::Question;
use stormproof_system::store::dto::{Product, Register, Registered};
use stormproof_system::token;
use stormproof_system::warehouse::dto::Restock;

use crate::questions::{get, must, post, support};

const PATIENCE: Duration = Duration::from_secs(30);

/// Who asks, in the tokens for Bank and Warehouse.
const NAME: &str = "load";

/// A million, in cents: enough for any load.
const PURSE: i64 = 100_000_000;

/// Customers and goods.
pub struct Setting {
    pub context: Context,
    /// Drawn for each run: part of all names and keys, so that two runs share none.
    pub run: String,
    pub skus: Vec<String>,
    /// Whether goods and accounts are the load's own.
    own_goods: bool,
}

/// Somebody who orders, logged in.
pub struct Customer {
    pub bearer: String,
}

impl Setting {
    /// With `own_goods` there is a product of the load's own, so many units of it; else the shop sells what
    /// it has.
    ///
    /// # Errors
    /// What was refused, and why.
    pub async fn prepare(context: Context, units: u32, own_goods: bool) -> Result<Setting, String> {
        let run = drawn(&context);
        let skus = match own_goods {
            true => vec![stock(&context, &run, units).await?],
            false => on_sale(&context).await?,
        };
        Ok(Setting { context, run, skus, own_goods })
    }

    /// Registers so many customers, from this number on. With goods of the load's own they get accounts
    /// too; else the shop gives everybody one itself.
    ///
    /// # Errors
    /// As [`Setting::prepare`].
    pub async fn customers(
        &self,
        first: usize,
        count: u32,
        at_once: usize,
    ) -> Result<Vec<Customer>, String> {
        stream::iter(first..)
            .take(usize::try_from(count).expect("32 bits are a size"))
            .map(|number| register(&self.context, &self.run, number, self.own_goods))
            .buffered(at_once)
            .try_collect()
            .await
    }
}

fn drawn(context: &Context) -> String {
    let mut bytes = [0; 4];
    context.ports.rng.fill("id", &mut bytes);
    let mut run = String::new();
    hex(&mut run, &bytes);
    run
}

/// A product of the load's own, so many units of it.
async fn stock(context: &Context, run: &str, units: u32) -> Result<String, String> {
    let sku = format!("load-{run}");
    let product =
        Product { sku: sku.clone(), name: "Load".into(), price: Money::new(10_00, Currency::AUD) };
    let bearer = support(context);
    let () = must(&context.ports, &to("store", "/products", bearer, &product)).await?;
    let restock = Restock {
        key: sku.clone(),
        sku: Sku::parse(sku.as_str()).expect("well formed"),
        warehouse: WarehouseId::parse("sydney").expect("well formed"),
        quantity: units.into(),
    };
    let bearer = token::for_service(context, NAME, "warehouse", "restock");
    let _: Value = must(&context.ports, &to("warehouse", "/stock", bearer, &restock)).await?;
    Ok(sku)
}

async fn on_sale(context: &Context) -> Result<Vec<String>, String> {
    let list = get("store", "/products").within(PATIENCE);
    let products: Vec<Product> = must(&context.ports, &list).await?;
    match products.is_empty() {
        true => Err("store: there is nothing on sale".into()),
        false => Ok(products.into_iter().map(|product| product.sku).collect()),
    }
}

/// Tokens are the configuration's to sign: logging in is limited, and nothing to be measured here.
async fn register(
    context: &Context,
    run: &str,
    number: usize,
    own_goods: bool,
) -> Result<Customer, String> {
    let username = format!("load-{run}-{number}");
    let register = Register {
        username: username.clone(),
        password: format!("{}{}", drawn(context), drawn(context)),
        email: format!("{username}@load.example"),
    };
    let question = post("store", "/register", &register).within(PATIENCE);
    let Registered { user_id } = must(&context.ports, &question).await?;
    let owner = UserId::parse(user_id).map_err(|error| error.to_string())?;
    let bearer = token::for_user(context, &owner, &username, token::CUSTOMER);
    if own_goods {
        let balance = Money::new(PURSE, Currency::AUD);
        let account = OpenAccount { owner, balance, status: Status::Open };
        let teller = token::for_service(context, NAME, "bank", "teller");
        let question = to("bank", "/accounts", teller, &account);
        let _: AccountAnswer = must(&context.ports, &question).await?;
    }
    Ok(Customer { bearer })
}

fn to(to: &'static str, path: &str, bearer: String, body: &impl Serialize) -> Question {
    post(to, path, body).with_bearer(bearer).within(PATIENCE)
}
