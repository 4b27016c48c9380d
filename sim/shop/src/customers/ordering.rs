//! Placing an order, in all the ways that people do: once, twice at once, half, and with a key that
//! is taken.

use std::time::Duration;

use futures::future::{Either, join, select};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use stormproof_ports::Answer;
use stormproof_system::error::Kind;
use stormproof_system::question::{Question, is_definitive};
use stormproof_system::store::dto::{OrderView, PlaceOrder, WantedLine};

use super::Shopper;
use crate::client::{ask_once, problem_kind};
use crate::client_history::{KeyAnswer, Placed};
use crate::scenario::OrderStep;
use crate::sometimes::{KEY_FORGOTTEN, OTHER_WORDS};

/// What a customer reads of an order; unknown members are for others.
#[derive(Deserialize)]
struct Refusal {
    order_id: String,
}

/// The same question, its body with its members in another order and with white space.
fn in_other_words(question: &Question) -> Question {
    let body: Value = serde_json::from_slice(&question.body).expect("a body of ours");
    let words = serde_json::to_vec_pretty(&body).expect("bodies have string keys only");
    Question { body: words.into(), ..question.clone() }
}

impl Shopper {
    pub(super) async fn place(&self, number: usize, step: &OrderStep) {
        // Everybody counts their orders alike: a key is its customer's.
        let key = format!("order-{}", number + 1);
        let (lines, asked_at) = (step.lines.clone(), self.environment.elapsed());
        let placed = Placed { key: key.clone(), lines, asked_at, ..Placed::default() };
        self.judge.state().client_history.customers[self.number].orders.push(placed);
        let question = self.order_question(&key, &step.lines);
        let goods: Vec<_> =
            step.lines.iter().map(|(sku, quantity)| format!("{quantity} {sku}")).collect();
        self.environment.say(&self.name, "", &format!("orders {}", goods.join(", ")));
        match step.gone {
            Some((patience, back)) => self.go_away(number, &question, patience, back).await,
            None if step.double_submit => {
                self.judge.state().fired("double submit");
                let again = in_other_words(&question);
                join(self.submit(number, &question), self.submit(number, &again)).await;
            }
            None => self.submit(number, &question).await,
        }
        if step.same_key_other_body {
            self.reuse_key(number, &key, &step.lines).await;
        }
        if let Some(again) = step.again {
            self.ports.clock.sleep(again).await;
            self.environment.say(&self.name, "", "asks again in other words, same key");
            self.submit(number, &in_other_words(&question)).await;
            self.count_again(number);
        }
    }

    fn order_question(&self, key: &str, lines: &[(String, i64)]) -> Question {
        let line =
            |(sku, quantity): &(String, i64)| WantedLine { sku: sku.clone(), quantity: *quantity };
        let body = PlaceOrder { lines: lines.iter().map(line).collect() };
        Question::post("store", "order", "/orders", &body).with_key(key)
    }

    /// Asks until the key is answered, and remembers the answer.
    async fn submit(&self, number: usize, question: &Question) {
        let asked_at = self.environment.elapsed();
        let answer = self.ask(question).await;
        self.remember(number, &answer, asked_at);
    }

    /// A repeat is rare: one whose key was known, and one whose key was forgotten.
    fn count_again(&self, number: usize) {
        let state = &mut *self.judge.state();
        let book = &state.client_history.customers[self.number];
        let is_new = book.made_again.iter().any(|again| again.key == book.orders[number].key);
        state.counters.count(if is_new { KEY_FORGOTTEN } else { OTHER_WORDS });
    }

    /// Drops the request after a while; is back later, or never.
    async fn go_away(
        &self,
        number: usize,
        question: &Question,
        patience: Duration,
        back: Option<Duration>,
    ) {
        let asked_at = self.environment.elapsed();
        let in_a_hurry = question.clone().with_bearer(self.token().text);
        let sleep = self.ports.clock.sleep(patience);
        let answer = match select(Box::pin(ask_once(&self.ports, &in_a_hurry)), sleep).await {
            Either::Left((answer, _)) => answer.ok().filter(is_definitive),
            Either::Right(((), request)) => {
                drop(request);
                self.judge.state().fired("buyer gone mid-request");
                self.environment.say(&self.name, "", "is gone before the answer");
                None
            }
        };
        match (answer, back) {
            // The token had expired: whoever is still there logs in and asks again
            // (`scenarios/regressions/token_expired_in_a_hurry.toml`).
            (Some(answer), _) if answer.status == StatusCode::UNAUTHORIZED => {
                self.submit(number, question).await;
            }
            (Some(answer), _) => self.remember(number, &answer, asked_at),
            (None, Some(back)) => {
                self.ports.clock.sleep(back).await;
                self.environment.say(&self.name, "", "is back and asks again, same key");
                self.submit(number, question).await;
            }
            (None, None) => {
                let mut state = self.judge.state();
                state.client_history.customers[self.number].orders[number].forgotten = true;
            }
        }
    }

    /// Another body with a key that is taken: 422, and nothing else, for as long as keys are kept.
    async fn reuse_key(&self, number: usize, key: &str, lines: &[(String, i64)]) {
        let more: Vec<_> =
            lines.iter().map(|(sku, quantity)| (sku.clone(), quantity + 1)).collect();
        let answer = self.ask(&self.order_question(key, &more)).await;
        let now = self.environment.elapsed();
        let mut state = self.judge.state();
        state.fired("same key, other body");
        let keys_kept = state.client_history.keys_kept;
        let placed = &mut state.client_history.customers[self.number].orders[number];
        placed.answered_at = now;
        let is_kept = now < placed.asked_at + keys_kept;
        if is_kept && problem_kind(&answer) != Some(Kind::KeyReused) {
            let what = format!(
                "{}: another body with the key {key} was answered {}",
                self.name, answer.status
            );
            state.client_history.contradict("same key, same answer", None, what);
        }
    }

    /// Notes the answer to an order: 202 with the order, or 409 with the order that failed at once.
    fn remember(&self, number: usize, answer: &Answer, asked_at: Duration) {
        let now = self.environment.elapsed();
        let state = &mut *self.judge.state();
        let read = match answer.status {
            StatusCode::ACCEPTED => serde_json::from_slice::<OrderView>(&answer.body)
                .ok()
                .map(|view| (view.order_id, view.total.minor)),
            StatusCode::CONFLICT if problem_kind(answer) == Some(Kind::NotEnoughStock) => {
                let refusal = serde_json::from_slice::<Refusal>(&answer.body).ok();
                refusal.map(|refusal| (refusal.order_id, 0))
            }
            _ => None,
        };
        let Some((order_id, total)) = read else {
            let broken = match problem_kind(answer) {
                Some(Kind::KeyReused) => "keys are whose they are",
                _ => "promises kept",
            };
            let what = format!("{}: an order was answered {}", self.name, answer.status);
            state.client_history.contradict(broken, None, what);
            return;
        };
        let location = answer.headers.get("location").and_then(|value| value.to_str().ok());
        let answer = KeyAnswer {
            status: answer.status.as_u16(),
            location: location.unwrap_or_default().to_owned(),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
            order_id: order_id.into(),
            total,
        };
        state.client_history.answered((self.number, number), answer, asked_at, now);
    }
}
