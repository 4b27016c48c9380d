//! Customers: they follow their scripts, ask again when they get no answer, and remember every
//! word they are told.

mod ordering;
mod reading;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use stormproof_ports::time::Time;
use stormproof_ports::{Answer, Ports};
use stormproof_system::error::Problem;
use stormproof_system::question::Question;
use stormproof_system::settings::Auth;
use stormproof_system::store::dto::{LoggedIn, Login, OrderView, Register, TimelineEntry};

use crate::client::ask;
use crate::client_history::Placed;
use crate::environment::Environment;
use crate::judge::Judge;
use crate::scenario::{Action, ScriptStep, Which};
use crate::secrets::PASSWORD_MARK;
use crate::truth::rows::Id;

/// A customer at work.
#[derive(Clone)]
pub struct Shopper {
    /// From 0.
    number: usize,
    name: Arc<str>,
    environment: Arc<dyn Environment>,
    ports: Ports,
    judge: Judge,
    token: Arc<Mutex<Token>>,
}

/// What a customer logged in with last.
#[derive(Clone, Default)]
struct Token {
    text: String,
    /// When it came, by the customer's clock.
    since: Time,
}

impl Token {
    /// Whether nobody may take it any more, whatever clock they go by.
    fn has_long_expired(&self, now: Time) -> bool {
        let Auth { token_lifetime, leeway, .. } = Auth::default();
        now.since(self.since) > token_lifetime + leeway + CLOCKS_APART
    }
}

/// No scenario's clocks are further apart.
const CLOCKS_APART: Duration = Duration::from_secs(600);

impl Shopper {
    /// The customer with this number, from 0.
    pub fn new(environment: &Arc<dyn Environment>, judge: &Judge, number: usize) -> Shopper {
        let name = crate::topology::customer(number + 1);
        Shopper {
            number,
            environment: environment.clone(),
            ports: environment.ports(&name),
            name: name.into(),
            judge: judge.clone(),
            token: Arc::default(),
        }
    }

    /// Registers and logs in; returns the user's id, which is also the owner of the bank account.
    pub async fn arrive(&self) -> String {
        let username = self.name.to_string();
        let email = format!("{username}@mail.example");
        let register = Register { username, password: self.password(), email };
        let question = Question::post("store", "register", "/register", &register);
        // A conflict: the answer to the first try was lost, and this user is already we.
        ask(&self.ports, &question).await;
        let user_id = self.log_in().await;
        self.judge.state().client_history.customers[self.number].user_id.clone_from(&user_id);
        user_id
    }

    fn password(&self) -> String {
        format!("{PASSWORD_MARK}{}", self.name)
    }

