//! What a load came to, and what must hold of it. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use stormproof_system::store::dto::OrderView;

use super::goods::{Goods, Sales};
use super::meter::Reading;
use super::named_transactions::NamedTransactions;
use super::placing::Placed;
use super::ramp::Ramp;
use super::reference::Reference;
use super::shopping::{Shopped, is_settled};
use super::spread::Spread;
use super::timelines::{Passage, passages, settled_in};
use super::transactions::Counts;

/// The figures, and what is broken.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub orders: usize,
    pub customers: usize,
    /// From the first order to the last one settled, looked at twice a second.
    pub seconds: f64,
    pub orders_per_second: f64,
    /// From when an order was to be placed to its answer.
    pub answered: Option<Spread>,
    /// From when an order was to be placed to its last status.
    pub settled: Option<Spread>,
    /// From when an order was to be placed to when it was begun.
    pub begun_late: Option<Spread>,
    /// Orders under way at once, at the most.
    pub under_way_max: usize,
    /// The time in each step of an order, by the Store's clocks.
    pub passages: Vec<Passage>,
    /// How arrivals at a rate were spread.
    pub pace: Option<String>,
    /// If there was one.
    pub ramp: Option<Ramp>,
    pub by_status: BTreeMap<String, u64>,
    /// What was ordered.
    pub goods: Goods,
    /// Who got some, if there are goods of the load's own.
    pub sales: Option<Sales>,
    pub asked_again: u64,
    pub cancels_asked: u64,
    pub cancels_accepted: u64,
    /// Orders answered with 202, and those of them that are known and settled.
    pub promises_made: usize,
    pub promises_kept: usize,
    /// Orders that were paid and not delivered, and the refunds of them.
    pub refunds_due: usize,
    pub refunds_made: usize,
    pub refunds_parked: usize,
    /// Orders that the Store shows and nobody placed: one for each would be a repeat that counted.
    pub unasked: usize,
    pub compared: i64,
    pub differences: Vec<String>,
    /// Transactions that wrote from the first order to the last one settled.
    pub commits_per_order: Option<f64>,
    /// Why there is no figure, if there is none.
    pub commits_not_measured: String,
    /// Statements by their leading keyword, and all of them.
    pub statements_per_order: Option<f64>,
    pub statements_per_order_by_kind: BTreeMap<String, f64>,
    pub statements_not_measured: String,
    /// What became of each database's transactions, from before the customers were registered until all
    /// was settled.
    pub transactions: Counts,
    pub transactions_not_measured: String,
    /// What became of the services' transactions in the same time, by service and name; none: no replica
    /// could be asked.
    pub named_transactions: Vec<NamedTransactions>,
    /// What was asked for by name, and the load itself.
    pub processes: Vec<ProcessFigures>,
    pub processes_not_measured: String,
    /// What the Store's database server brings by itself, if it was asked for.
    pub reference: Option<Reference>,
    /// Orders a second of what the reference's best commits a second were enough for, by the commits that
    /// an order takes.
    pub share_of_reference: Option<f64>,
    /// What is to be known about how these figures came about.
    pub remarks: Vec<String>,
    pub broken: Vec<String>,
}

/// What a process and its children took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProcessFigures {
    pub name: String,
    pub processor_seconds: f64,
    pub processor_ms_per_order: f64,
    /// The most at any moment that was looked at, in MiB.
    pub resident_mib_max: Option<f64>,
}

