//! Which sizes of orders and sums a run has reached: a rare road is one of values, too.

use stormproof_system::store::payment::PaymentStatus;

use crate::sometimes::Counters;
use crate::truth::Truth;
use crate::truth::final_state::FinalState;

/// More lines than a page shows.
pub const LONG_CART: &str = "paid for more than 20 lines";
/// More of one product than anybody needs.
pub const MANY_UNITS: &str = "paid for more than 100 of a product";
/// Beyond what a float of 32 bits holds to the cent.
pub const DEAR: &str = "paid more than 167,772.16";
/// As dear, and the account has less.
pub const DECLINED_DEAR: &str = "declined more than 167,772.16";
/// A few cents.
pub const CHEAP: &str = "paid less than 1.00";
/// Several warehouses give to one order.
pub const SPREAD: &str = "fetched from more than one warehouse";

/// 2^24 cents.
const FLOAT_CENTS: i64 = 167_772_16;

/// Counts the orders that reached each range.
pub fn count(counters: &mut Counters, truth: &Truth, final_state: &FinalState) {
    for order in truth.orders.iter() {
        let lines = final_state.lines.get(&order.id);
        let most = lines.and_then(|lines| lines.values().max()).copied().unwrap_or(0);
        let lines = lines.map_or(0, |lines| lines.len());
        let consignment = final_state.consignments.get(&order.id);
        let mut warehouses: Vec<&str> = consignment
            .into_iter()
            .flatten()
            .map(|((_, warehouse), _)| warehouse.as_str())
            .collect();
        warehouses.sort_unstable();
        warehouses.dedup();
        let paid = truth.charge_of(&order.id).is_some();
        let declined = order.payment_status == PaymentStatus::Declined;
        for (name, reached) in [
            (LONG_CART, paid && lines > 20),
            (MANY_UNITS, paid && most > 100),
            (DEAR, paid && order.total > FLOAT_CENTS),
            (DECLINED_DEAR, declined && order.total > FLOAT_CENTS),
            (CHEAP, paid && order.total < 1_00),
            (SPREAD, warehouses.len() > 1),
        ] {
            if reached {
                counters.count(name);
            }
        }
    }
}
