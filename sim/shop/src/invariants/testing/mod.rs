//! A stage for checkers: a small truth that is good, commit by commit, and can be broken on
//! purpose.

mod rows;

use std::time::Duration;

use stormproof_system::messages::{DeliveryStatus, PaymentOutcome};
use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;
use stormproof_system::warehouse::dto::State;

use super::{Evidence, Findings, INVARIANTS};
use crate::client_history::{ClientHistory, CustomerBook, KeyAnswer, Placed};
use crate::scenario::Scenario;
use crate::truth::final_state::{AlertSeen, FinalState, MailSeen, SagaSeen};
use crate::truth::rows::*;
use crate::truth::{Step, Truth};

/// The one order.
pub const ORDER: &str = "order";
/// The one customer.
pub const ADA: &str = "ada";

/// Everything that checkers look at.
pub struct Stage {
    pub truth: Truth,
    pub client_history: ClientHistory,
    pub final_state: FinalState,
    pub scenario: Scenario,
    /// The time of the last commit: one a second.
    seconds: u64,
}

pub fn id(text: &str) -> Id {
    text.into()
}

impl Stage {
    /// One customer, one order of 2 teapots for 42.00, delivered.
    pub fn delivered() -> Stage {
        let mut stage = Stage::opened();
        for status in [
            OrderStatus::PendingPayment,
            OrderStatus::Paid,
            OrderStatus::Received,
            OrderStatus::PickedUp,
            OrderStatus::InTransit,
            OrderStatus::Delivered,
        ] {
            stage.must(|stage, step| match status {
                OrderStatus::PendingPayment => stage.accept(step),
                OrderStatus::Paid => stage.pay(step),
                _ => stage.move_on(step, status),
            });
        }
        stage.final_state.mails.push(mail("ordersuccess"));
        stage
    }

    /// The same order, only just taken.
    pub fn taken() -> Stage {
        let mut stage = Stage::opened();
        stage.must(Stage::accept);
        stage
    }

    /// Nothing happens for so long.
    pub fn pass(&mut self, seconds: u64) {
        self.seconds += seconds;
    }

    /// The same order, cancelled when the carrier had it, and refunded.
    pub fn cancelled() -> Stage {
        let mut stage = Stage::opened();
        stage.must(Stage::accept);
        stage.must(Stage::pay);
        stage.must(|stage, step| stage.move_on(step, OrderStatus::Received));
        stage.must(|stage, step| stage.order_is(step, OrderStatus::CancelPending));
        stage.must(|stage, step| {
            stage.parcel_is(step, DeliveryStatus::Cancelled);
            stage.reservation_is(step, State::Returned);
            stage.stock_is(step, 3, 0, 0);
            stage.payment_is(step, &[PaymentStatus::RefundDue]);
        });
        stage.must(Stage::refund);
        stage.must(|stage, step| {
            stage.payment_is(step, &[PaymentStatus::Refunded]);
            stage.order_is(step, OrderStatus::Cancelled);
        });
        stage.final_state.mails.extend([mail("ordersuccess"), mail("refund")]);
        stage.client_history.customers[0].orders[0].cancel_accepted = true;
        stage
    }

    /// The same order, refused before it was paid, while there were so many teapots, and so much on the
    /// account, at the least.
    pub fn refused(teapots: i64, balance: i64, payment: PaymentStatus) -> Stage {
        let mut stage = Stage::opened();
        // Who has the rest, nobody asks here.
        stage.commit(|stage, step| stage.stock_is(step, teapots, 0, 3 - teapots));
        stage.commit(|stage, step| stage.account_is(step, 3, ADA, balance));
        stage.client_history.customers[0].orders[0].asked_at = Duration::from_secs(stage.seconds);
        stage.must(|stage, step| stage.order_is(step, OrderStatus::PendingPayment));
        if payment == PaymentStatus::Declined {
            stage.must(|stage, step| stage.debit_is(step, 1, PaymentOutcome::Declined));
            stage.must(|stage, step| {
                stage.payment_is(step, &[PaymentStatus::DebitIntent, PaymentStatus::Declined]);
            });
        }
        stage.must(|stage, step| stage.order_is(step, OrderStatus::Failed));
        stage
    }

    /// An account of 100.00, three teapots in Sydney, and the books of the one order.
    fn opened() -> Stage {
        let scenario = "about = \"A stage.\"\n[[customer]]\nscript = []\n[world]\n\
                        stock = [ { sku = \"teapot\", warehouse = \"sydney\", units = 3 } ]\n\
                        products = [ { sku = \"teapot\", price = 21_00 } ]";
        let mut stage = Stage {
            truth: Truth::default(),
            client_history: client_history(),
            final_state: FinalState { rested_at: Some(9.0), ..FinalState::default() },
            scenario: Scenario::parse("stage.toml", scenario).expect("no mistake"),
            seconds: 0,
        };
        stage.truth.lows.followed = true;
        let saga = SagaSeen { goal: "DONE".into(), stock: "FREE".into(), delivery: "NONE".into() };
        stage.final_state.sagas.insert(id(ORDER), saga);
        stage.final_state.lines.insert(id(ORDER), [("teapot".to_owned(), 2)].into());
        stage.final_state.prices.insert(id(ORDER), [("teapot".to_owned(), 21_00)].into());
        let shelf = ("teapot".to_owned(), "sydney".to_owned());
        stage.final_state.consignments.insert(id(ORDER), [(shelf, 2)].into());
        stage.must(|stage, step| {
            for (number, owner) in [(1, "outside"), (2, "shop-0"), (3, ADA)] {
                stage.account_is(step, number, owner, 0);
            }
        });
        stage.must(|stage, step| stage.transfer(step, 10, "opening", "outside", ADA, 100_00));
        stage.must(|stage, step| {
            let row = RestockRow {
                key: id("first"),
                sku: id("teapot"),
                warehouse: id("sydney"),
                quantity: 3,
            };
            stage.truth.set(step, 1, Some(row));
            stage.stock_is(step, 3, 0, 0);
        });
        stage
    }

