//! The people of the shop: they set it up, lose and find parcels, close the Bank and accounts, and
//! mend in the calm what machines could not. What is sold and what lies where is kept in `goods.rs`.

mod goods;
mod support;
mod views;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Method;
use serde_json::json;
use stormproof_ports::notify::Notify;
use stormproof_ports::{Message, Ports, Settle};
use stormproof_system::bank::dto::{OpenAccount, Status, StatusRequest};
use stormproof_system::context::Context;
use stormproof_system::id::UserId;
use stormproof_system::messages::{DEAD, QUEUES};
use stormproof_system::money::{Currency, Money};
use stormproof_system::question::Question;
use stormproof_system::store::order::OrderStatus;
use stormproof_system::token;

use crate::client::ask;
use crate::client_history::{InnocentLetter, LetterFound};
use crate::customers::topic;
use crate::environment::Environment;
use crate::judge::Judge;
use crate::scenario::tables::Card;
use crate::scenario::{OrderName, PeopleFault};
use crate::sometimes::DLQ_REPLAY;
use crate::topology::{POISON, SET_ACCOUNT, SET_UP, STAFF};
use crate::truth::rows::Id;
use stormproof_faults::{Fault, FaultKind, Target};

/// Somebody who works for the shop.
#[derive(Clone)]
pub struct Operator {
    environment: Arc<dyn Environment>,
    ports: Ports,
    /// The same ports, with the shop's secrets.
    context: Context,
    judge: Judge,
}

impl Operator {
    /// `context` is that of the node [`STAFF`], with the shop's secrets.
    pub fn new(environment: &Arc<dyn Environment>, context: Context, judge: &Judge) -> Operator {
        let ports = context.ports.clone();
        Operator { environment: environment.clone(), ports, context, judge: judge.clone() }
    }

    fn support(&self) -> String {
        let user = UserId::parse("support").expect("a valid id");
        token::for_user(&self.context, &user, "support", token::SUPPORT)
    }

    fn to(&self, service: &'static str, scope: &'static str) -> String {
        token::for_service(&self.context, STAFF, service, scope)
    }
}

/// Before the storm.
impl Operator {
    /// Opens a customer's account.
    pub async fn open_account(&self, owner: &str, balance: i64, card: Card) {
        let account = OpenAccount {
            owner: UserId::parse(owner).expect("ids of the Store's making"),
            balance: Money::new(balance, Currency::AUD),
            status: match card {
                Card::Ok => Status::Open,
                Card::Declined => Status::Frozen,
            },
        };
        let question = Question::post("bank", SET_UP, "/accounts", &account);
        self.must(question.with_bearer(self.to("bank", "teller"))).await;
    }

    /// What cannot be refused: nothing is wrong with it and there is no storm yet.
    async fn must(&self, question: Question) {
        let answer = ask(&self.ports, &question).await;
        let body = String::from_utf8_lossy(&answer.body);
        assert!(answer.status.is_success(), "{}: {} {body}", question.path, answer.status);
    }
}

/// In the storm.
impl Operator {
    /// Makes one fault of people happen; returns whether it did.
    pub async fn carry_out(&self, fault: &PeopleFault, zero: Duration) -> bool {
        match fault {
            PeopleFault::BankClosed { at, length } => self.close_bank(zero + *at, *length).await,
            PeopleFault::Poison { queue, at } => self.poison(queue, zero + *at).await,
            PeopleFault::ChangePrice { sku, price, at } => {
                self.change_price(sku, *price, zero + *at).await
            }
            PeopleFault::Restock { sku, warehouse, units, at } => {
                self.take_in(sku, warehouse, *units, zero + *at).await
            }
            PeopleFault::LoseParcel { order, status, after } => {
                self.report(*order, "lost", *after, |parcel| match status {
                    OrderStatus::InTransit => parcel.in_transit_at.is_some(),
                    OrderStatus::PickedUp => parcel.picked_up_at.is_some(),
                    _ => parcel.received_at.is_some(),
                })
                .await
            }
            PeopleFault::FindParcel { order, after } => {
                self.report(*order, "found", *after, |parcel| parcel.lost_at.is_some()).await
            }
            PeopleFault::CloseAccount { order, status, after, reopen } => {
                self.close_account(*order, *status, *after, *reopen).await
            }
        }
    }

