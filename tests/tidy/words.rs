//! What lies below the shop knows no shop: not its types, not its columns, not its words.

use std::path::Path;

use super::source::{files, read, root};

/// The packages that another application can use as they are.
pub const BELOW: [&str; 10] = [
    "system/ports",
    "system/broker",
    "system/messaging",
    "sim/faults",
    "sim/sqlite",
    "sim/world",
    "sim/explore",
    "sim/macros",
    "sim/proptest",
    "src/ports",
];

/// What is there to be copied by others.
const EXAMPLES: [&str; 1] = ["sim/examples/clinic"];

/// Words of the shop, as parts of identifiers or of texts. SQL's ORDER BY and AMQP's delivery are
/// none, so `order` and `delivery` alone are looked for as identifiers of the shop's.
const SHOPS: [&str; 22] = [
    "OrderId",
    "order_id",
    "orderId",
    "order-",
    "OrderStatus",
    "an order",
    "the order",
    "orders ",
    "stock",
    "parcel",
    "customer",
    "warehouse",
    "refund",
    "debit",
    "cart",
    "teapot",
    "checkout",
    "carrier",
    "DeliveryCo",
    "allocation",
    "shop",
    "sku",
];

/// Phrases in which one of them is another thing.
const OTHERS: [&str; 3] = ["in the order ", "the order of", "the order in which"];

#[test]
fn what_lies_below_the_shop_knows_no_shop() {
    let mut found = Vec::new();
    for folder in BELOW.iter().chain(&EXAMPLES).map(|folder| root().join(folder)) {
        for source in files(&folder, "rs").into_iter().chain(files(&folder, "sql")) {
            found.extend(words_in(&source));
        }
    }
    assert!(found.is_empty(), "words of the shop below it:\n{}", found.join("\n"));
}

fn words_in(source: &Path) -> Vec<String> {
    let text = read(source);
    let lines = text.lines().enumerate();
    let hits = lines.filter_map(|(number, line)| {
        let bare = OTHERS.iter().fold(line.to_owned(), |line, other| line.replace(other, ""));
        let begins = |place: usize| !bare[..place].ends_with(char::is_alphanumeric);
        let is_there = |word: &&&str| bare.match_indices(**word).any(|(place, _)| begins(place));
        let word = SHOPS.iter().find(is_there)?;
        Some(format!("{}:{}: {word}", source.display(), number + 1))
    });
    hits.collect()
}
