//! A run's phases, on whatever scene: the shop is set up; storm, with customers at work; calm, until
//! all is at rest; reckoning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_system::context::Context;

use crate::outcome::Outcome;
use crate::shop::client::PATIENCE;
use crate::shop::customers::Shopper;
use crate::shop::invariants::Evidence;
use crate::shop::judge::{Judge, reckon};
use crate::shop::map::{self, STAFF};
use crate::shop::promises::CustomerBook;
use crate::shop::scenario::{Scenario, fault_names};
use crate::shop::scene::Scene;
use crate::shop::sometimes::MAIL_REPEATED;
use crate::shop::staff::Staff;
use crate::shop::truth::reckoning::{Reckoning, repeats_excused};
use crate::storm::{Fault, Target};

/// How often dead letters are tried again; what comes back after that is poison.
const REPLAYS_MAX: usize = 1;

/// How long a run may be at rest in coming after the storm.
pub const CALM_MAX: Duration = Duration::from_secs(2 * 3600);

/// Everybody who takes part in a run.
#[derive(Clone, Copy)]
struct Play<'a> {
    scene: &'a Arc<dyn Scene>,
    scenario: &'a Scenario,
    judge: &'a Judge,
    staff: &'a Staff,
    shoppers: &'a [Shopper],
}

/// The whole run, up to the reckoning. `context` is the staff's, with the shop's secrets.
pub async fn live(
    scene: &Arc<dyn Scene>,
    scenario: &Scenario,
    judge: &Judge,
    context: Context,
) -> Reckoning {
    open_books(scenario, judge);
    let staff = &Staff::new(scene, context, judge);
    let shoppers: &Vec<Shopper> =
        &(0..scenario.customers.len()).map(|number| Shopper::new(scene, judge, number)).collect();
    let play = Play { scene, scenario, judge, staff, shoppers };
    play.set_up().await;
    let zero = scene.storm().await;
    judge.bench().zero = zero;

    play.begin(zero);
    scene.rest(judge, scenario.world.storm).await;

    scene.heal().await;
    let rested = play.calm().await;

    let rested_at = rested.map(|at| at.saturating_sub(zero).as_secs_f64());
    let reckoning = scene.gather(judge, rested_at).await;
    Reckoning { repeats_excused: repeats_excused(scenario), ..reckoning }
}

/// Every invariant's word on the end.
pub fn reckon_all(scene: &dyn Scene, scenario: &Scenario, judge: &Judge, reckoning: &Reckoning) {
    judge.bench().judge(scene, |bench| {
        reckon(&Evidence { truth: &bench.truth, promises: &bench.promises, reckoning, scenario })
    });
}

/// What a run came to, as far as every scene knows.
pub fn outcome(
    scene: &dyn Scene,
    scenario: &Scenario,
    judge: &Judge,
    reckoning: &Reckoning,
) -> Outcome {
    let bench = &mut *judge.bench();
    let mut seen = BTreeSet::new();
    if reckoning.mails.iter().any(|mail| !seen.insert(mail)) {
        bench.counters.count(MAIL_REPEATED);
    }
    let mut fired: BTreeMap<String, u64> =
        fault_names().map(|(name, _)| (name.to_owned(), 0)).collect();
    let people = bench.people_fired.iter().map(|(name, count)| (*name, *count));
    for (name, count) in scene.fired().into_iter().chain(people) {
        *fired.entry(name.to_owned()).or_default() += count;
    }
    let (machines, people) = (scene.unfired(), &bench.people_waiting);
    let mut unfired: Vec<String> = machines.iter().map(|place| scenario.asked(*place)).collect();
    unfired.extend(people.iter().map(|place| scenario.asked_of_people(*place)));
    let machines = machines.into_iter().map(|place| scenario.places.faults[place]);
    let people = people.iter().map(|place| scenario.places.people[*place]);
    let unfired_places = machines.chain(people).collect();
    Outcome {
        scenario: scenario.name.clone(),
        broken: bench.broken.clone(),
        unfired,
        unfired_places,
        orders: u64::try_from(bench.truth.orders.len()).unwrap_or(u64::MAX),
        orders_by_status: bench.truth.orders_by_status(),
        faults_fired: fired,
        sometimes: bench.counters.all(),
        ..Outcome::default()
    }
}

