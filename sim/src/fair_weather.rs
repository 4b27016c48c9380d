//! A shop in which nothing goes wrong and nothing runs out, to measure speed by.

use stormproof_explore::FairWeather;
use stormproof_faults::outcome::Outcome;
use stormproof_shop::scenario::Scenario;

/// How many customers buy at once.
const CUSTOMERS: u64 = 20;

/// The scenario of so many orders, as many for each customer, and what must have come of it.
pub fn fair_weather(orders: u64) -> FairWeather<Scenario> {
    let customers = usize::try_from(orders.clamp(1, CUSTOMERS)).expect("they are few");
    let each = usize::try_from(orders).expect("a world holds fewer").div_ceil(customers);
    let script = vec!["{ order = { teapot = 1 } }"; each].join(", ");
    let customer = format!("[[customer]]\nbalance = 10000000\nscript = [{script}]\n");
    let orders = each * customers;
    let text = format!(
        "about = \"Nothing goes wrong.\"\n[world]\n\
         stock = [{{ sku = \"teapot\", warehouse = \"sydney\", units = {orders} }}]\n{}\
         [expect]\norders = {{ DELIVERED = {orders} }}\n",
        customer.repeat(customers)
    );
    let scenario = Scenario::parse("fair_weather.toml", &text);
    FairWeather { scenario: scenario.expect("it is written here"), check }
}

/// Figures of orders that were not delivered would be worth nothing.
fn check(outcome: &Outcome) -> Result<(), String> {
    let delivered = outcome.figures.each("orders_by_status", "DELIVERED");
    let orders = outcome.figures.number("orders");
    match delivered == orders && orders > 0 {
        true => Ok(()),
        false => Err(format!("fair weather delivered {delivered} of {orders} orders")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fair_weather_is_a_scenario() {
        assert_eq!(fair_weather(400).scenario.name, "fair_weather");
    }
}
