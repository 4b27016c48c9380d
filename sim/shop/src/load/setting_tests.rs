//! What is prepared, where requests and answers are lost on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures::future::{BoxFuture, ready};
use futures::task::noop_waker_ref;
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stormproof_ports::absent::Absent;
use stormproof_ports::hand_clock::HandClock;
use stormproof_ports::{Answer, Call, CallError, Compute, Http, Ports, Rng};
use stormproof_system::bank::dto::{AccountAnswer, OpenAccount};
use stormproof_system::context::Context;
use stormproof_system::id::UserId;
use stormproof_system::settings::Settings;
use stormproof_system::store::dto::{Product, Register, Registered};
use stormproof_system::token;
use stormproof_system::warehouse::dto::Restock;

use super::goods::{Goods, OwnGoods, Supply};
use super::setting::{Customer, Setting, sell};

const GOODS: OwnGoods =
    OwnGoods { products: 4, supply: Supply { units_of_each: 10, warehouses: 3 } };

const NOBODY: Absent = Absent("nobody is there");

/// What is lost of every third request that changes something.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lost {
    Nothing,
    Request,
    Answer,
}

/// Store, Warehouse and Bank as far as a load prepares them.
struct Shop {
    lost: Lost,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    asked: BTreeMap<String, u32>,
    products: BTreeMap<String, Product>,
    restocks: BTreeMap<String, Restock>,
    users: BTreeMap<String, String>,
    accounts: BTreeMap<String, OpenAccount>,
}

impl Http for Shop {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, CallError>> {
        let mut books = self.books.lock().unwrap();
        let count = books.asked.entry(call.path.clone()).or_default();
        *count += 1;
        let lost = match *count % 3 == 1 && call.method == Method::POST {
            true => self.lost,
            false => Lost::Nothing,
        };
        let answer = match lost {
            Lost::Request => Err(CallError::Unavailable("lost".into())),
            Lost::Answer => {
                books.answer(&call);
                Err(CallError::Unknown("lost".into()))
            }
            Lost::Nothing => Ok(books.answer(&call)),
        };
        Box::pin(ready(answer))
    }
}

impl Books {
    fn answer(&mut self, call: &Call) -> Answer {
        match (&call.method, call.path.as_str()) {
            (&Method::GET, "/products") => {
                answer(StatusCode::OK, &self.products.values().collect::<Vec<_>>())
            }
            (_, "/products") => {
                let product: Product = body(call);
                self.products.insert(product.sku.clone(), product);
                answer(StatusCode::NO_CONTENT, &())
            }
            (_, "/stock") => {
                let restock: Restock = body(call);
                let stored = self.restocks.entry(restock.key.clone()).or_insert(restock.clone());
                assert_eq!(*stored, restock, "a key has one content");
                answer(StatusCode::OK, &restock)
            }
            (_, "/register") => {
                let Register { username, .. } = body(call);
                if self.users.contains_key(&username) {
                    return answer(StatusCode::CONFLICT, &());
                }
                let user_id = format!("user-{}", self.users.len());
                self.users.insert(username, user_id.clone());
                answer(StatusCode::CREATED, &Registered { user_id })
            }
            (_, "/accounts") => {
                let account: OpenAccount = body(call);
                let OpenAccount { owner, balance, status } = account.clone();
                self.accounts.insert(owner.to_string(), account);
                answer(StatusCode::OK, &AccountAnswer { owner, balance, status })
            }
            (method, path) => panic!("nobody asks for {method} {path}"),
        }
    }
}

fn body<T: DeserializeOwned>(call: &Call) -> T {
    serde_json::from_slice(&call.body).expect("the load asks for what there is")
}

fn answer(status: StatusCode, body: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(body).expect("it has string keys only").into();
    Answer { status, headers: HeaderMap::new(), body }
}

/// Draws that differ.
#[derive(Default)]
struct Counter(AtomicU64);

impl Rng for Counter {
    fn fill(&self, _: &'static str, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        bytes.iter_mut().zip(count.iter().cycle()).for_each(|(byte, of)| *byte = *of);
    }
}

