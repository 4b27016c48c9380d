//! Reading the list of one's orders page by page, and holding each page against what is committed.

use std::time::Duration;

use stormproof_system::question::Question;
use stormproof_system::store::dto::OrderView;

use super::Shopper;
use crate::client::next_page;
use crate::client_history::{ClientHistory, Placed};
use crate::judge::JudgeState;
use crate::sometimes::LONG_LIST;
use crate::truth::Truth;
use crate::truth::rows::Id;

/// A page of the list.
struct ListPage {
    orders: Vec<Id>,
    /// The last order of the page before; empty on the first one.
    after: String,
    has_next: bool,
}

impl ListPage {
    /// Whether an order has its place between the page before and the page that follows.
    fn reaches(&self, order: &str) -> bool {
        let is_older = self.after.is_empty() || *order < *self.after;
        is_older && (!self.has_next || self.orders.last().is_none_or(|last| *order >= **last))
    }

    /// What is wrong with its length and its order, if it may hold so many orders.
    fn disorder(&self, rows: usize) -> Option<String> {
        let before = Some(&*self.after).filter(|after| !after.is_empty());
        let orders: Vec<&str> =
            before.into_iter().chain(self.orders.iter().map(|id| &**id)).collect();
        if orders.windows(2).any(|pair| pair[0] <= pair[1]) {
            return Some("a list of orders is not the newest first".to_owned());
        }
        let count = self.orders.len();
        let fits = if self.has_next { count == rows } else { count <= rows };
        (!fits).then(|| format!("a page of the list holds {count} orders, expected {rows}"))
    }
}

impl Shopper {
    /// Looks at all own orders.
    pub async fn look(&self) {
        let (mut path, mut after) = ("/orders".to_owned(), String::new());
        loop {
            let begun = self.environment.elapsed();
            let answer = self.ask(&Question::get("store", "look", path)).await;
            let Ok(views) = serde_json::from_slice::<Vec<OrderView>>(&answer.body) else {
                let what =
                    format!("{}: the list of orders was answered {}", self.name, answer.status);
                self.judge.state().client_history.contradict("promises kept", None, what);
                return;
            };
            self.environment.refreshed().await;
            let next = next_page(&answer);
            let orders: Vec<Id> = views.iter().map(|view| view.order_id.as_str().into()).collect();
            let goes_on = orders.last().is_some_and(|last| after.is_empty() || **last < *after);
            let page = ListPage { orders, after, has_next: next.is_some() };
            self.read(&mut self.judge.state(), &page, &views, begun);
            // Pages go on, or the list would have no end.
            match (next, page.orders.last()) {
                (Some(next), Some(last)) if goes_on => (path, after) = (next, last.to_string()),
                _ => return,
            }
        }
    }

    /// Notes what a page tells that was asked for at `begun`, and what is wrong with it.
    fn read(&self, state: &mut JudgeState, page: &ListPage, views: &[OrderView], begun: Duration) {
        let JudgeState { truth, client_history, counters, .. } = state;
        if page.has_next {
            counters.count(LONG_LIST);
        }
        if let Some(what) = page.disorder(client_history.list_rows) {
            client_history.contradict("customers told", None, format!("{}: {what}", self.name));
        }
        self.is_whole(truth, client_history, page, begun);
        for view in views {
            self.note(truth, client_history, view);
        }
    }

    /// All orders are there that the customer knows of, and those that were committed before.
    fn is_whole(
        &self,
        truth: &Truth,
        client_history: &mut ClientHistory,
        page: &ListPage,
        begun: Duration,
    ) {
        let book = &client_history.customers[self.number];
        let is_missing = |id: &Id| page.reaches(id) && !page.orders.contains(id);
        let known = book.all().filter_map(Placed::order_id);
        let known: Vec<Id> = known.filter(|id| is_missing(id)).cloned().collect();
        // Nobody follows the commits of a rehearsal one by one.
        let placed_before = |id: &Id| {
            truth.lows.followed && truth.lows.placed.get(id).is_some_and(|at| *at < begun)
        };
        let own = truth.orders.iter().filter(|order| *order.user_id == *book.user_id);
        let committed = own.map(|order| &order.id).filter(|id| placed_before(id) && is_missing(id));
        let unknown: Vec<Id> = committed.filter(|id| !known.contains(id)).cloned().collect();
        let what = format!("is missing in the list of {}", self.name);
        for (invariant, orders) in [("promises kept", known), ("customers told", unknown)] {
            for id in orders {
                client_history.contradict(invariant, Some(&id), what.clone());
            }
        }
    }

