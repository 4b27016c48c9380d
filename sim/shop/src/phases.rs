//! A run's phases, in whatever environment: the shop is set up; storm, with customers at work; calm,
//! until all is at rest; the last judgement.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_ports::Clock;
use stormproof_system::context::Context;
use stormproof_system::question::PATIENCE;

use crate::client_history::CustomerBook;
use crate::customers::Shopper;
use crate::environment::{Controlled, Environment, Gathered};
use crate::invariants::Evidence;
use crate::judge::{Judge, JudgeState, judge_end};
use crate::operators::Operator;
use crate::scenario::{Scenario, fault_names};
use crate::service_settings;
use crate::sometimes::MAIL_REPEATED;
use crate::topology::{self, STAFF};
use crate::truth::Truth;
use crate::truth::final_state::{FinalState, excuses};
use crate::value_ranges;
use stormproof_faults::outcome::{Figure, Figures, Outcome};
use stormproof_faults::{Fault, Target};

/// How often dead letters are tried again; what comes back after that is poison.
const REPLAYS_MAX: usize = 1;

/// How long after the storm a run may take to come to rest.
pub const CALM_MAX: Duration = Duration::from_secs(2 * 3600);

/// Everybody who takes part in a run.
struct Run<'a> {
    environment: &'a dyn Controlled,
    scenario: &'a Scenario,
    judge: &'a Judge,
    clock: Arc<dyn Clock>,
    operator: Operator,
    shoppers: Vec<Shopper>,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Played {
    /// As far as every environment knows it.
    pub outcome: Outcome,
    /// The story's last line.
    pub last_line: String,
}

/// Plays a scenario from the opening of the shop to the last judgement. `context` is the operators',
/// with the shop's secrets.
pub async fn play(
    environment: Arc<dyn Controlled>,
    scenario: &Scenario,
    judge: &Judge,
    context: Context,
) -> Played {
    open_books(scenario, judge);
    let people: Arc<dyn Environment> = environment.clone();
    let shoppers = (0..scenario.customers.len()).map(|number| Shopper::new(&people, judge, number));
    let run = Run {
        scenario,
        judge,
        clock: context.ports.clock.clone(),
        shoppers: shoppers.collect(),
        operator: Operator::new(&people, context, judge),
        environment: &*environment,
    };
    let final_state = run.live().await;
    judge.state().judge(run.environment, |state| {
        let JudgeState { truth, client_history, .. } = state;
        judge_end(&Evidence { truth, client_history, final_state: &final_state, scenario })
    });
    Played {
        outcome: run.outcome(&final_state),
        last_line: final_state.last_line(&judge.state().truth),
    }
}

/// What the shop counts of itself.
fn figures(truth: &Truth) -> Figures {
    let orders = u64::try_from(truth.orders.len()).unwrap_or(u64::MAX);
    Figures::from([
        ("orders", Figure::Number(orders)),
        ("orders_by_status", Figure::Each(truth.orders_by_status())),
    ])
}

/// The judge follows from here on.
fn open_books(scenario: &Scenario, judge: &Judge) {
    let mut state = judge.state();
    state.client_history.customers = scenario
        .customers
        .iter()
        .enumerate()
        .map(|(number, customer)| CustomerBook {
            name: topology::customer(number + 1),
            balance: customer.balance,
            ..CustomerBook::default()
        })
        .collect();
    let settings = service_settings::settings(scenario);
    let clocks = scenario.world.clocks.values().map(|offset| offset.unsigned_abs());
    let apart = Duration::from_micros(clocks.sum());
    state.client_history.keys_kept = settings.retention.keys.saturating_sub(apart);
    let rows = settings.lists.rows;
    state.client_history.list_rows = usize::try_from(rows).expect("a page is short");
    state.people_waiting = (0..scenario.people.len()).collect();
    state.opened = true;
}

