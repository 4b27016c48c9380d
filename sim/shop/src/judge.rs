//! The judge: follows every commit with the mirror, asks the invariants, counts what is rare, and
//! wakes those who wait for a fact.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stormproof_ports::notify::Notify;
use stormproof_system::messages::PaymentOutcome;
use stormproof_system::store::order::OrderStatus;
use stormproof_system::store::payment::PaymentStatus;

use crate::client_history::ClientHistory;
use crate::environment::{Observed, Unrest};
use crate::invariants::{Evidence, Finding, Findings, INVARIANTS};
use crate::sometimes::{Counters, RESTOCKED_HELD};
use crate::truth::{Step, Truth};
use stormproof_faults::outcome::Broken;

/// More of one invariant's breaches say nothing new.
const BREACHES_MAX: usize = 5;

/// Everything that is known about a run while it goes on. Clones are the same.
#[derive(Clone, Default)]
pub struct Judge(Arc<Mutex<JudgeState>>);

/// What the judge knows.
#[derive(Default)]
pub struct JudgeState {
    /// Only from here on commits are followed.
    pub opened: bool,
    pub truth: Truth,
    pub client_history: ClientHistory,
    pub counters: Counters,
    /// How often each fault of people fired.
    pub people_fired: BTreeMap<&'static str, u64>,
    /// Faults of people that have not fired, by their place in the scenario.
    pub people_waiting: BTreeSet<usize>,
    pub broken: Vec<Broken>,
    /// How many customers and operators still have something to do.
    pub busy: usize,
    /// How many commits changed a row that is watched.
    pub commits: u64,
    /// Where the storm begins, in virtual time: what people are told counts from there.
    pub zero: Duration,
    seen: BTreeSet<(&'static str, String)>,
    /// Who waits for something about a topic.
    waiting: BTreeMap<String, Vec<Notify>>,
}

impl Judge {
    pub fn state(&self) -> MutexGuard<'_, JudgeState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What people have still to do, and which orders and parcels are on their way.
    pub fn unrest(&self) -> Unrest {
        let state = self.state();
        Unrest { moving: state.moving(), commits: state.commits }
    }

    /// Waits until `fact` holds, looking at it whenever something about `topic` changes: an order's
    /// id, or what [`JudgeState`] is called with.
    pub async fn until<T>(&self, topic: &str, fact: impl Fn(&mut JudgeState) -> Option<T>) -> T {
        let changed = Notify::default();
        self.state().waiting.entry(topic.to_owned()).or_default().push(changed.clone());
        loop {
            if let Some(value) = fact(&mut self.state()) {
                return value;
            }
            changed.notified().await;
        }
    }
}

impl JudgeState {
    /// Follows a commit that the truth has followed.
    pub fn follow(&mut self, environment: &(impl Observed + ?Sized), step: &Step) {
        self.commits += u64::from(step.is_change());
        self.counters.step(step);
        let mut findings = Findings::default();
        for invariant in &INVARIANTS {
            if let Some(check) = invariant.step {
                check(&self.truth, step, &mut findings);
                if !findings.0.is_empty() {
                    self.broke(environment, invariant.name, std::mem::take(&mut findings.0));
                }
            }
        }
        self.hear_contradictions(environment);
        self.count_restocks(step);
        self.count_people(step);
        self.wake(step);
    }

    /// Goods that came to where an order held some.
    fn count_restocks(&mut self, step: &Step) {
        for restock in step.restocks.iter().filter_map(|moved| moved.after.as_ref()) {
            let place = (restock.sku.clone(), restock.warehouse.clone());
            if self.truth.derived.held.get(&place).is_some_and(|held| *held > 0) {
                self.counters.count(RESTOCKED_HELD);
            }
        }
    }