impl Report {
    /// The figures, not yet judged.
    pub fn of(shopped: &Shopped) -> Report {
        let mut by_status = BTreeMap::new();
        for view in shopped.shown.values() {
            *by_status.entry(view.status.clone()).or_default() += 1;
        }
        let promised = shopped.orders.iter().filter(|order| order.promised);
        let kept =
            promised.clone().filter(|order| shopped.shown.get(&order.id).is_some_and(is_settled));
        let undone = || shopped.shown.values().filter(|view| view.status != "DELIVERED");
        let with = |payment: &str| undone().filter(|view| view.payment == payment).count();
        let [debited, due, parked, refunded] =
            ["DEBITED", "REFUND_DUE", "PARKED", "REFUNDED"].map(with);
        let known = shopped.orders.iter().filter(|order| shopped.shown.contains_key(&order.id));
        let seconds = shopped.took.as_secs_f64();
        let count = |of: fn(&Placed) -> u64| shopped.orders.iter().map(of).sum();
        Report {
            orders: shopped.orders.len(),
            customers: shopped.customers,
            seconds,
            orders_per_second: shopped.orders.len() as f64 / seconds,
            answered: Spread::of(shopped.orders.iter().map(|order| order.answered_in)),
            settled: Spread::of(settled_in(&shopped.orders, &shopped.courses).into_iter()),
            begun_late: Spread::of(shopped.orders.iter().map(|order| order.begun_late)),
            under_way_max: shopped.under_way_max,
            passages: passages(&shopped.courses),
            by_status,
            asked_again: count(|order| order.asked_again.into()),
            cancels_asked: count(|order| order.cancel.is_some().into()),
            cancels_accepted: count(|order| (order.cancel == Some(true)).into()),
            promises_made: promised.count(),
            promises_kept: kept.count(),
            refunds_due: debited + due + parked + refunded,
            refunds_made: refunded,
            refunds_parked: parked,
            unasked: shopped.shown.len() - known.count(),
            ..Report::default()
        }
    }

    /// Takes what was ordered, and what became of it by the orders that are shown.
    pub fn take_goods(&mut self, goods: Goods, shown: &BTreeMap<String, OrderView>) {
        let units = goods.supply.map(|supply| i64::from(supply.units_of_each));
        self.sales = units.map(|units| Sales::of(shown.values(), units));
        self.goods = goods;
    }

    /// Says if orders that were due did not begin, for as many as allowed were under way.
    pub fn note_bound(&mut self, at_once: usize) {
        if self.under_way_max >= at_once {
            let late = self.begun_late.as_ref().map_or(0.0, |late| late.max_ms);
            self.remarks.push(format!(
                "{at_once} requests were under way, as many as --at-once allows: orders began up to \
                 {late:.0} ms after they were due, which is part of all times"
            ));
        }
    }

    /// Takes what was counted from each part's first order to its last one settled.
    pub fn take_costs(&mut self, costs: Reading, most_kib: &BTreeMap<String, u64>) {
        let orders = self.orders as f64;
        match costs.commits {
            Ok(commits) => {
                self.commits_per_order = Some(commits.values().sum::<i64>() as f64 / orders);
            }
            Err(why) => self.commits_not_measured = why,
        }
        match costs.statements {
            Ok(kinds) => {
                let each = |(kind, calls): (String, i64)| (kind, calls as f64 / orders);
                let kinds = kinds.into_iter().filter(|(_, calls)| *calls > 0);
                self.statements_per_order_by_kind = kinds.map(each).collect();
                self.statements_per_order = Some(self.statements_per_order_by_kind.values().sum());
            }
            Err(why) => self.statements_not_measured = why,
        }
        match costs.processor_ms {
            Ok(processes) if processes.is_empty() => {
                self.processes_not_measured = "no --pid was given".into();
            }
            Ok(processes) => {
                let figures = |(name, ms): (String, i64)| ProcessFigures {
                    processor_seconds: ms as f64 / 1000.0,
                    processor_ms_per_order: ms as f64 / orders,
                    resident_mib_max: most_kib.get(&name).map(|kib| *kib as f64 / 1024.0),
                    name,
                };
                self.processes = processes.into_iter().map(figures).collect();
            }
            Err(why) => self.processes_not_measured = why,
        }
    }

    /// Takes what the server brings by itself. A ramp's orders a second are the most that a step brought.
    pub fn compare(&mut self, reference: Reference) {
        let brought = self.ramp.as_ref().map_or(self.orders_per_second, |ramp| ramp.brought_max);
        self.share_of_reference =
            self.commits_per_order.map(|commits| reference.share(brought, commits));
        self.reference = Some(reference);
    }

    /// Takes what became of the databases' transactions.
    pub fn take_transactions(&mut self, transactions: Result<Counts, String>) {
        match transactions {
            Ok(transactions) => self.transactions = transactions,
            Err(why) => self.transactions_not_measured = why,
        }
    }

