//! Support compares at rest what all services say of the orders, page by page: by the Store's own
//! comparison, and by asking each of the others for all that it knows.

use serde::Deserialize;
use stormproof_system::question::Question;
use stormproof_system::store::payment::PaymentStatus;
use stormproof_system::views::{self, Views, ViewsRequest};

use super::Operator;
use crate::client::ask;
use crate::questions::NAME;
use crate::reconciliation;
use crate::truth::Truth;
use crate::truth::rows::Id;

/// Of a view, whose it is; what it says the Store compares.
#[derive(Deserialize)]
struct Viewed {
    order_id: Id,
}

/// Who is asked, and whom they must know.
type Asked = (&'static str, fn(&Truth) -> Vec<Id>);

const ASKED: [Asked; 3] = [
    ("warehouse", |truth| truth.reservations.iter().map(|row| row.order_id.clone()).collect()),
    ("bank", |truth| truth.debits.iter().map(|row| row.order_id.clone()).collect()),
    ("delivery", |truth| truth.parcels.iter().map(|row| row.order_id.clone()).collect()),
];

impl Operator {
    /// Nothing is found, all orders that are done are compared, and every service tells of all that it
    /// knows, as many at once as it is asked for.
    /// Returns whether anything is wrong, of which support hears then.
    pub async fn compare_views(&self) -> bool {
        self.environment.refreshed().await;
        let before = self.judge.state().commits;
        let mut wrong = self.compare_in_the_store().await;
        for (service, known) in ASKED {
            wrong.extend(self.views_of(service, known).await);
        }
        self.environment.refreshed().await;
        let mut state = self.judge.state();
        let is_wrong = !wrong.is_empty();
        // Who looks while something moves sees neither what was nor what is.
        if state.commits == before {
            for what in wrong {
                state.client_history.contradict("views agree", None, what);
            }
        }
        is_wrong
    }

    async fn compare_in_the_store(&self) -> Vec<String> {
        let found = match reconciliation::all(&self.context, 0).await {
            Ok(found) => found,
            Err(why) => return vec![format!("nobody can compare: {why}")],
        };
        let told = found.differences.iter().map(|difference| {
            let order = self.environment.alias(&difference.order_id);
            format!("of {order} support is told: {}", difference.text)
        });
        let mut wrong: Vec<String> = told.collect();
        let state = self.judge.state();
        let done = state.truth.orders.iter().filter(|order| {
            state.truth.is_settled(order) && order.payment_status != PaymentStatus::Parked
        });
        let done = i64::try_from(done.count()).expect("a handful");
        if found.compared != done {
            wrong.push(format!("{} orders are compared, and {done} are done", found.compared));
        }
        let rows = self.context.settings.reconcile.batch;
        if found.longest > rows {
            wrong.push(format!("{} orders are compared at once, expected {rows}", found.longest));
        }
        wrong
    }

    /// What is wrong with the pages of a service's views.
    async fn views_of(&self, service: &'static str, known: fn(&Truth) -> Vec<Id>) -> Vec<String> {
        let limit = self.context.settings.reconcile.batch;
        let (mut told, mut wrong) = (Vec::<Id>::new(), Vec::new());
        loop {
            let after = told.last().map(Id::to_string).unwrap_or_default();
            let page = ViewsRequest { after, limit };
            let question = Question::post(service, NAME, "/views", &page);
            let question = question.with_bearer(self.to(service, views::SCOPE));
            let answer = ask(&self.ports, &question).await;
            let Ok(Views { views }) = serde_json::from_slice::<Views<Viewed>>(&answer.body) else {
                wrong.push(format!("{service} was asked for its views: {}", answer.status));
                return wrong;
            };
            let count = i64::try_from(views.len()).expect("a page is short");
            let before = told.last().cloned();
            told.extend(views.into_iter().map(|view| view.order_id));
            // Pages go on, or they would have no end.
            if count < limit || told.last() <= before.as_ref() {
                break;
            }
            if count > limit {
                wrong.push(format!("{service} tells of {count} orders, asked for {limit}"));
                break;
            }
        }
        let mut known = known(&self.judge.state().truth);
        known.sort();
        if told != known {
            let (told, known) = (told.len(), known.len());
            wrong.push(format!("{service} tells of {told} orders, and knows {known}, in order"));
        }
        wrong
    }
}
