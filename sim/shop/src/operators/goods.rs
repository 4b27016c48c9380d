//! Staff who keep the catalogue and the shelves: what is sold for how much, and what comes in.

use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use stormproof_system::id::{Sku, WarehouseId};
use stormproof_system::money::{Currency, Money};
use stormproof_system::question::Question;
use stormproof_system::store::dto::Product;
use stormproof_system::warehouse::dto::Restock;

use super::Operator;
use crate::client::ask;
use crate::client_history::PriceChange;
use crate::scenario::{Stock, WorldSpec};
use crate::topology::{RESTOCK, SET_UP, STAFF};

impl Operator {
    /// Fills the catalogue and the shelves.
    pub async fn open_shop(&self, world: &WorldSpec) {
        let mut tasks: Vec<BoxFuture<'_, ()>> = Vec::new();
        for (sku, price) in &world.products {
            let price = Money::new(*price, Currency::AUD);
            let product = Product { sku: sku.clone(), name: sku.clone(), price };
            tasks.push(Box::pin(async move {
                let question = Question::post("store", SET_UP, "/products", &product);
                self.must(question.with_bearer(self.support())).await;
            }));
        }
        for (number, Stock { sku, warehouse, units }) in world.stock.iter().enumerate() {
            let question = self.delivery(SET_UP, format!("first-{number}"), sku, warehouse, *units);
            tasks.push(Box::pin(async move { self.must(question).await }));
        }
        join_all(tasks).await;
    }

    pub(super) async fn change_price(&self, sku: &str, price: i64, at: Duration) -> bool {
        self.ports.clock.sleep(at.saturating_sub(self.environment.elapsed())).await;
        let money = Money::new(price, Currency::AUD);
        self.environment.say(STAFF, "", &format!("{sku} costs {money} from now on"));
        let begun = self.environment.elapsed();
        let change = PriceChange { price, begun, done: None };
        self.judge.state().client_history.price_changes.insert(sku.to_owned(), change);
        let product = Product { sku: sku.to_owned(), name: sku.to_owned(), price: money };
        let question = Question::post("store", SET_UP, "/products", &product);
        // What is refused (the token has expired, the Store being away for so long) has not fired.
        let answer = ask(&self.ports, &question.with_bearer(self.support())).await;
        let done = answer.status.is_success().then(|| self.environment.elapsed());
        let change = PriceChange { done, ..change };
        self.judge.state().client_history.price_changes.insert(sku.to_owned(), change);
        done.is_some()
    }

    /// Goods arrive; asked again under the same key until the Warehouse has them in its books.
    pub(super) async fn take_in(
        &self,
        sku: &str,
        warehouse: &str,
        units: i64,
        at: Duration,
    ) -> bool {
        self.ports.clock.sleep(at.saturating_sub(self.environment.elapsed())).await;
        self.environment.say(STAFF, "", &format!("{units} {sku} arrive in {warehouse}"));
        let key = format!("again-{sku}-{}", at.as_micros());
        let answer = ask(&self.ports, &self.delivery(RESTOCK, key, sku, warehouse, units)).await;
        // What is refused (the token has expired, the Warehouse being away for so long) has not fired.
        answer.status.is_success()
    }

    fn delivery(
        &self,
        operation: &'static str,
        key: String,
        sku: &str,
        warehouse: &str,
        quantity: i64,
    ) -> Question {
        let restock = Restock {
            key,
            sku: Sku::parse(sku).expect("checked at the door"),
            warehouse: WarehouseId::parse(warehouse).expect("checked at the door"),
            quantity,
        };
        let question = Question::post("warehouse", operation, "/stock", &restock);
        question.with_bearer(self.to("warehouse", "restock"))
    }
}