impl Run<'_> {
    /// The whole run, up to its final state.
    async fn live(&self) -> FinalState {
        let Run { environment, scenario, judge, .. } = self;
        self.set_up().await;
        let zero = environment.storm().await;
        judge.state().zero = zero;

        self.begin(zero);
        self.rest(scenario.world.storm).await;

        environment.heal().await;
        let healed_at = environment.elapsed();
        let rested = self.calm().await;

        let truth = judge.state().truth.clone();
        let Gathered { final_state, whole } = environment.gather(truth, &|| judge.unrest()).await;
        if let Some((truth, step)) = whole {
            let state = &mut *judge.state();
            state.truth = truth;
            state.follow(*environment, &step);
        }
        let strikes = environment.faults().strikes;
        FinalState {
            rested_at: rested.map(|at| at.saturating_sub(zero).as_secs_f64()),
            restless: if rested.is_some() { Vec::new() } else { final_state.restless },
            excuses: excuses(scenario, &strikes),
            strikes,
            began_at: zero,
            healed_at,
            looked_at: environment.elapsed(),
            time: self.clock.now(),
            ..final_state
        }
    }

    /// What it came to.
    fn outcome(&self, final_state: &FinalState) -> Outcome {
        let Run { environment, scenario, judge, .. } = self;
        let state = &mut *judge.state();
        if final_state.mails_counted().into_values().any(|mails| mails > 1) {
            state.counters.count(MAIL_REPEATED);
        }
        value_ranges::count(&mut state.counters, &state.truth, final_state);
        let mut fired: BTreeMap<String, u64> =
            fault_names().map(|(name, _)| (name.to_owned(), 0)).collect();
        let people = state.people_fired.iter().map(|(name, count)| (*name, *count));
        let faults = environment.faults();
        for (name, count) in faults.fired.into_iter().chain(people) {
            *fired.entry(name.to_owned()).or_default() += count;
        }
        let (machines, people) = (faults.unfired, &state.people_waiting);
        let mut unfired: Vec<String> = machines.iter().map(|it| scenario.asked(*it)).collect();
        unfired.extend(people.iter().map(|place| scenario.asked_of_people(*place)));
        let machines = machines.into_iter().map(|place| scenario.places.faults[place]);
        let people = people.iter().map(|place| scenario.places.people[*place]);
        Outcome {
            scenario: scenario.name.clone(),
            broken: state.broken.clone(),
            unfired,
            unfired_places: machines.chain(people).collect(),
            figures: figures(&state.truth),
            faults_fired: fired,
            sometimes: state.counters.all(),
            ..Outcome::default()
        }
    }

    /// Waits for rest, `bound` at the longest.
    async fn rest(&self, bound: Duration) -> Option<Duration> {
        self.environment.rest(&|| self.judge.unrest(), bound).await
    }

    fn as_operator(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> BoxFuture<'static, ()> {
        self.environment.spawn(STAFF, Box::pin(work))
    }

    fn as_customer(
        &self,
        number: usize,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> BoxFuture<'static, ()> {
        self.environment.spawn(&topology::customer(number + 1), Box::pin(work))
    }

    /// Stock, products, customers and their accounts, all at once.
    async fn set_up(&self) {
        let (clerk, plan) = (self.operator.clone(), self.scenario.world.clone());
        let shop = self.as_operator(async move { clerk.open_shop(&plan).await });
        let mut tasks = vec![shop];
        for (number, (shopper, customer)) in
            self.shoppers.iter().zip(&self.scenario.customers).enumerate()
        {
            let shopper = shopper.clone();
            let arrival = self.as_customer(number, async move {
                shopper.arrive().await;
            });
            let (teller, judge) = (self.operator.clone(), self.judge.clone());
            let (balance, card) = (customer.balance, customer.card);
            tasks.push(self.as_operator(async move {
                arrival.await;
                let user_id = judge.state().client_history.customers[number].user_id.clone();
                teller.open_account(&user_id, balance, card).await;
            }));
        }
        for task in tasks {
            task.await;
        }
    }

    /// Sends everybody to work.
    fn begin(&self, zero: Duration) {
        let Run { scenario, judge, operator, shoppers, .. } = self;
        judge.state().busy = shoppers.len() + scenario.people.len();
        for (number, (shopper, customer)) in shoppers.iter().zip(&scenario.customers).enumerate() {
            let (shopper, script) = (shopper.clone(), customer.script.clone());
            let judge = (*judge).clone();
            drop(self.as_customer(number, async move {
                shopper.shop(&script).await;
                judge.state().busy -= 1;
            }));
        }
        for (place, fault) in scenario.people.iter().enumerate() {
            let (operator, fault, judge) = (operator.clone(), fault.clone(), (*judge).clone());
            drop(self.as_operator(async move {
                let fired = operator.carry_out(&fault, zero).await;
                let state = &mut *judge.state();
                state.busy -= 1;
                if fired {
                    state.fired(fault.name());
                    state.people_waiting.remove(&place);
                }
            }));
        }
    }

    /// Waits until all is at rest for good. Requests that a fault sent astray show nowhere until
    /// they arrive, so that the longest way has to be behind them.
    async fn rest_for_good(&self) -> Option<Duration> {
        let rested = self.rest(CALM_MAX).await?;
        let astray = |fault: &&Fault| {
            matches!(fault.target, Target::Call { .. }) && !fault.kind.row().needs.is_empty()
        };
        let astray: Vec<_> = self.scenario.faults.iter().filter(astray).collect();
        let fired = self.environment.faults().fired;
        if !astray.iter().any(|fault| fired.contains_key(fault.kind.name())) {
            return Some(rested);
        }
        let longest = astray.iter().map(|fault| fault.amount);
        let commits = self.judge.state().commits;
        self.clock.sleep(longest.max().unwrap_or_default() + PATIENCE).await;
        let still = self.judge.state().commits == commits;
        if still { Some(rested) } else { self.rest(CALM_MAX).await }
    }

    /// Waits for rest; then operators mend what machines could not, and all has to come to rest
    /// again. At last every customer looks once more. Returns when it was at rest.
    async fn calm(&self) -> Option<Duration> {
        let Run { judge, operator, shoppers, .. } = self;
        let mut rested = self.rest_for_good().await?;
        for _ in 0..REPLAYS_MAX {
            let (mender, replayed) = (operator.clone(), Arc::new(AtomicUsize::new(0)));
            let counted = replayed.clone();
            self.as_operator(async move {
                counted.store(mender.replay_dead_letters().await, Ordering::Relaxed);
            })
            .await;
            if replayed.load(Ordering::Relaxed) == 0 {
                break;
            }
            rested = self.rest(CALM_MAX).await?;
        }
        if judge.state().has_parked_refunds() {
            let support = operator.clone();
            self.as_operator(async move { support.retry_parked_refunds().await }).await;
            rested = self.rest(CALM_MAX).await?;
        }
        let (support, wrong) = (operator.clone(), Arc::new(AtomicBool::new(false)));
        let found = wrong.clone();
        // What it costs is none of an order's budget: only where pages are the scenario's affair.
        if self.scenario.world.page.is_some() {
            self.as_operator(async move {
                found.store(support.compare_views().await, Ordering::Relaxed);
            })
            .await;
        }
        // Support is told of it.
        if wrong.load(Ordering::Relaxed) {
            rested = self.rest(CALM_MAX).await?;
        }
        let looks = shoppers.iter().enumerate().map(|(number, shopper)| {
            let shopper = shopper.clone();
            self.as_customer(number, async move { shopper.look().await })
        });
        for look in looks.collect::<Vec<_>>() {
            look.await;
        }
        Some(rested)
    }
}
