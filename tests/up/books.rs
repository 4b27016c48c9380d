//! The books of a shop that is closed: what its five databases say when they are read side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sqlx::any::AnyRow;
use sqlx::{Connection as _, Row as _};

/// An order that the Store has.
#[derive(Debug)]
pub struct Order {
    pub status: String,
    payment: String,
    total: i64,
}

/// Reads all books, and asserts what must be true of them once every order has settled. `accepted`
/// are the orders that customers were promised; there are no others.
pub async fn balance(data: &Path, accepted: &BTreeSet<String>) -> BTreeMap<String, Order> {
    let orders = orders(data).await;
    let known: BTreeSet<String> = orders.keys().cloned().collect();
    let lost: Vec<_> = accepted.difference(&known).collect();
    let twice: Vec<_> = known.difference(accepted).collect();
    assert!(lost.is_empty() && twice.is_empty(), "lost: {lost:?}, placed twice: {twice:?}");
    let parcels = parcels(data).await;
    let debits = debits(data).await;
    for (id, order) in &orders {
        let (paid, refunded) = debits.get(id).copied().unwrap_or_default();
        match order.status.as_str() {
            "DELIVERED" => {
                assert_eq!((paid, refunded), (Some(order.total), None), "{id}: {order:?}");
                assert_eq!(parcels.get(id).map(String::as_str), Some("DELIVERED"), "{id}");
                assert_eq!(order.payment, "DEBITED", "{id}");
            }
            "CANCELLED" | "FAILED" => {
                assert_eq!(paid, refunded, "{id}: {order:?}: what was paid came back");
            }
            _ => panic!("{id} has not settled: {order:?}"),
        }
    }
    money_is_conserved(data).await;
    stock_is_conserved(data, &orders).await;
    orders
}

async fn orders(data: &Path) -> BTreeMap<String, Order> {
    let sql = "SELECT id, status, total, payment_status FROM orders";
    let row = |row: AnyRow| {
        let order = Order { status: row.get(1), total: row.get(2), payment: row.get(3) };
        (row.get(0), order)
    };
    rows(data, "store", sql).await.into_iter().map(row).collect()
}

async fn parcels(data: &Path) -> BTreeMap<String, String> {
    let rows = rows(data, "delivery", "SELECT order_id, status FROM parcels").await;
    rows.into_iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// By order: what was debited, and what was refunded. The Bank's keys allow one of each.
async fn debits(data: &Path) -> BTreeMap<String, (Option<i64>, Option<i64>)> {
    let sql = "SELECT debits.order_id, debits.amount, refunds.amount FROM debits \
               LEFT JOIN refunds ON refunds.debit_key = debits.key \
               WHERE debits.outcome = 'DEBITED'";
    let rows = rows(data, "bank", sql).await;
    let mut debits = BTreeMap::new();
    for row in rows {
        let before = debits.insert(row.get::<String, _>(0), (row.get(1), row.get(2)));
        assert_eq!(before, None, "one debit for each order");
    }
    debits
}

async fn money_is_conserved(data: &Path) {
    let sum = number(data, "bank", "SELECT SUM(amount) FROM entries").await;
    assert_eq!(sum, 0, "the ledger's sum never changes");
    let sql = "SELECT COUNT(*) FROM accounts WHERE balance <> \
               (SELECT COALESCE(SUM(amount), 0) FROM entries WHERE account = owner)";
    assert_eq!(number(data, "bank", sql).await, 0, "every balance is the sum of its entries");
    // Customers have what they were given, less what they paid for and keep.
    let given = number(data, "bank", "SELECT SUM(opened_balance) FROM accounts").await;
    let have = "SELECT SUM(balance) FROM accounts WHERE status <> 'INTERNAL'";
    let have = number(data, "bank", have).await;
    let kept = "SELECT COALESCE(SUM(total), 0) FROM orders WHERE status = 'DELIVERED'";
    assert_eq!(have + number(data, "store", kept).await, given, "no money is lost or made");
}

async fn stock_is_conserved(data: &Path, orders: &BTreeMap<String, Order>) {
    let sql = "SELECT COUNT(*) FROM stock WHERE reserved <> 0 OR received <> on_hand + committed";
    assert_eq!(number(data, "warehouse", sql).await, 0, "nothing is held for settled orders");
    let committed = number(data, "warehouse", "SELECT SUM(committed) FROM stock").await;
    let sql = "SELECT COALESCE(SUM(quantity), 0) FROM order_lines JOIN orders ON id = order_id \
               WHERE status = 'DELIVERED'";
    let sent = number(data, "store", sql).await;
    assert_eq!(committed, sent, "what left the shelves was delivered: {} orders", orders.len());
}

async fn number(data: &Path, service: &str, sql: &'static str) -> i64 {
    rows(data, service, sql).await.remove(0).get(0)
}

async fn rows(data: &Path, service: &str, sql: &'static str) -> Vec<AnyRow> {
    let connection = stormproof_sqlite::open_file(&data.join(format!("{service}.db"))).await;
    let mut connection = connection.expect("the shop is closed, and its files are whole");
    let rows = sqlx::query(sql).fetch_all(&mut connection).await;
    connection.close().await.expect("nothing is under way");
    rows.expect("the tables are there")
}
