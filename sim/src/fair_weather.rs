//! A shop in which nothing goes wrong and nothing runs out, to measure speed by.

use stormproof_explore::FairWeather;
use stormproof_faults::outcome::Outcome;
use stormproof_shop::scenario::Scenario;

/// How many customers buy at once, and how often each.
const CUSTOMERS: usize = 20;
const ORDERS_EACH: usize = 20;

/// The scenario, and what must have come of it.
pub fn fair_weather() -> FairWeather<Scenario> {
    let order = "{ order = { teapot = 1 } }";
    let script = vec![order; ORDERS_EACH].join(", ");
    let customer = format!("[[customer]]\nbalance = 10000000\nscript = [{script}]\n");
    let stock = CUSTOMERS * ORDERS_EACH;
    let text = format!(
        "about = \"Nothing goes wrong.\"\n[world]\n\
         stock = [{{ sku = \"teapot\", warehouse = \"sydney\", units = {stock} }}]\n{}",
        customer.repeat(CUSTOMERS)
    );
    let scenario = Scenario::parse("fair_weather.toml", &text);
    FairWeather { scenario: scenario.expect("it is written here"), check }
}

/// Figures of orders that were not delivered would be worth nothing.
fn check(outcome: &Outcome) -> Result<(), String> {
    let delivered = outcome.figures.each("orders_by_status", "DELIVERED");
    match delivered == (CUSTOMERS * ORDERS_EACH) as u64 {
        true => Ok(()),
        false => {
            let orders = outcome.figures.number("orders");
            Err(format!("fair weather delivered {delivered} of {orders} orders"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fair_weather_is_a_scenario() {
        assert_eq!(fair_weather().scenario.name, "fair_weather");
    }
}