impl Compute for Counter {
    fn run(&self, _: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()> {
        unreachable!("a load computes nothing")
    }
}

fn context(http: Arc<dyn Http>) -> (Arc<HandClock>, Context) {
    let clock = Arc::new(HandClock::default());
    let counter = Arc::new(Counter::default());
    let ports = Ports {
        node: "load".into(),
        clock: clock.clone(),
        rng: counter.clone(),
        http,
        queue: Arc::new(NOBODY),
        database: Arc::new(NOBODY),
        mailer: Arc::new(NOBODY),
        compute: counter,
        outgoing: Default::default(),
        transactions: Default::default(),
    };
    (clock, Context::new(ports, Arc::new(Settings::default())))
}

/// What a future comes to that waits for nobody.
fn done<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = std::task::Context::from_waker(noop_waker_ref());
    for _ in 0..1000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("it waits for somebody")
}

#[test]
fn what_is_lost_on_the_way_is_asked_for_again() {
    for lost in [Lost::Nothing, Lost::Request, Lost::Answer] {
        let shop = Arc::new(Shop { lost, books: Mutex::default() });
        let (clock, context) = context(shop.clone());
        let prepared = Setting::prepare(context, 2, Some(GOODS), 3);
        let setting = done(prepared).expect("patience is enough");
        let customers = done(setting.customers(0, 5, 2)).expect("patience is enough");

        let books = shop.books.lock().unwrap();
        let names: BTreeSet<&String> = setting.skus.iter().collect();
        assert_eq!(names, books.products.keys().collect::<BTreeSet<_>>(), "{lost:?}");
        for sku in names {
            let shelves = books.restocks.values().filter(|restock| restock.sku.as_str() == sku);
            let units: Vec<i64> = shelves.map(|restock| restock.quantity).collect();
            assert_eq!(units, [4, 3, 3], "{lost:?}: {sku}");
        }
        // Whoever registered and was not told so has no account, and orders nothing.
        let owners: BTreeSet<String> = customers.iter().map(|it| owner(&setting, it)).collect();
        assert_eq!(owners.len(), 5, "{lost:?}");
        assert_eq!(books.accounts.keys().cloned().collect::<BTreeSet<_>>(), owners, "{lost:?}");
        let unheard = books.users.len() - owners.len();
        assert_eq!(unheard > 0, lost == Lost::Answer, "{lost:?}: {unheard}");
        assert_eq!(clock.slept().is_empty(), lost == Lost::Nothing, "{lost:?}");
    }
}

/// Whose token it is.
fn owner(setting: &Setting, customer: &Customer) -> String {
    let bearer = http::HeaderValue::try_from(format!("Bearer {}", customer.bearer)).unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, bearer)]);
    let claims = token::user(&setting.context, &headers).expect("the load signed it");
    UserId::parse(claims.sub).expect("the Store's id").to_string()
}

#[test]
fn that_nobody_is_there_is_told_at_once() {
    let (clock, context) = context(Arc::new(NOBODY));
    let prepared = Setting::prepare(context, 2, Some(GOODS), 3);
    let why = done(prepared).err().expect("nobody answers");
    assert!(why.contains("nobody is there"), "{why}");
    assert!(clock.slept().is_empty(), "{:?}", clock.slept());
}

#[test]
fn a_shop_that_sells_too_little_for_an_order_is_told() {
    let prepare = |products: &[&str], lines| {
        let shop = Arc::new(Shop { lost: Lost::Nothing, books: Mutex::default() });
        let (_, context) = context(shop.clone());
        for sku in products {
            done(sell(&context, sku)).expect("the Store answers");
        }
        done(Setting::prepare(context, lines, None, 3)).map(|setting| setting.goods)
    };
    assert_eq!(prepare(&[], 1), Err("store: there is nothing on sale".into()));
    let why = prepare(&["mug", "tea"], 3).expect_err("there are two");
    assert!(why.contains("--lines 3: expected 2 at most"), "{why}");
    let goods = Goods { lines_per_order: 2, products: 2, supply: None };
    assert_eq!(prepare(&["mug", "tea"], 2), Ok(goods));
}
