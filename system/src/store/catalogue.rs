//! Use cases of the catalogue: what is sold, and adding to it.

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::transact;

use super::dto;
use super::mapper::catalogue;
use crate::context::Context;
use crate::error::Error;
use crate::id::Sku;

/// Everything that is sold.
pub async fn list(context: &Context) -> Result<Vec<dto::Product>, Error> {
    let products = transact(&context.ports, "list_products", |transaction| {
        catalogue::all(transaction).scope_boxed()
    })
    .await?;
    let wire = |product: catalogue::Product| dto::Product {
        sku: product.sku.to_string(),
        name: product.name,
        price: product.price,
    };
    Ok(products.into_iter().map(wire).collect())
}

/// Adds a product, or changes its name and price.
pub async fn put(context: &Context, product: dto::Product) -> Result<(), Error> {
    if !(1..=100).contains(&product.name.chars().count()) {
        return Err(Error::invalid("name: expected 1 to 100 characters"));
    }
    if product.price.minor <= 0 {
        return Err(Error::invalid("price: expected more than nothing, in minor units"));
    }
    let sku = Sku::parse(product.sku)?;
    let product = &catalogue::Product { sku, name: product.name, price: product.price };
    transact(&context.ports, "put_product", move |transaction| {
        catalogue::upsert(transaction, product).scope_boxed()
    })
    .await
}