    async fn close_bank(&self, at: Duration, length: Duration) -> bool {
        self.ports.clock.sleep(at.saturating_sub(self.environment.elapsed())).await;
        let node = "bank".to_owned();
        self.environment.say(STAFF, "", "the bank closes");
        self.environment.strike(&Fault::new(FaultKind::Stop, Target::Node(node)).by(length));
        true
    }

    /// A message of a schema that nobody knows, again and again until the broker has it.
    async fn poison(&self, queue: &str, at: Duration) -> bool {
        self.ports.clock.sleep(at.saturating_sub(self.environment.elapsed())).await;
        self.environment.say(
            STAFF,
            "",
            &format!("a message that nobody can read arrives in {queue}"),
        );
        let message = Message {
            exchange: String::new(),
            routing_key: queue.to_owned(),
            message_id: format!("{POISON}-{queue}-{}", at.as_micros()),
            correlation_id: POISON.to_owned(),
            schema: POISON.to_owned(),
            version: 1,
            traceparent: String::new(),
            timestamp: self.ports.clock.now().0,
            attempt: 0,
            body: "{".into(),
        };
        while self.ports.queue.publish(message.clone()).await.is_err() {
            self.ports.clock.sleep(Duration::from_secs(1)).await;
        }
        true
    }

    /// A driver reports, once the parcel is where it can be lost or found.
    async fn report(
        &self,
        order: OrderName,
        what: &'static str,
        after: Duration,
        ready: impl Fn(&crate::truth::rows::ParcelRow) -> bool,
    ) -> bool {
        let Some(id) = self.placed(order).await else { return false };
        let is_ready = self.judge.until(&id, |state| {
            let settled =
                state.truth.orders.get(&id).is_some_and(|row| state.truth.is_settled(row));
            match state.truth.parcels.get(&id) {
                Some(parcel) if ready(parcel) => Some(true),
                _ => settled.then_some(false),
            }
        });
        if !is_ready.await {
            return false;
        }
        self.ports.clock.sleep(after).await;
        let operation = if what == "lost" { "report lost" } else { "report found" };
        let path = format!("/deliveries/{id}/{what}");
        let question = Question::post("delivery", operation, path, &json!({}));
        ask(&self.ports, &question.with_bearer(self.to("delivery", "driver"))).await;
        // A lost answer makes the second report a conflict, so the parcel itself has to say.
        self.environment.refreshed().await;
        let state = self.judge.state();
        state.truth.parcels.get(&id).is_some_and(|parcel| match what {
            "lost" => parcel.lost_at.is_some(),
            _ => parcel.found_at.is_some(),
        })
    }

    async fn close_account(
        &self,
        order: OrderName,
        status: OrderStatus,
        after: Duration,
        reopen: Option<Duration>,
    ) -> bool {
        let Some(id) = self.placed(order).await else { return false };
        let there = self.judge.until(&id, |state| {
            let row = state.truth.orders.get(&id)?;
            let there = row.arrival(status).is_some();
            (there || state.truth.is_settled(row)).then_some(there)
        });
        if !there.await {
            return false;
        }
        self.ports.clock.sleep(after).await;
        self.environment.refreshed().await;
        let owner = {
            let state = self.judge.state();
            if state.truth.refund_of(&id).is_some() {
                return false;
            }
            state.truth.orders.get(&id).map(|row| row.user_id.clone())
        };
        let Some(owner) = owner else { return false };
        self.environment.say(STAFF, &id, "closes the account of the buyer");
        self.set_account(&owner, Status::Closed).await;
        if let Some(reopen) = reopen {
            self.ports.clock.sleep(reopen).await;
            self.environment.say(STAFF, &id, "opens the account of the buyer again");
            self.set_account(&owner, Status::Open).await;
        }
        true
    }