    /// Takes what became of the services' transactions, and what is to be known about it.
    pub fn take_named_transactions(
        &mut self,
        (named, remarks): (Vec<NamedTransactions>, Vec<String>),
    ) {
        self.named_transactions = named;
        self.remarks.extend(remarks);
    }

    /// Says what does not hold.
    pub fn judge(&mut self) {
        let mut broken = Vec::new();
        if self.promises_kept < self.promises_made {
            let count = self.promises_made - self.promises_kept;
            broken.push(format!("{count} promised orders are lost or not settled"));
        }
        if self.refunds_made + self.refunds_parked < self.refunds_due {
            let count = self.refunds_due - self.refunds_made - self.refunds_parked;
            broken.push(format!("{count} orders were paid, not delivered, and not paid back"));
        }
        if self.unasked > 0 {
            broken.push(format!("{} orders are there that nobody placed", self.unasked));
        }
        if let Some(sales) = &self.sales {
            broken.extend(sales.misjudged());
        }
        broken.extend(self.differences.iter().cloned());
        self.broken = broken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_said() {
        let whole = Report { promises_made: 3, promises_kept: 3, ..Report::default() };
        let sold_out = Sales { refused: 2, ..Sales::default() };
        let oversold = Sales { oversold: [("tea".to_owned(), 9)].into(), ..Sales::default() };
        let refused = Sales { refused_without_cause: 1, ..oversold.clone() };
        let table: [(Report, usize); 9] = [
            (Report { sales: Some(sold_out), ..whole.clone() }, 0),
            (Report { sales: Some(oversold), ..whole.clone() }, 1),
            (Report { sales: Some(refused), ..whole.clone() }, 2),
            (whole.clone(), 0),
            (Report { refunds_due: 2, refunds_made: 1, refunds_parked: 1, ..whole.clone() }, 0),
            (Report { promises_kept: 2, ..whole.clone() }, 1),
            (Report { refunds_due: 2, refunds_made: 1, ..whole.clone() }, 1),
            (Report { unasked: 1, ..whole.clone() }, 1),
            (Report { differences: vec!["a".into(), "b".into()], ..whole }, 2),
        ];
        for (mut report, expected) in table {
            report.judge();
            assert_eq!(report.broken.len(), expected, "{report:#?}");
        }
    }

    #[test]
    fn a_bound_that_was_reached_is_told() {
        let mut report = Report { under_way_max: 31, ..Report::default() };
        report.note_bound(32);
        assert!(report.remarks.is_empty(), "{report:#?}");
        report.under_way_max = 32;
        report.note_bound(32);
        assert!(report.remarks[0].contains("32 requests"), "{report:#?}");
    }

    #[test]
    fn costs_are_measured_or_it_is_said_why_not() {
        let counted = |name: &str, count| Ok(BTreeMap::from([(name.to_owned(), count)]));
        let costs = Reading {
            commits: counted("", 130),
            statements: counted("SELECT", 40),
            processor_ms: counted("store", 2000),
        };
        let mut report = Report { orders: 4, ..Report::default() };
        report.take_costs(costs, &BTreeMap::from([("store".to_owned(), 3072)]));
        assert_eq!(report.commits_per_order, Some(32.5));
        assert_eq!(report.statements_per_order_by_kind, BTreeMap::from([("SELECT".into(), 10.0)]));
        let store = ProcessFigures {
            name: "store".into(),
            processor_seconds: 2.0,
            processor_ms_per_order: 500.0,
            resident_mib_max: Some(3.0),
        };
        assert_eq!(report.processes, [store]);

        let away = || Err("away".to_owned());
        let costs = Reading { commits: away(), statements: away(), processor_ms: away() };
        let mut report = Report { orders: 4, ..Report::default() };
        report.take_costs(costs, &BTreeMap::new());
        report.take_transactions(Err("away".into()));
        assert_eq!((report.commits_per_order, report.statements_per_order), (None, None));
        let told = [
            &report.commits_not_measured,
            &report.statements_not_measured,
            &report.processes_not_measured,
            &report.transactions_not_measured,
        ];
        assert_eq!(told, ["away"; 4]);
    }
}
