//! What a load orders: of which products, in how many lines, where their units lie; and who got some. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use stormproof_system::store::dto::{LineView, OrderView};

/// What is ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Goods {
    /// Of an order, one unit each.
    pub lines_per_order: u32,
    /// They take turns: an order's lines are of products that follow each other.
    pub products: u32,
    /// How much there is of goods of the load's own; else the shop sells what it has.
    pub supply: Option<Supply>,
}

/// How much there is of each product, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Supply {
    pub units_of_each: u32,
    /// All units of a product lie spread over them as evenly as they divide.
    pub warehouses: u32,
}

/// Goods of the load's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnGoods {
    pub products: u32,
    pub supply: Supply,
}

impl Supply {
    /// Each warehouse's name, and the units of each product there.
    pub fn shelves(self) -> impl Iterator<Item = (String, u32)> {
        let Supply { units_of_each, warehouses } = self;
        let (each, over) = (units_of_each / warehouses, units_of_each % warehouses);
        (0..warehouses)
            .map(move |place| (format!("warehouse-{}", place + 1), each + u32::from(place < over)))
    }
}

impl Goods {
    /// The places of the products of the order with this number.
    pub fn ordered(&self, number: u32) -> impl Iterator<Item = usize> {
        let lines = u64::from(self.lines_per_order);
        let (first, products) = (u64::from(number) * lines, u64::from(self.products));
        (first..first + lines)
            .map(move |place| usize::try_from(place % products).expect("32 bits are a size"))
    }

    /// `3 lines an order, of 1000 products: 200 units of each in 10 warehouses`.
    pub fn words(&self) -> String {
        let lines = counted(self.lines_per_order, "line");
        let products = counted(self.products, "product");
        match self.supply {
            Some(Supply { units_of_each, warehouses }) => format!(
                "{lines} an order, of {products}: {} of each in {}",
                counted(units_of_each, "unit"),
                counted(warehouses, "warehouse")
            ),
            None => format!("{lines} an order, of {products} that the shop has"),
        }
    }
}

fn counted(count: u32, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Who got some of the goods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sales {
    /// Orders that found too few units left.
    pub refused: u64,
    /// Those of them that could have had all that they asked for.
    pub refused_without_cause: u64,
    /// The units sold of products of which there were fewer.
    pub oversold: BTreeMap<String, i64>,
}

/// What became of a product's units.
#[derive(Clone, Copy, Default)]
struct Shelf {
    sold: i64,
    /// Of orders that were cancelled: too late, perhaps, for whoever had been refused before.
    came_back: i64,
}

const REFUSED: &str = "FAILED";
const CAME_BACK: &str = "CANCELLED";

impl Sales {
    /// Of so many units of each product.
    pub fn of<'a>(orders: impl Iterator<Item = &'a OrderView> + Clone, units: i64) -> Sales {
        let mut shelves: BTreeMap<&str, Shelf> = BTreeMap::new();
        for (order, line) in
            orders.clone().flat_map(|it| it.lines.iter().map(move |line| (it, line)))
        {
            let shelf = shelves.entry(&line.sku).or_default();
            match order.status.as_str() {
                REFUSED => {}
                CAME_BACK => shelf.came_back += line.quantity,
                _ => shelf.sold += line.quantity,
            }
        }
        // What there was when it was refused, and what came back since, is all that may be left now.
        let was_there = |line: &LineView| {
            let Shelf { sold, came_back } = shelves[line.sku.as_str()];
            units - sold >= line.quantity + came_back
        };
        let refused = orders.filter(|order| order.status == REFUSED);
        let without_cause = refused.clone().filter(|order| order.lines.iter().all(was_there));
        let oversold = shelves.iter().filter(|(_, shelf)| shelf.sold > units);
        Sales {
            refused: count(refused.clone()),
            refused_without_cause: count(without_cause),
            oversold: oversold.map(|(sku, shelf)| ((*sku).to_owned(), shelf.sold)).collect(),
        }
    }

    /// What is wrong with who got some.
    pub fn misjudged(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some((sku, sold)) = self.oversold.first_key_value() {
            let products = self.oversold.len();
            wrong.push(format!(
                "more is sold than there was of {products} products: of {sku} {sold} units"
            ));
        }
        if self.refused_without_cause > 0 {
            let count = self.refused_without_cause;
            wrong.push(format!(
                "{count} orders were refused, though units of all that they asked for are left"
            ));
        }
        wrong
    }
}