    async fn set_account(&self, owner: &str, status: Status) {
        let path = format!("/accounts/{owner}/status");
        let question = Question::new(Method::PUT, "bank", SET_ACCOUNT, path)
            .with_body(&StatusRequest { status })
            .with_bearer(self.to("bank", "teller"));
        ask(&self.ports, &question).await;
    }

    /// The id of an order of a script, once it is placed; `None` if it never will be.
    async fn placed(&self, name: OrderName) -> Option<Id> {
        let (customer, order) = (name.customer - 1, name.order);
        self.judge
            .until(&topic(customer, order), |state| {
                let placed = state.client_history.customers[customer].orders.get(order - 1)?;
                match &placed.answer {
                    Some(answer) => Some((answer.status == 202).then(|| answer.order_id.clone())),
                    None => placed.forgotten.then_some(None),
                }
            })
            .await
    }
}

/// In the calm.
impl Operator {
    /// Tries every dead letter once more, under its own id. Returns how many there were.
    pub async fn replay_dead_letters(&self) -> usize {
        let mut replayed = 0;
        for (queue, dead) in QUEUES.iter().zip(dead_letter_queues()) {
            let waiting = self.environment.ready(dead).await;
            if waiting > 0 {
                replayed += self.replay(queue.name, dead, waiting).await;
            }
        }
        replayed
    }

    async fn replay(&self, queue: &str, dead: &'static str, count: usize) -> usize {
        let notify = Notify::default();
        let Ok(mut subscription) = self.ports.queue.subscribe(dead, 1, notify.clone()).await else {
            return 0;
        };
        let mut replayed = 0;
        while replayed < count {
            let delivery = match subscription.take() {
                Ok(Some(delivery)) => delivery,
                Ok(None) => {
                    notify.notified().await;
                    continue;
                }
                Err(_) => break,
            };
            self.examine(queue, &delivery.message);
            let order = delivery.message.correlation_id.clone();
            self.environment.say(
                STAFF,
                &order,
                &format!("replays a dead {}", delivery.message.schema),
            );
            let message = Message {
                exchange: String::new(),
                routing_key: queue.to_owned(),
                attempt: 0,
                ..delivery.message
            };
            if self.ports.queue.publish(message).await.is_err()
                || subscription.settle(delivery.tag, Settle::Ack).await.is_err()
            {
                break;
            }
            self.judge.state().counters.count(DLQ_REPLAY);
            replayed += 1;
        }
        replayed
    }

    /// Whether a dead letter had to die.
    fn examine(&self, queue: &str, message: &Message) {
        let found = LetterFound {
            queue: queue.to_owned(),
            message_id: message.message_id.clone(),
            schema: message.schema.clone(),
            order: message.correlation_id.as_str().into(),
            found_at: self.environment.elapsed(),
        };
        self.judge.state().client_history.letters_found.push(found);
        let attempts = message.attempt + 1;
        let is_used_up = attempts >= self.context.settings.consumer.attempts_max;
        if message.schema != POISON && !is_used_up {
            let (schema, order) = (message.schema.clone(), message.correlation_id.as_str().into());
            let letter = InnocentLetter { queue: queue.to_owned(), schema, order, attempts };
            self.judge.state().client_history.innocent_letters.push(letter);
        }
    }
}

/// The dead-letter queues, in the order of [`QUEUES`].
pub fn dead_letter_queues() -> impl Iterator<Item = &'static str> {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    let names = || QUEUES.iter().map(|queue| format!("{}{DEAD}", queue.name)).collect();
    NAMES.get_or_init(names).iter().map(String::as_str)
}
