//! The demo: goods on shelves, a customer with money, and a login for support. All of it is made as
//! people would make it, through the services' own doors; done twice it changes nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use stormproof_system::bank::dto::{OpenAccount, Status};
use stormproof_system::error::{Error, Kind};
use stormproof_system::id::{Sku, UserId, WarehouseId};
use stormproof_system::money::{Currency, Money};
use stormproof_system::ports::{Answer, Call, Ports};
use stormproof_system::store::accounts::Accounts;
use stormproof_system::store::dto::{Login, Product, Register};
use stormproof_system::token;
use stormproof_system::warehouse::dto::Restock;

/// The demo's customer, and its login for support.
pub const CUSTOMER: &str = "ada";
pub const SUPPORT: &str = "support";

/// What every new customer finds at the demo's Bank, in cents.
pub const WELCOME_MINOR: i64 = 500_00;

/// Who asks, in the tokens of the demo's calls.
const CALLER: &str = "demo";

const PATIENCE: Duration = Duration::from_secs(10);

/// What is sold: (sku, name, price in cents).
const PRODUCTS: [(&str, &str, i64); 4] = [
    ("teapot", "Teapot for two", 24_50),
    ("kettle", "Whistling kettle", 39_00),
    ("lamp", "Storm lamp", 54_90),
    ("umbrella", "Umbrella, windproof", 31_00),
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

/// Makes sure that there is a login for the support team. Customers register by themselves; who
/// works for the shop is appointed by its owner.
///
/// # Errors
/// Why there is none.
pub async fn appoint_support(store: &Ports, password: &str) -> Result<(), String> {
    let request = registration(SUPPORT, password);
    match Accounts::default().appoint(store, request).await {
        Ok(_) => Ok(()),
        Err(error) if error.is(Kind::Conflict) => Ok(()),
        Err(error) => Err(format!("cannot appoint {SUPPORT}: {error}")),
    }
}

/// Fills the catalogue, the shelves and the customer's account.
///
/// # Errors
/// What was refused, and why.
pub async fn fill(store: &Ports, password: &str) -> Result<(), String> {
    let sold = sold(store).await?;
    for (sku, name, price) in PRODUCTS.into_iter().filter(|(sku, ..)| !sold.contains(*sku)) {
        let price = Money::new(price, Currency::AUD);
        let product = Product { sku: sku.into(), name: name.into(), price };
        let support = UserId::parse(SUPPORT).expect("a valid id");
        let bearer = token::for_user(store, &support, SUPPORT, token::SUPPORT);
        must(ask(store, "store", Method::POST, "/products", Some(bearer), &product).await?)?;
    }
    for (sku, warehouse, quantity) in SHELVES {
        let restock = Restock {
            key: format!("demo-{sku}-{warehouse}"),
            sku: Sku::parse(sku).expect("a valid sku"),
            warehouse: WarehouseId::parse(warehouse).expect("a valid warehouse"),
            quantity,
        };
        let bearer = token::for_service(store, CALLER, "warehouse", "restock");
        must(ask(store, "warehouse", Method::POST, "/stock", Some(bearer), &restock).await?)?;
    }
    welcome_customer(store, password).await
}

async fn sold(store: &Ports) -> Result<BTreeSet<String>, String> {
    let answer = ask(store, "store", Method::GET, "/products", None, &json!({})).await?;
    let products: Vec<Product> = serde_json::from_slice(&must(answer)?.body)
        .map_err(|error| format!("the list of products cannot be read: {error}"))?;
    Ok(products.into_iter().map(|product| product.sku).collect())
}

/// Registers the customer; logs in if it is registered already. Either opens its account
/// (`welcome`).
async fn welcome_customer(store: &Ports, password: &str) -> Result<(), String> {
    let registration = registration(CUSTOMER, password);
    let answer = ask(store, "store", Method::POST, "/register", None, &registration).await?;
    if answer.status != StatusCode::CONFLICT {
        return must(answer).map(drop);
    }
    let login = Login { username: CUSTOMER.into(), password: password.into() };
    let answer = ask(store, "store", Method::POST, "/login", None, &login).await?;
    match answer.status {
        // Its account was opened when it registered, or is when it next logs in.
        StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => Ok(()),
        _ => must(answer).map(drop),
    }
}

fn registration(name: &str, password: &str) -> Register {
    let email = format!("{name}@stormproof.example");
    Register { username: name.into(), password: password.into(), email }
}

/// Opens an account with the welcome money for a customer who has none yet.
///
/// # Errors
/// If the Bank does not answer, or refuses.
pub async fn open_account(ports: &Ports, owner: UserId) -> Result<(), Error> {
    let balance = Money::new(WELCOME_MINOR, Currency::AUD);
    let account = OpenAccount { owner, balance, status: Status::Open };
    let bearer = token::for_service(ports, CALLER, "bank", "teller");
    let answer = ask(ports, "bank", Method::POST, "/accounts", Some(bearer), &account).await;
    match answer.and_then(must) {
        Ok(_) => Ok(()),
        Err(why) => Err(Error::Unavailable(why)),
    }
}

async fn ask(
    ports: &Ports,
    to: &'static str,
    method: Method,
    path: &str,
    bearer: Option<String>,
    body: &impl Serialize,
) -> Result<Answer, String> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(bearer) = bearer {
        let bearer = HeaderValue::from_str(&format!("Bearer {bearer}"));
        headers.insert(header::AUTHORIZATION, bearer.expect("tokens are ASCII"));
    }
    let body = match method {
        Method::GET => Bytes::new(),
        _ => serde_json::to_vec(body).expect("requests have string keys only").into(),
    };
    let operation = "set up";
    let path = path.to_owned();
    let call = Call { to, operation, method, path, headers, body, timeout: PATIENCE };
    ports.http.call(call).await.map_err(|error| format!("the demo asks {to}: {error}"))
}

/// The answer, if it is one of success.
fn must(answer: Answer) -> Result<Answer, String> {
    match answer.status.is_success() {
        true => Ok(answer),
        false => {
            let why = String::from_utf8_lossy(&answer.body).into_owned();
            Err(format!("the demo was refused: {} {why}", answer.status))
        }
    }
}
