//! A run's phases: the shop is set up; storm, with customers at work; calm, until the world is at
//! rest; reckoning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::outcome::Outcome;
use crate::shop::client::PATIENCE;
use crate::shop::customers::Shopper;
use crate::shop::invariants::Evidence;
use crate::shop::judge::{Judge, reckon};
use crate::shop::map::STAFF;
use crate::shop::promises::CustomerBook;
use crate::shop::scenario::{PEOPLE_FAULTS, Scenario};
use crate::shop::scene::Scene;
use crate::shop::setting::{CALM_MAX, ZERO, settings};
use crate::shop::sometimes::MAIL_REPEATED;
use crate::shop::staff::Staff;
use crate::shop::truth::Truth;
use crate::shop::truth::reckoning::Reckoning;
use crate::shop::{Options, ending, map};
use crate::storm::faults::{KINDS, Kind};
use crate::world::World;

/// How often dead letters are tried again; what comes back after that is poison.
const REPLAYS_MAX: usize = 1;

/// The whole run.
pub async fn live(world: &World, scenario: &Scenario, judge: &Judge, options: Options) -> Outcome {
    open_books(world, scenario, judge);
    let mut ports = world.ports(STAFF);
    ports.settings = Arc::new(settings(scenario));
    let scene: Arc<dyn Scene> = Arc::new(world.clone());
    let staff = Staff::new(&scene, ports, judge);
    let shoppers: Vec<Shopper> =
        (0..scenario.customers.len()).map(|number| Shopper::new(&scene, judge, number)).collect();
    set_up(world, scenario, &staff, &shoppers).await;

    begin(world, scenario, judge, &staff, &shoppers);
    rest(world, judge, scenario.world.storm).await;

    world.heal_all().await;
    let rested = calm(world, scenario, judge, &staff, &shoppers).await;

    let rested_at = rested.map(|at| since_zero(at).as_secs_f64());
    let reckoning = ending::gather(world, scenario, &judge.bench(), rested_at);
    judge.bench().judge(world, |bench| {
        reckon(&Evidence {
            truth: &bench.truth,
            promises: &bench.promises,
            reckoning: &reckoning,
            scenario,
        })
    });
    outcome(world, scenario, judge, &reckoning, options)
}

fn since_zero(at: Duration) -> Duration {
    at.saturating_sub(ZERO)
}