/// The judge follows from here on.
fn open_books(scenario: &Scenario, judge: &Judge) {
    let mut bench = judge.bench();
    bench.promises.customers = scenario
        .customers
        .iter()
        .enumerate()
        .map(|(number, customer)| CustomerBook {
            name: map::customer(number + 1),
            balance: customer.balance,
            ..CustomerBook::default()
        })
        .collect();
    bench.people_waiting = (0..scenario.people.len()).collect();
    bench.opened = true;
}

impl Play<'_> {
    fn as_staff(&self, work: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, ()> {
        self.scene.spawn(STAFF, Box::pin(work))
    }

    fn as_customer(
        &self,
        number: usize,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> BoxFuture<'static, ()> {
        self.scene.spawn(&map::customer(number + 1), Box::pin(work))
    }

    /// Stock, products, customers and their accounts, all at once.
    async fn set_up(&self) {
        let (clerk, plan) = (self.staff.clone(), self.scenario.world.clone());
        let shop = self.as_staff(async move { clerk.open_shop(&plan).await });
        let mut tasks = vec![shop];
        for (number, (shopper, customer)) in
            self.shoppers.iter().zip(&self.scenario.customers).enumerate()
        {
            let shopper = shopper.clone();
            let arrival = self.as_customer(number, async move {
                shopper.arrive().await;
            });
            let (teller, judge) = (self.staff.clone(), self.judge.clone());
            let (balance, card) = (customer.balance, customer.card);
            tasks.push(self.as_staff(async move {
                arrival.await;
                let user_id = judge.bench().promises.customers[number].user_id.clone();
                teller.open_account(&user_id, balance, card).await;
            }));
        }
        for task in tasks {
            task.await;
        }
    }

    /// Sends everybody to work.
    fn begin(&self, zero: Duration) {
        let Play { scenario, judge, staff, shoppers, .. } = self;
        judge.bench().busy = shoppers.len() + scenario.people.len();
        for (number, (shopper, customer)) in shoppers.iter().zip(&scenario.customers).enumerate() {
            let (shopper, script) = (shopper.clone(), customer.script.clone());
            let judge = (*judge).clone();
            drop(self.as_customer(number, async move {
                shopper.shop(&script).await;
                judge.bench().busy -= 1;
            }));
        }
        for (place, fault) in scenario.people.iter().enumerate() {
            let (staff, fault, judge) = ((*staff).clone(), fault.clone(), (*judge).clone());
            drop(self.as_staff(async move {
                let fired = staff.carry_out(&fault, zero).await;
                let bench = &mut *judge.bench();
                bench.busy -= 1;
                if fired {
                    bench.fired(fault.name());
                    bench.people_waiting.remove(&place);
                }
            }));
        }
    }

    /// Waits until all is at rest for good. Requests that a fault sent astray show nowhere until
    /// they arrive, so that the longest way has to be behind them.
    async fn rest_for_good(&self) -> Option<Duration> {
        let Play { scene, scenario, judge, .. } = self;
        let rested = scene.rest(judge, CALM_MAX).await?;
        let astray = |fault: &&Fault| {
            matches!(fault.target, Target::Call { .. }) && !fault.kind.row().needs.is_empty()
        };
        let astray: Vec<_> = scenario.faults.iter().filter(astray).collect();
        if !astray.iter().any(|fault| scene.fired().contains_key(fault.kind.name())) {
            return Some(rested);
        }
        let longest = astray.iter().map(|fault| fault.amount);
        let commits = judge.bench().commits;
        scene.sleep(longest.max().unwrap_or_default() + PATIENCE).await;
        let still = judge.bench().commits == commits;
        if still { Some(rested) } else { scene.rest(judge, CALM_MAX).await }
    }

    /// Waits for rest; then staff mends what machines could not, and all has to come to rest
    /// again. At last every customer looks once more. Returns when it was at rest.
    async fn calm(&self) -> Option<Duration> {
        let Play { scene, judge, staff, shoppers, .. } = self;
        let mut rested = self.rest_for_good().await?;
        for _ in 0..REPLAYS_MAX {
            let (operator, replayed) = ((*staff).clone(), Arc::new(AtomicUsize::new(0)));
            let counted = replayed.clone();
            self.as_staff(async move {
                counted.store(operator.replay_dead_letters().await, Ordering::Relaxed);
            })
            .await;
            if replayed.load(Ordering::Relaxed) == 0 {
                break;
            }
            rested = scene.rest(judge, CALM_MAX).await?;
        }
        if judge.bench().has_parked_refunds() {
            let support = (*staff).clone();
            self.as_staff(async move { support.retry_parked_refunds().await }).await;
            rested = scene.rest(judge, CALM_MAX).await?;
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
