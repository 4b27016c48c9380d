//! The Store's products.

use scoped_futures::ScopedFutureExt as _;
use stormproof_system::error::Error;
use stormproof_system::money::{Currency, Money};
use stormproof_system::store::mapper::catalogue::{self, Product};

use super::bench::Bench;
use super::orders::sku;

super::checks!("store":
    a_product_is_added_and_then_changed,
    the_catalogue_is_in_order_of_sku,
);

fn product(name: &str, minor: i64, currency: &str) -> Product {
    let currency = Currency::parse(currency).expect("well formed");
    Product {
        sku: sku(name),
        name: format!("{name} for {minor}"),
        price: Money::new(minor, currency),
    }
}

async fn upsert(bench: &Bench, product: &Product) -> Result<(), Error> {
    bench.once(|transaction| catalogue::upsert(transaction, product).scope_boxed()).await
}

async fn find(bench: &Bench, name: &str) -> Option<(String, Money)> {
    let sku = &sku(name);
    let found = bench
        .once(|transaction| async move { catalogue::find(transaction, &[sku]).await }.scope_boxed())
        .await;
    let product = found.expect("the row can be read").remove(sku)?;
    Some((product.name, product.price))
}

async fn a_product_is_added_and_then_changed(bench: Bench) {
    assert_eq!(find(&bench, "teapot").await, None);
    for (minor, currency) in [(10_00, "AUD"), (12_50, "EUR")] {
        let product = product("teapot", minor, currency);
        upsert(&bench, &product).await.expect("a price");
        assert_eq!(find(&bench, "teapot").await, Some((product.name, product.price)));
    }
    assert!(upsert(&bench, &product("teapot", 0, "AUD")).await.is_err(), "nothing is free");
    assert_eq!(find(&bench, "teapot").await.map(|(_, price)| price.minor), Some(12_50));
}

async fn the_catalogue_is_in_order_of_sku(bench: Bench) {
    for name in ["teapot", "mug-2", "Kettle", "mug", "mug1"] {
        upsert(&bench, &product(name, 1, "AUD")).await.expect("a price");
    }
    let all = bench.once(|transaction| catalogue::all(transaction).scope_boxed()).await;
    let all = all.expect("the rows can be read");
    let skus: Vec<_> = all.iter().map(|product| product.sku.as_str()).collect();
    assert_eq!(skus, ["Kettle", "mug", "mug-2", "mug1", "teapot"]);
    assert_eq!(all[1].name, "mug for 1");
    let (kettle, mug, cup) = (&sku("Kettle"), &sku("mug"), &sku("cup"));
    let some = bench.once(|transaction| {
        async move { catalogue::find(transaction, &[mug, cup, kettle]).await }.scope_boxed()
    });
    let some = some.await.expect("the rows can be read");
    assert_eq!(some.keys().collect::<Vec<_>>(), [kettle, mug], "there is no cup");
}