/// The judge follows from here on.
fn open_books(world: &World, scenario: &Scenario, judge: &Judge) {
    let mut bench = judge.bench();
    bench.truth = Truth::load(world);
    bench.zero = ZERO;
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

/// Stock, products, customers and their accounts, all at once.
async fn set_up(world: &World, scenario: &Scenario, staff: &Staff, shoppers: &[Shopper]) {
    let (clerk, plan) = (staff.clone(), scenario.world.clone());
    let shop = world.spawn(STAFF, async move { clerk.open_shop(&plan).await });
    let arrivals = shoppers.iter().enumerate().map(|(number, shopper)| {
        let shopper = shopper.clone();
        world.spawn(&map::customer(number + 1), async move { shopper.arrive().await })
    });
    let accounts = arrivals.zip(&scenario.customers).map(|(arrival, customer)| {
        let (teller, balance, card) = (staff.clone(), customer.balance, customer.card);
        world.spawn(STAFF, async move {
            let user_id = arrival.await.expect("clients do not die");
            teller.open_account(&user_id, balance, card).await;
        })
    });
    let accounts: Vec<_> = accounts.collect();
    for task in std::iter::once(shop).chain(accounts) {
        task.await.expect("clients do not die");
    }
    world.sleep(ZERO.saturating_sub(world.elapsed())).await;
}

/// Sends everybody to work.
fn begin(world: &World, scenario: &Scenario, judge: &Judge, staff: &Staff, shoppers: &[Shopper]) {
    judge.bench().busy = shoppers.len() + scenario.people.len();
    for (number, (shopper, customer)) in shoppers.iter().zip(&scenario.customers).enumerate() {
        let (shopper, script, judge) = (shopper.clone(), customer.script.clone(), judge.clone());
        world.spawn(&map::customer(number + 1), async move {
            shopper.shop(&script).await;
            judge.bench().busy -= 1;
        });
    }
    for (place, fault) in scenario.people.iter().enumerate() {
        let (staff, fault, judge) = (staff.clone(), fault.clone(), judge.clone());
        world.spawn(STAFF, async move {
            let fired = staff.carry_out(&fault, ZERO).await;
            let bench = &mut *judge.bench();
            bench.busy -= 1;
            if fired {
                bench.fired(fault.name());
                bench.people_waiting.remove(&place);
            }
        });
    }
}

/// Waits until the world is at rest at two looks in a row: a node that has just woken has had time
/// to go on with what it was at.
async fn rest(world: &World, judge: &Judge, bound: Duration) -> Option<Duration> {
    let mut looks = 0;
    let twice = || {
        let rests = ending::restless(world, &judge.bench()).is_empty();
        looks = if rests { looks + 1 } else { 0 };
        looks == 2
    };
    world.until(bound, twice).await
}

/// Waits until the world is at rest for good. Requests that a fault sent astray show nowhere until
/// they arrive, so that the longest way has to be behind them.
async fn rest_for_good(world: &World, scenario: &Scenario, judge: &Judge) -> Option<Duration> {
    let rested = rest(world, judge, CALM_MAX).await?;
    let astray = ["request late", "request twice"];
    if !astray.iter().any(|kind| world.fired().contains_key(kind)) {
        return Some(rested);
    }
    let longest = scenario.faults.iter().filter_map(|fault| match &fault.kind {
        Kind::RequestLate { by, .. } | Kind::RequestTwice { by, .. } => Some(*by),
        _ => None,
    });
    let commits = judge.bench().commits;
    world.sleep(longest.max().unwrap_or_default() + PATIENCE).await;
    let still = judge.bench().commits == commits;
    if still { Some(rested) } else { rest(world, judge, CALM_MAX).await }
}

/// Waits for rest; then staff mends what machines could not, and the world has to come to rest
/// again. At last every customer looks once more. Returns when it was at rest.
async fn calm(
    world: &World,
    scenario: &Scenario,
    judge: &Judge,
    staff: &Staff,
    shoppers: &[Shopper],
) -> Option<Duration> {
    let mut rested = rest_for_good(world, scenario, judge).await?;
    for _ in 0..REPLAYS_MAX {
        let operator = staff.clone();
        let replay = world.spawn(STAFF, async move { operator.replay_dead_letters().await });
        if replay.await.expect("clients do not die") == 0 {
            break;
        }
        rested = rest(world, judge, CALM_MAX).await?;
    }
    if judge.bench().has_parked_refunds() {
        let support = staff.clone();
        let retry = world.spawn(STAFF, async move { support.retry_parked_refunds().await });
        retry.await.expect("clients do not die");
        rested = rest(world, judge, CALM_MAX).await?;
    }
    let looks = shoppers.iter().enumerate().map(|(number, shopper)| {
        let shopper = shopper.clone();
        world.spawn(&map::customer(number + 1), async move { shopper.look().await })
    });
    for look in looks.collect::<Vec<_>>() {
        look.await.expect("clients do not die");
    }
    Some(rested)
}

fn outcome(
    world: &World,
    scenario: &Scenario,
    judge: &Judge,
    reckoning: &Reckoning,
    options: Options,
) -> Outcome {
    let bench = &mut *judge.bench();
    let mut seen = BTreeSet::new();
    if reckoning.mails.iter().any(|mail| !seen.insert(mail)) {
        bench.counters.count(MAIL_REPEATED);
    }
    let by_status = bench.truth.orders_by_status();
    let kinds = KINDS.iter().chain(&PEOPLE_FAULTS).map(|(name, _)| *name);
    let mut fired: BTreeMap<String, u64> = kinds.map(|name| (name.to_owned(), 0)).collect();
    let people = bench.people_fired.iter().map(|(name, count)| (*name, *count));
    for (name, count) in world.fired().into_iter().chain(people) {
        *fired.entry(name.to_owned()).or_default() += count;
    }
    let mut unfired: Vec<String> =
        world.unfired().into_iter().map(|place| scenario.asked(place)).collect();
    unfired.extend(bench.people_waiting.iter().map(|place| scenario.asked_of_people(*place)));
    let mut story = Vec::new();
    if options.story {
        story = world.history().story().iter().filter_map(|line| from_zero(line)).collect();
        story.push(reckoning.last_line(&bench.truth));
    }
    Outcome {
        scenario: scenario.name.clone(),
        seed: world.seed().0,
        broken: bench.broken.clone(),
        unfired,
        orders: u64::try_from(bench.truth.orders.len()).unwrap_or(u64::MAX),
        orders_by_status: by_status,
        virtual_seconds: world.elapsed().as_secs_f64(),
        events: world.history().events(),
        faults_fired: fired,
        sometimes: bench.counters.all(),
        moments: world.moments(),
        fingerprint: world.fingerprint(),
        story,
        trace: if options.trace { world.history().trace() } else { Vec::new() },
    }
}

/// A line of the story told in the storm's own time; what came before is nobody's affair.
fn from_zero(line: &str) -> Option<String> {
    let (time, rest) = line.trim_start().split_once(' ')?;
    let at = time.parse::<f64>().ok()? - ZERO.as_secs_f64();
    (at >= 0.0).then(|| format!("{at:>8.3} {rest}"))
}
