//! Drawing what things cost and how much of them is ordered: odd cents, dear goods, long carts, large
//! quantities. A sum that is right for two things at 10.00 says little.

use std::collections::BTreeMap;

use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use stormproof_shop::scenario::tables::{
    CustomerTable, Document, ProductTable, StepTable, StockTable,
};
use stormproof_shop::scenario::units::At;
use stormproof_world::seed::Stream;

use super::ms;

/// Prices in cents: even ones, some that no float of dollars holds, and the least there is.
const PRICES: [i64; 8] = [10_00, 10_00, 8_20, 19_99, 4_35, 16_40, 1_15, 1];
/// The most lines that an order may have.
const LINES_MAX: usize = 50;
/// The most of one product in an order.
const QUANTITY_MAX: i64 = 1000;

/// Gives every product a price, and some storms an order that is out of the usual.
pub(super) fn draw(stream: &mut Stream, document: &mut Document) {
    let mut skus: Vec<String> =
        document.world.stock.iter().map(|row| row.sku.value.clone()).collect();
    skus.dedup();
    for sku in skus {
        let price = *PRICES.choose(stream).expect("there are prices");
        document.world.products.push(product(sku, price));
    }
    // Each from a stream's next draws, whether it is used or not.
    let (cart, dear, many) = (
        long_cart(stream),
        stream.random_range(60_000_00..99_999_99),
        stream.random_range(101..=QUANTITY_MAX),
    );
    let buyer = stream.random_range(0..document.customers.len());
    match stream.random_range(0..100) {
        0..7 => {
            let lines = cart.iter().map(|(sku, _)| (sku.clone(), 1));
            buy(&mut document.customers[buyer], 1_000_00, lines.collect());
            for (sku, price) in cart {
                document.world.stock.push(stock(&sku, 3));
                document.world.products.push(product(sku, price));
            }
        }
        7..14 => {
            document.world.stock.push(stock("organ", 9));
            document.world.products.push(product("organ".to_owned(), dear));
            // One is rich, one has enough, and one has not.
            for (place, balance) in [(buyer, 5_000_000_00), (buyer + 1, 250_000_00), (buyer + 2, 0)]
            {
                let customers = document.customers.len();
                let customer = &mut document.customers[place % customers];
                buy(customer, balance, BTreeMap::from([("organ".to_owned(), 2)]));
            }
        }
        14..21 => {
            document.world.stock.push(stock("nail", 2 * many));
            document.world.products.push(product("nail".to_owned(), 1_15));
            buy(
                &mut document.customers[buyer],
                many * 1_15,
                BTreeMap::from([("nail".to_owned(), many)]),
            );
        }
        _ => {}
    }
}

/// Products that nobody else wants, each with its price.
fn long_cart(stream: &mut Stream) -> Vec<(String, i64)> {
    let lines = stream.random_range(11..=LINES_MAX);
    let priced =
        |line| (format!("item-{line:02}"), *PRICES.choose(stream).expect("there are prices"));
    (1..=lines).map(priced).collect()
}

/// One more order, first of all in a script, and the money for it.
fn buy(customer: &mut CustomerTable, more: i64, lines: BTreeMap<String, i64>) {
    if let Some(balance) = &mut customer.balance {
        balance.value += more;
    }
    let lines = lines.into_iter().map(|(sku, quantity)| (sku, At::from(quantity)));
    let step =
        StepTable { after: Some(ms(700)), order: Some(lines.collect()), ..StepTable::default() };
    customer.script.insert(0, At::from(step));
}

fn product(sku: String, price: i64) -> ProductTable {
    ProductTable { sku: At::from(sku), price: At::from(price) }
}

fn stock(sku: &str, units: i64) -> StockTable {
    let (sku, warehouse) = (At::from(sku.to_owned()), At::from("sydney".to_owned()));
    StockTable { sku, warehouse, units: At::from(units) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::{Profile, document};

    /// How many of 300 storms have an order that `is` so.
    fn storms(is: impl Fn(&Document, &BTreeMap<String, At<i64>>) -> bool) -> usize {
        let has = |seed: &u64| {
            let document = document(*seed, Profile::Swarm);
            let scripts = document.customers.iter().flat_map(|customer| &customer.script);
            scripts.filter_map(|step| step.value.order.as_ref()).any(|lines| is(&document, lines))
        };
        (1..=300).filter(has).count()
    }

    #[test]
    fn some_carts_are_long_some_goods_dear_some_quantities_large() {
        let price = |document: &Document, sku: &str| {
            let of = |product: &&ProductTable| product.sku.value == sku;
            document.world.products.iter().find(of).map_or(0, |product| product.price.value)
        };
        assert!(storms(|_, lines| lines.len() > 20) > 5);
        assert!(storms(|_, lines| lines.len() == LINES_MAX) > 0);
        assert!(storms(|_, lines| lines.values().any(|quantity| quantity.value > 500)) > 5);
        assert!(storms(|all, lines| lines.keys().any(|sku| price(all, sku) > 80_000_00)) > 2);
        assert!(storms(|all, lines| lines.keys().all(|sku| price(all, sku) == 1)) > 10);
    }
}