    /// An order as it is shown: one's own, with what was ordered, and explained.
    fn note(&self, truth: &Truth, client_history: &mut ClientHistory, view: &OrderView) {
        let id = &view.order_id;
        let book = &mut client_history.customers[self.number];
        let order = truth.orders.get(id);
        if order.is_none_or(|order| *order.user_id != *book.user_id) {
            let what = format!("was shown to {}, whose order it is not", self.name);
            client_history.contradict("private", Some(id), what);
            return;
        }
        let lines = view.lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect();
        book.shown.push((id.as_str().into(), lines));
        if order.is_some_and(|order| order.total != view.total.minor) {
            let what = format!("is shown to cost {}", view.total);
            client_history.contradict("customers told", Some(id), what);
        }
        if !view.lines.is_sorted_by(|one, next| one.sku < next.sku) {
            let what = "shows its lines in another order than that of their products".to_owned();
            client_history.contradict("customers told", Some(id), what);
        }
        client_history.saw(self.number, id, &view.status, None);
        if let Some(what) = unexplained(view) {
            client_history.contradict("customers told", Some(id), what);
        }
    }
}

/// What is wrong with a view's explanation: it is missing, speaks of something else, or explains
/// where there is nothing to explain.
fn unexplained(view: &OrderView) -> Option<String> {
    let OrderView { status, payment, explanation, .. } = view;
    let fits = match (status.as_str(), payment.as_str()) {
        (_, "PARKED") => explanation.contains("refund"),
        ("PENDING_PAYMENT", "DEBIT_INTENT") => explanation.contains("payment"),
        ("FAILED" | "CANCELLED" | "LOST", _) => !explanation.is_empty(),
        ("PAID" | "RECEIVED", _) => explanation.is_empty(),
        _ => true,
    };
    (!fits).then(|| format!("is {status} with its payment {payment}, explained as {explanation:?}"))
}

#[cfg(test)]
mod tests {
    use stormproof_system::money::{Currency, Money};

    use super::*;

    #[test]
    fn a_page_is_as_long_as_it_may_be_and_in_order() {
        let page = |orders: &[&str], after: &str, has_next| ListPage {
            orders: orders.iter().map(|id| Id::from(*id)).collect(),
            after: after.to_owned(),
            has_next,
        };
        for (page, is_right) in [
            (page(&["d", "c"], "", true), true),
            (page(&["b", "a"], "c", false), true),
            (page(&["c"], "", true), false),
            (page(&["d", "c", "b"], "", false), false),
            (page(&["c", "d"], "", true), false),
            (page(&["c", "b"], "c", true), false),
        ] {
            assert_eq!(page.disorder(2).is_none(), is_right, "{:?}", page.disorder(2));
        }
        let first = page(&["d", "b"], "", true);
        assert!(first.reaches("e") && first.reaches("c") && !first.reaches("a"));
        let last = page(&["b"], "c", false);
        assert!(last.reaches("a") && !last.reaches("c") && !last.reaches("d"));
    }

    #[test]
    fn an_explanation_fits_what_it_explains() {
        let fits = |status: &str, payment: &str, explanation: &str| {
            let view = OrderView {
                order_id: "order-1".into(),
                status: status.into(),
                payment: payment.into(),
                total: Money::new(20_00, Currency::AUD),
                explanation: explanation.into(),
                lines: Vec::new(),
            };
            unexplained(&view).is_none()
        };
        assert!(fits("PENDING_PAYMENT", "DEBIT_INTENT", "Your payment is being confirmed."));
        assert!(!fits("PENDING_PAYMENT", "DEBIT_INTENT", ""));
        assert!(fits("CANCEL_PENDING", "PARKED", "The refund is delayed."));
        assert!(!fits("CANCEL_PENDING", "PARKED", "You cancelled the order."));
        assert!(fits("CANCELLED", "REFUNDED", "You cancelled the order."));
        for status in ["FAILED", "CANCELLED", "LOST"] {
            assert!(!fits(status, "REFUNDED", ""), "{status}");
        }
        assert!(fits("RECEIVED", "DEBITED", "") && !fits("RECEIVED", "DEBITED", "xyzzy"));
        assert!(fits("DELIVERED", "DEBITED", "It was too late to cancel."));
    }
}