    /// Makes a commit; the names of the invariants that it breaks.
    pub fn commit(&mut self, change: impl FnOnce(&mut Stage, &mut Step)) -> Vec<&'static str> {
        self.seconds += 1;
        let mut step = Step { at: Duration::from_secs(self.seconds), ..Step::default() };
        change(self, &mut step);
        self.truth.settle(&step);
        let mut broken = Vec::new();
        for invariant in &INVARIANTS {
            let mut findings = Findings::default();
            invariant.step.inspect(|check| check(&self.truth, &step, &mut findings));
            if !findings.0.is_empty() {
                broken.push(invariant.name);
            }
        }
        broken
    }

    fn must(&mut self, change: impl FnOnce(&mut Stage, &mut Step)) {
        assert_eq!(self.commit(change), Vec::<&str>::new(), "a good commit breaks nothing");
    }

    /// The names of the invariants that do not hold at the end.
    pub fn end(&self) -> Vec<&'static str> {
        let Stage { truth, client_history, final_state, scenario, .. } = self;
        let evidence = Evidence { truth, client_history, final_state, scenario };
        let broken = INVARIANTS.iter().filter(|invariant| {
            let mut findings = Findings::default();
            invariant.end.inspect(|check| check(&evidence, &mut findings));
            !findings.0.is_empty()
        });
        broken.map(|invariant| invariant.name).collect()
    }

    /// What an invariant finds at the end.
    pub fn says(&self, name: &str) -> Vec<String> {
        let Stage { truth, client_history, final_state, scenario, .. } = self;
        let evidence = Evidence { truth, client_history, final_state, scenario };
        let mut findings = Findings::default();
        for invariant in INVARIANTS.iter().filter(|invariant| invariant.name == name) {
            invariant.end.inspect(|check| check(&evidence, &mut findings));
        }
        findings.0.into_iter().map(|finding| finding.what).collect()
    }

    fn accept(&mut self, step: &mut Step) {
        self.order_is(step, OrderStatus::PendingPayment);
        let line = ReservationLineRow {
            order_id: id(ORDER),
            sku: id("teapot"),
            warehouse: id("sydney"),
            quantity: 2,
        };
        self.truth.set(step, 1, Some(line));
        self.reservation_is(step, State::Held);
        self.stock_is(step, 3, 2, 0);
    }

    fn pay(&mut self, step: &mut Step) {
        self.transfer(step, 20, "debit-1", ADA, "shop-0", 42_00);
        self.debit_is(step, 1, PaymentOutcome::Debited);
        self.payment_is(step, &[PaymentStatus::DebitIntent, PaymentStatus::Debited]);
        self.order_is(step, OrderStatus::Paid);
        self.reservation_is(step, State::Committed);
        self.stock_is(step, 1, 0, 2);
    }

    pub fn refund(&mut self, step: &mut Step) {
        self.transfer(step, 30, "refund-1", "shop-0", ADA, 42_00);
        self.refund_is(step, 1, 42_00);
        self.order_row(step, |row| row.refund_id = id("refund-1"));
    }

    fn move_on(&mut self, step: &mut Step, status: OrderStatus) {
        self.parcel_is(
            step,
            match status {
                OrderStatus::Received => DeliveryStatus::Received,
                OrderStatus::PickedUp => DeliveryStatus::PickedUp,
                OrderStatus::InTransit => DeliveryStatus::InTransit,
                _ => DeliveryStatus::Delivered,
            },
        );
        self.order_is(step, status);
    }

    pub fn alert(&mut self, kind: &str) {
        let (database, order) = ("store-db".to_owned(), id(ORDER));
        let alert = format!("alert-{}", self.final_state.alerts.len());
        let (kind, cause) = (kind.to_owned(), MESSAGE.to_owned());
        let mail = mail(&format!("support:{kind}"));
        self.final_state.mails.push(MailSeen { alert: alert.clone(), ..mail });
        self.final_state.alerts.push(AlertSeen { database, id: alert, order, kind, cause });
    }
}

/// The message that alerts are about.
pub const MESSAGE: &str = "message-1";

pub fn mail(template: &str) -> MailSeen {
    let amount = matches!(template, "ordersuccess" | "refund").then(|| "42.00 AUD".to_owned());
    let (template, alert, to) = (template.to_owned(), String::new(), "ada@mail.example".into());
    MailSeen { template, alert, order: id(ORDER), to, amount, at: None }
}

fn client_history() -> ClientHistory {
    let answer = KeyAnswer {
        status: 202,
        location: "/orders/order".into(),
        body: "{}".into(),
        order_id: id(ORDER),
        total: 42_00,
    };
    let placed = Placed {
        key: "order-1".into(),
        lines: vec![("teapot".into(), 2)],
        answer: Some(answer),
        ..Placed::default()
    };
    let ada = CustomerBook {
        name: "customer-1".into(),
        user_id: ADA.into(),
        balance: 100_00,
        orders: vec![placed],
        ..CustomerBook::default()
    };
    let keys_kept = Duration::from_secs(48 * 3600);
    ClientHistory { customers: vec![ada], keys_kept, ..ClientHistory::default() }
}
