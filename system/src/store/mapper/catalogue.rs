//! Products.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use stormproof_messaging::Transaction;

use crate::error::Error;
use crate::id::Sku;
use crate::money::{Currency, Money};

/// A product as stored.
#[derive(Clone, Debug)]
pub struct Product {
    pub sku: Sku,
    pub name: String,
    pub price: Money,
}

fn read(row: &AnyRow) -> Result<Product, Error> {
    Ok(Product {
        sku: Sku::parse(row.try_get::<String, _>(0)?)?,
        name: row.try_get(1)?,
        price: Money::new(row.try_get(2)?, Currency::parse(&row.try_get::<String, _>(3)?)?),
    })
}

pub async fn all(transaction: &mut Transaction<'_>) -> Result<Vec<Product>, Error> {
    let rows = sqlx::query("SELECT sku, name, price, currency FROM products ORDER BY sku")
        .fetch_all(transaction.sql())
        .await?;
    rows.iter().map(read).collect()
}

/// Those of `skus`, of which there is at least one, that the Store sells.
pub async fn find(
    transaction: &mut Transaction<'_>,
    skus: &[&Sku],
) -> Result<BTreeMap<Sku, Product>, Error> {
    // Only the number of placeholders varies, which no caller's text can reach.
    let places: Vec<_> = (1..=skus.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT sku, name, price, currency FROM products WHERE sku IN ({})",
        places.join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for sku in skus {
        query = query.bind(sku.to_string());
    }
    let rows = query.fetch_all(transaction.sql()).await?;
    let products = rows.iter().map(|row| read(row).map(|product| (product.sku.clone(), product)));
    products.collect()
}

/// Adds a product or changes its name and price; orders keep the price of their day.
pub async fn upsert(transaction: &mut Transaction<'_>, product: &Product) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO products (sku, name, price, currency) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (sku) DO UPDATE SET name = excluded.name, price = excluded.price, \
         currency = excluded.currency",
    )
    .bind(product.sku.to_string())
    .bind(product.name.clone())
    .bind(product.price.minor)
    .bind(product.price.currency.to_string())
    .execute(transaction.sql())
    .await?;
    Ok(())
}
