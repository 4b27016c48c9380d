//! What a load needs before it begins: customers with money, and goods to order.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
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

use super::goods::{Goods, OwnGoods};
use super::shopping::TIMEOUT;
use crate::questions::{get, insist, is_in_doubt, must, post, read, support};

/// For each thing that is prepared: failures pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who asks, in the tokens for Bank and Warehouse.
const NAME: &str = "load";

/// A million, in cents: enough for any load.
const PURSE: i64 = 100_000_000;

/// Of a unit of any product of the load's own, in cents.
const PRICE: i64 = 10_00;

/// Customers and goods.
pub struct Setting {
    pub context: Context,
    /// Drawn for each run: part of all names and keys, so that two runs share none.
    pub run: String,
    pub skus: Vec<String>,
    /// What is ordered of them. If they are the load's own, so are the accounts.
    pub goods: Goods,
}

/// Somebody who orders, logged in.
pub struct Customer {
    pub bearer: String,
}

impl Setting {
    /// With `own_goods` there are products of the load's own; else the shop sells what it has. So many
    /// requests are under way at once.
    ///
    /// # Errors
    /// What was refused, and why; or there are fewer products than an order has lines.
    pub async fn prepare(
        context: Context,
        lines: u32,
        own_goods: Option<OwnGoods>,
        at_once: usize,
    ) -> Result<Setting, String> {
        let run = drawn(&context);
        // Asked whatever is ordered: that nobody is there is told at once.
        let on_sale = on_sale(&context).await?;
        let skus = match own_goods {
            Some(goods) => stock(&context, &run, goods, at_once).await?,
            None if on_sale.is_empty() => return Err("store: there is nothing on sale".into()),
            None => on_sale,
        };
        let products = u32::try_from(skus.len()).unwrap_or(u32::MAX);
        if products < lines {
            return Err(format!(
                "--lines {lines}: expected {products} at most, for there are no more products on sale"
            ));
        }
        let supply = own_goods.map(|goods| goods.supply);
        let goods = Goods { lines_per_order: lines, products, supply };
        Ok(Setting { context, run, skus, goods })
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
            .map(|number| customer(&self.context, &self.run, number, self.goods.supply.is_some()))
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

/// Products of the load's own and their units: a request for each product and each of its shelves, for the
/// doors take one at a time.
async fn stock(
    context: &Context,
    run: &str,
    goods: OwnGoods,
    at_once: usize,
) -> Result<Vec<String>, String> {
    let skus: Vec<String> =
        (1..=goods.products).map(|number| format!("load-{run}-{number}")).collect();
    let sold = stream::iter(&skus).map(|sku| sell(context, sku));
    sold.buffer_unordered(at_once).try_collect::<()>().await?;
    let shelves = skus.iter().flat_map(|sku| {
        goods.supply.shelves().map(move |(warehouse, units)| (sku.clone(), warehouse, units))
    });
    let filled = stream::iter(shelves)
        .map(|(sku, warehouse, units)| restock(context, sku, warehouse, units));
    filled.buffer_unordered(at_once).try_collect::<()>().await?;
    Ok(skus)
}

/// Puts a product on sale.
pub async fn sell(context: &Context, sku: &str) -> Result<(), String> {
    let price = Money::new(PRICE, Currency::AUD);
    let product = Product { sku: sku.to_owned(), name: "Load".into(), price };
    ask(context, &to("store", "/products", support(context), &product)).await
}

async fn restock(
    context: &Context,
    sku: String,
    warehouse: String,
    units: u32,
) -> Result<(), String> {
    let restock = Restock {
        key: format!("{sku}-{warehouse}"),
        sku: Sku::parse(sku).expect("well formed"),
        warehouse: WarehouseId::parse(warehouse).expect("well formed"),
        quantity: units.into(),
    };
    let bearer = token::for_service(context, NAME, "warehouse", "restock");
    ask::<Value>(context, &to("warehouse", "/stock", bearer, &restock)).await.map(drop)
}

/// Asks again until there is an answer or patience ends, for it does no harm twice: a product is put where
/// it is, goods come in once for each key, an account is opened once for each owner.
async fn ask<A: DeserializeOwned>(context: &Context, question: &Question) -> Result<A, String> {
    let deadline = context.ports.clock.now() + PATIENCE;
    let (answer, _) = insist(&context.ports, question, deadline, is_in_doubt).await?;
    read(question, &answer)
}

async fn on_sale(context: &Context) -> Result<Vec<String>, String> {
    let list = get("store", "/products").within(TIMEOUT);
    let products: Vec<Product> = must(&context.ports, &list).await?;
    Ok(products.into_iter().map(|product| product.sku).collect())
}

/// Tokens are the configuration's to sign: logging in is limited, and nothing to be measured here.
async fn customer(
    context: &Context,
    run: &str,
    number: usize,
    own_goods: bool,
) -> Result<Customer, String> {
    let (username, owner) = register(context, &format!("load-{run}-{number}")).await?;
    let bearer = token::for_user(context, &owner, &username, token::CUSTOMER);
    if own_goods {
        let balance = Money::new(PURSE, Currency::AUD);
        let account = OpenAccount { owner, balance, status: Status::Open };
        let teller = token::for_service(context, NAME, "bank", "teller");
        let question = to("bank", "/accounts", teller, &account);
        let _: AccountAnswer = ask(context, &question).await?;
    }
    Ok(Customer { bearer })
}

/// Registers under `name`, or one that begins with it: a registration has no key, so whoever asks again is
/// told that the name is taken if the first attempt came through after all. That customer then orders
/// nothing, and there is another. The name, and whose it is.
async fn register(context: &Context, name: &str) -> Result<(String, UserId), String> {
    let deadline = context.ports.clock.now() + PATIENCE;
    let mut username = name.to_owned();
    for another in 1.. {
        let register = Register {
            username: username.clone(),
            password: format!("{}{}", drawn(context), drawn(context)),
            email: format!("{username}@load.example"),
        };
        let question = post("store", "/register", &register).within(TIMEOUT);
        let (answer, asked_again) =
            insist(&context.ports, &question, deadline, is_in_doubt).await?;
        if answer.status == StatusCode::CONFLICT && asked_again > 0 {
            username = format!("{name}-{another}");
            continue;
        }
        let Registered { user_id } = read(&question, &answer)?;
        let owner = UserId::parse(user_id).map_err(|error| error.to_string())?;
        return Ok((username, owner));
    }
    unreachable!("each turn takes a pause, and the deadline comes")
}

fn to(to: &'static str, path: &str, bearer: String, body: &impl Serialize) -> Question {
    post(to, path, body).with_bearer(bearer).within(TIMEOUT)
}
