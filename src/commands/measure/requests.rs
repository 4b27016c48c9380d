//! HTTP requests: an order without a key, which the Store refuses at its door: it has read the request and
//! checked who asks by then, and asks no database.

use http::StatusCode;
use stormproof_ports::machine::Demand;
use stormproof_shop::questions::{post, refusal};
use stormproof_system::context::Context;
use stormproof_system::id::UserId;
use stormproof_system::store::dto::{PlaceOrder, WantedLine};
use stormproof_system::token;
use tokio::time::Instant;

use super::STORE;
use super::stopwatch::{Stopwatch, micros};

/// Before it is measured: connections are made, allocators have what they need.
const WARM_UP: u32 = 200;

/// Asks `rounds` times.
///
/// # Errors
/// In words: there is no answer, or another one.
pub async fn measure(context: &Context, watch: &Stopwatch, rounds: u32) -> Result<Demand, String> {
    let owner = UserId::parse("measure").expect("a valid id");
    let bearer = token::for_user(context, &owner, "measure", token::CUSTOMER);
    let line = WantedLine { sku: "measure".into(), quantity: 1 };
    let question = post("store", "/orders", &PlaceOrder { lines: vec![line] }).with_bearer(bearer);
    let ask = async |rounds: u32, took_us: &mut Vec<f64>| {
        for _ in 0..rounds {
            let start = Instant::now();
            let answer = context.ports.http.call(question.call()).await;
            let answer = answer.map_err(|error| format!("store: {error}"))?;
            took_us.push(micros(start.elapsed()));
            if answer.status != StatusCode::BAD_REQUEST {
                return Err(format!("store: /orders: expected 400, got {}", refusal(&answer)));
            }
        }
        Ok(())
    };
    ask(WARM_UP, &mut Vec::new()).await?;
    let timing = watch.time(STORE, rounds, async |took_us| ask(rounds, took_us).await).await?;
    Ok(timing.demand())
}