    fn token(&self) -> Token {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn log_in(&self) -> String {
        let login = Login { username: self.name.to_string(), password: self.password() };
        let question = Question::post("store", "login", "/login", &login);
        loop {
            let answer = ask(&self.ports, &question).await;
            if let Ok(logged_in) = serde_json::from_slice::<LoggedIn>(&answer.body) {
                let token = Token { text: logged_in.token, since: self.ports.clock.now() };
                *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
                return logged_in.user_id;
            }
            // Not registered after all, or too many logins: later.
            self.ports.clock.sleep(Duration::from_secs(1)).await;
        }
    }

    /// Follows the script, then looks at what became of it so far.
    pub async fn shop(&self, script: &[ScriptStep]) {
        let mut placed = 0;
        for step in script {
            if let Some((which, status)) = step.wait_until {
                self.wait_until(which, status).await;
            }
            if !step.after.is_zero() {
                self.ports.clock.sleep(step.after).await;
            }
            match &step.action {
                Action::Wait => {}
                Action::Order(order) => {
                    self.place(placed, order).await;
                    placed += 1;
                    let state = self.judge.state();
                    state.notify(&topic(self.number, placed));
                }
                Action::Cancel(which) => self.cancel(*which).await,
                Action::Poll => self.look_closely().await,
            }
        }
        if script.iter().any(|step| !matches!(step.action, Action::Wait)) {
            self.look().await;
        }
    }

    /// Waits for a fact, not for an answer: until the order has been there, or is settled.
    async fn wait_until(&self, which: Which, status: stormproof_system::store::order::OrderStatus) {
        let Some(id) = self.order(which) else { return };
        self.judge
            .until(&id, |state| {
                let order = state.truth.orders.get(&id)?;
                let there = order.arrival(status).is_some() || state.truth.is_settled(order);
                there.then_some(())
            })
            .await;
    }

    /// The id of one of the orders placed so far, if its customer knows it.
    fn order(&self, which: Which) -> Option<Id> {
        let state = self.judge.state();
        let orders = &state.client_history.customers[self.number].orders;
        let placed = match which {
            Which::First => orders.first(),
            Which::Last => orders.last(),
            Which::Number(number) => orders.get(usize::try_from(number).ok()?.checked_sub(1)?),
        };
        let answer = placed?.answer.as_ref()?;
        (answer.status == 202).then(|| answer.order_id.clone())
    }

    async fn cancel(&self, which: Which) {
        let Some(id) = self.order(which) else { return };
        self.environment.say(&self.name, &id, "cancels");
        self.judge.state().fired("cancel");
        let path = format!("/orders/{id}/cancel");
        let answer = self.ask(&Question::post("store", "cancel", path, &Value::Null)).await;
        let state = &mut *self.judge.state();
        let client_history = &mut state.client_history;
        match (answer.status, Problem::parse(&answer.body)) {
            (StatusCode::ACCEPTED, _) => {
                let Ok(view) = serde_json::from_slice::<OrderView>(&answer.body) else { return };
                if let Some(placed) = client_history.customers[self.number].placed(&id) {
                    placed.cancel_accepted = true;
                }
                client_history.saw(self.number, &id, &view.status, None);
            }
            (StatusCode::CONFLICT, Some(problem)) => {
                if let Some(status) = problem.more.get("status").and_then(Value::as_str) {
                    client_history.saw(self.number, &id, status, None);
                }
            }
            (status, _) => {
                let what = format!("its cancellation was answered {status}");
                client_history.contradict("promises kept", Some(&id), what);
            }
        }
    }

    /// Looks at all own orders and their timelines, and tries to see somebody else's order.
    async fn look_closely(&self) {
        self.look().await;
        let (own, other) = {
            let state = self.judge.state();
            let book = &state.client_history.customers[self.number];
            let own: Vec<Id> = book.all().filter_map(Placed::order_id).cloned().collect();
            let mut others =
                state.truth.orders.iter().filter(|order| *order.user_id != *book.user_id);
            (own, others.next().map(|order| order.id.clone()))
        };
        for id in own {
            let path = format!("/orders/{id}/timeline");
            let answer = self.ask(&Question::get("store", "timeline", path)).await;
            let Ok(entries) = serde_json::from_slice::<Vec<TimelineEntry>>(&answer.body) else {
                let what = format!("its timeline was answered {}", answer.status);
                self.judge.state().client_history.contradict("promises kept", Some(&id), what);
                continue;
            };
            let state = &mut *self.judge.state();
            for entry in entries {
                state.client_history.saw(self.number, &id, &entry.status, Some(entry.at));
            }
        }
        if let Some(id) = other {
            let path = format!("/orders/{id}");
            let answer = self.ask(&Question::get("store", "look", path)).await;
            let mut state = self.judge.state();
            let pried = &mut state.client_history.customers[self.number].pried;
            pried.push((id, answer.status.as_u16()));
        }
    }

    /// Asks as this customer until there is an answer; logs in again when the token has expired.
    async fn ask(&self, question: &Question) -> Answer {
        loop {
            let token = self.token();
            let question = question.clone().with_bearer(token.text.clone());
            // Not when the answer comes, for it may have been asked for in time.
            let asked_at = self.ports.clock.now();
            let answer = ask(&self.ports, &question).await;
            if answer.status != StatusCode::UNAUTHORIZED {
                if token.has_long_expired(asked_at) {
                    let what =
                        format!("{}: an expired token was answered {}", self.name, answer.status);
                    self.judge.state().client_history.contradict("private", None, what);
                }
                return answer;
            }
            self.log_in().await;
        }
    }
}

/// What rings when a customer's order (from 1) has its answer, or will have none.
pub fn topic(customer: usize, order: usize) -> String {
    format!("placed {customer}/{order}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_no_use_when_it_has_expired_by_every_clock() {
        let token = Token { text: String::new(), since: Time(0) };
        let Auth { token_lifetime, leeway, .. } = Auth::default();
        let end = Time(0) + token_lifetime + leeway + CLOCKS_APART;
        assert!(!token.has_long_expired(end));
        assert!(token.has_long_expired(end + Duration::from_millis(1)));
    }
}