    /// Faults of people that nobody strikes: they show in what the Bank and the Store decide.
    fn count_people(&mut self, step: &Step) {
        for debit in step.debits.iter().filter_map(|moved| moved.after.as_ref()) {
            if debit.outcome != PaymentOutcome::Declined {
                continue;
            }
            let account = debit.account.as_ref().and_then(|owner| self.truth.accounts.get(owner));
            match account.map(|account| &*account.status) {
                Some("FROZEN") => self.fired("declined card"),
                Some("OPEN") => self.fired("too little money"),
                _ => {}
            }
        }
        for moved in &step.orders {
            let [Some(before), Some(after)] = [&moved.before, &moved.after] else { continue };
            let accepted = before.status == OrderStatus::PendingPayment;
            let unpaid = after.payment_status == PaymentStatus::None;
            if accepted && unpaid && after.status == OrderStatus::Failed {
                self.fired("rival for the last unit");
            }
        }
        for fact in &step.facts {
            if (fact.noun, fact.state) == ("saga", "REPLANNED") {
                self.fired("rival for the last unit");
            }
        }
    }

    /// What customers noticed themselves.
    fn hear_contradictions(&mut self, environment: &(impl Observed + ?Sized)) {
        for contradiction in std::mem::take(&mut self.client_history.contradictions) {
            let finding = Finding { order: contradiction.order, what: contradiction.what };
            self.broke(environment, contradiction.invariant, vec![finding]);
        }
    }

    /// Looks at the whole.
    pub fn judge(
        &mut self,
        environment: &(impl Observed + ?Sized),
        look: impl FnOnce(&JudgeState) -> Vec<(&'static str, Findings)>,
    ) {
        self.hear_contradictions(environment);
        for (name, findings) in look(self) {
            self.broke(environment, name, findings.0);
        }
    }

    fn broke(
        &mut self,
        environment: &(impl Observed + ?Sized),
        invariant: &'static str,
        findings: Vec<Finding>,
    ) {
        let at = environment.elapsed().saturating_sub(self.zero).as_secs_f64();
        for finding in findings {
            let subject = finding.order.as_ref().map(|order| environment.alias(order));
            let what = match &subject {
                Some(order) => format!("{order} {}", finding.what),
                None => finding.what,
            };
            let before = self.broken.iter().filter(|broken| broken.invariant == invariant).count();
            if before < BREACHES_MAX && self.seen.insert((invariant, what.clone())) {
                let invariant = invariant.to_owned();
                self.broken.push(Broken { invariant, what, subject, at });
            }
        }
    }

    fn wake(&mut self, step: &Step) {
        if self.waiting.is_empty() {
            return;
        }
        let orders = step.orders.iter().map(|moved| &moved.row().id);
        let parcels = step.parcels.iter().map(|moved| &moved.row().order_id);
        for order in orders.chain(parcels) {
            self.notify(order);
        }
    }

    /// Tells those who wait for `topic` that something about it has changed.
    pub fn notify(&self, topic: &str) {
        for waiting in self.waiting.get(topic).into_iter().flatten() {
            waiting.notify_one();
        }
    }

    /// Tells everybody to look again: anything may have changed.
    pub fn notify_all(&self) {
        for waiting in self.waiting.values().flatten() {
            waiting.notify_one();
        }
    }

    /// What still moves as far as the rows show, in words; the first reason is enough.
    fn moving(&self) -> Vec<String> {
        if self.busy > 0 {
            return vec![format!("{} people still have something to do", self.busy)];
        }
        let truth = &self.truth;
        let open = truth.orders.iter().filter(|order| !truth.is_settled(order)).count();
        if open > 0 {
            return vec![format!("{open} orders are not settled")];
        }
        let parcels = truth.parcels.iter();
        match parcels.filter(|parcel| parcel.next_move_at.is_some()).count() {
            0 => Vec::new(),
            travelling => vec![format!("{travelling} parcels are on their way")],
        }
    }

    /// Whether support has refunds to look at.
    pub fn has_parked_refunds(&self) -> bool {
        self.truth.orders.iter().any(|order| order.payment_status == PaymentStatus::Parked)
    }

    /// A fault of people fired.
    pub fn fired(&mut self, name: &'static str) {
        *self.people_fired.entry(name).or_default() += 1;
    }
}

/// What every invariant says of the end.
pub fn judge_end(evidence: &Evidence<'_>) -> Vec<(&'static str, Findings)> {
    let mut all = Vec::new();
    for invariant in &INVARIANTS {
        if let Some(check) = invariant.end {
            let mut findings = Findings::default();
            check(evidence, &mut findings);
            all.push((invariant.name, findings));
        }
    }
    all
}
