//! The support team: parked refunds, tried once more.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;
use stormproof_system::question::Question;
use stormproof_system::store::dto::ParkedRefund;
use stormproof_system::store::payment::PaymentStatus;

use super::Operator;
use crate::client::{ask, next_page};
use crate::topology::{PARKED_REFUNDS, RETRY_REFUND};
use crate::truth::Truth;

/// Who waits for how much.
type Parked = BTreeMap<String, i64>;

impl Operator {
    /// What the shop tells its own people must be so as well.
    fn unfit(&self, order: Option<&str>, what: String) {
        self.judge.state().client_history.contradict("promises kept", order, what);
    }

    /// Support tries every parked refund whose account takes money again.
    pub async fn retry_parked_refunds(&self) {
        let listed = self.list_parked_refunds().await;
        for refund in listed {
            let is_open = {
                let state = self.judge.state();
                let order = state.truth.orders.get(&refund.order_id);
                let account = order.and_then(|order| state.truth.accounts.get(&order.user_id));
                account.is_some_and(|account| !account.is_closed())
            };
            if is_open {
                let path = format!("/support/refunds/{}/retry", refund.order_id);
                let question = Question::post("store", RETRY_REFUND, path, &json!({}));
                let answer = ask(&self.ports, &question.with_bearer(self.support())).await;
                // 409: the probe was faster.
                if answer.status == StatusCode::NOT_FOUND {
                    let order = Some(refund.order_id.as_str());
                    self.unfit(order, "is listed as parked, and not found".to_owned());
                }
            }
        }
    }

    /// All pages of the list. They must be what is committed, unless it changes meanwhile.
    async fn list_parked_refunds(&self) -> Vec<ParkedRefund> {
        self.environment.refreshed().await;
        let (before, commits) = {
            let state = self.judge.state();
            (parked_in(&state.truth), state.commits)
        };
        let mut listed: Vec<ParkedRefund> = Vec::new();
        let mut next = Some("/support/refunds".to_owned());
        while let Some(path) = next.take() {
            let list = Question::get("store", PARKED_REFUNDS, path).with_bearer(self.support());
            let answer = ask(&self.ports, &list).await;
            match serde_json::from_slice::<Vec<ParkedRefund>>(&answer.body) {
                Ok(page) => {
                    let rows = self.judge.state().client_history.list_rows;
                    if page.len() > rows {
                        let what = format!("{} parked refunds on a page of {rows}", page.len());
                        self.unfit(None, what);
                    }
                    // Pages go on, or the list would have no end.
                    let last = listed.last().map(|refund| refund.order_id.clone());
                    let goes_on =
                        page.last().is_some_and(|refund| Some(&refund.order_id) > last.as_ref());
                    next = next_page(&answer).filter(|_| goes_on);
                    listed.extend(page);
                }
                Err(why) => self.unfit(
                    None,
                    format!("support asked for parked refunds: {}, {why}", answer.status),
                ),
            }
        }
        for refund in listed.iter().filter(|refund| refund.reason.is_empty()) {
            self.unfit(Some(&refund.order_id), "is listed as parked for no reason".to_owned());
        }
        self.environment.refreshed().await;
        let amounts = listed.iter().map(|refund| (refund.order_id.clone(), refund.amount.minor));
        let (amounts, count) = (amounts.collect::<Parked>(), listed.len());
        let is_still = self.judge.state().commits == commits;
        if is_still && (amounts != before || count != before.len()) {
            self.unfit(None, format!("parked are {before:?}, and support sees {amounts:?}"));
        }
        listed
    }
}

/// What is committed of parked refunds.
fn parked_in(truth: &Truth) -> Parked {
    let parked = truth.orders.iter().filter(|order| order.payment_status == PaymentStatus::Parked);
    parked.map(|order| (order.id.to_string(), order.total)).collect()
}