fn count<'a>(orders: impl Iterator<Item = &'a OrderView>) -> u64 {
    u64::try_from(orders.count()).expect("they are in memory")
}

#[cfg(test)]
mod tests {
    use stormproof_system::money::{Currency, Money};

    use super::*;

    fn goods(lines_per_order: u32, products: u32) -> Goods {
        Goods { lines_per_order, products, supply: None }
    }

    #[test]
    fn an_orders_lines_are_of_different_products_and_all_take_turns() {
        let goods = goods(3, 4);
        let ordered: Vec<Vec<usize>> = (0..4).map(|it| goods.ordered(it).collect()).collect();
        assert_eq!(ordered, [[0, 1, 2], [3, 0, 1], [2, 3, 0], [1, 2, 3]]);
        assert_eq!(goods.ordered(u32::MAX).count(), 3);
    }

    #[test]
    fn units_lie_evenly_and_none_is_lost() {
        let shelves = |units_of_each, warehouses| {
            Supply { units_of_each, warehouses }.shelves().collect::<Vec<_>>()
        };
        let named = [("warehouse-1", 3), ("warehouse-2", 2), ("warehouse-3", 2)];
        assert_eq!(shelves(7, 3), named.map(|(name, units)| (name.to_owned(), units)));
        assert_eq!(shelves(1, 1), [("warehouse-1".to_owned(), 1)]);
    }

    #[test]
    fn what_is_ordered_is_told() {
        let supply = Some(Supply { units_of_each: 200, warehouses: 10 });
        let told = Goods { supply, ..goods(3, 1000) }.words();
        assert_eq!(told, "3 lines an order, of 1000 products: 200 units of each in 10 warehouses");
        let supply = Some(Supply { units_of_each: 1, warehouses: 1 });
        let told = Goods { supply, ..goods(1, 1) }.words();
        assert_eq!(told, "1 line an order, of 1 product: 1 unit of each in 1 warehouse");
        assert_eq!(goods(2, 4).words(), "2 lines an order, of 4 products that the shop has");
    }

    /// `count` orders of a unit of each of `skus`, which are one letter each.
    fn orders(count: usize, status: &str, skus: &str) -> Vec<OrderView> {
        let price = Money::new(10_00, Currency::AUD);
        let line =
            |sku: char| LineView { sku: sku.into(), name: String::new(), quantity: 1, price };
        let order = OrderView {
            order_id: String::new(),
            status: status.to_owned(),
            payment: String::new(),
            total: price,
            explanation: String::new(),
            lines: skus.chars().map(line).collect(),
        };
        vec![order; count]
    }

    #[test]
    fn who_gets_the_last_units_is_judged() {
        let sales = |orders: &[Vec<OrderView>]| Sales::of(orders.iter().flatten(), 9);
        let holds = |orders: &[Vec<OrderView>], refused| {
            assert_eq!(sales(orders), Sales { refused, ..Sales::default() });
        };
        holds(&[], 0);
        holds(&[orders(9, "DELIVERED", "a"), orders(9, "FAILED", "a")], 9);
        // Perhaps it came back when they had gone.
        let cancelled = orders(1, "CANCELLED", "a");
        holds(&[orders(8, "DELIVERED", "a"), cancelled.clone(), orders(9, "FAILED", "a")], 9);
        holds(&[orders(3, "DELIVERED", "a"), orders(1, "LOST", "a")], 0);
        // One product that is gone is cause enough; it is no cause for who wants others.
        holds(&[orders(9, "DELIVERED", "ab"), orders(2, "FAILED", "bc")], 2);
        holds(
            &[orders(8, "DELIVERED", "a"), orders(1, "DELIVERED", "ab"), orders(1, "FAILED", "ab")],
            1,
        );

        let wrong = sales(&[orders(9, "DELIVERED", "ab"), orders(1, "LOST", "b")]);
        assert_eq!(wrong.oversold, [("b".to_owned(), 10)].into());
        assert!(wrong.misjudged()[0].contains("of 1 products: of b 10 units"), "{wrong:?}");
        let all = [orders(7, "DELIVERED", "a"), cancelled, orders(1, "FAILED", "a")];
        let wrong = sales(&all);
        assert_eq!((wrong.refused, wrong.refused_without_cause), (1, 1));
        assert!(wrong.misjudged()[0].contains("1 orders were refused"), "{wrong:?}");
        let wrong = sales(&[orders(9, "DELIVERED", "a"), orders(4, "FAILED", "bc")]);
        assert_eq!((wrong.refused, wrong.refused_without_cause), (4, 4));
    }
}
