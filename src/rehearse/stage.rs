//! The environment of real machines: the shop's processes, the doors between them, the servers, and what is
//! seen of all of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_sim::shop::environment::{
    Controlled, Environment, FaultReport, Gathered, Observed, Outside,
};
use stormproof_sim::shop::judge::Judge;
use stormproof_sim::shop::scenario::Scenario;
use stormproof_sim::shop::service_settings::settings;
use stormproof_sim::shop::topology::{self as map, BROKER, MAIL};
use stormproof_sim::shop::truth::Truth;
use stormproof_sim::storm::faults::Kind;
use stormproof_system::ports::Ports;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::arms::Arms;
use super::carriage;
use super::detours::Detours;
use super::doors::{self, Ground};
use super::mails::Mailbox;
use super::mirror::Mirror;
use super::pace::{Pace, PacedClock, PacedHttp};
use super::processes::Replica;
use super::scratch::Scratch;
use super::story::Story;
use super::troupe::Troupe;
use super::{reckoning, rest, wiring};
use crate::config::Config;
use crate::ports::http::HttpClient;
use crate::staff;

/// Everything on the stage. Clones are the same stage.
#[derive(Clone)]
pub struct Stage(pub Arc<Inner>);

pub struct Inner {
    pub scratch: Arc<Scratch>,
    pub story: Arc<Story>,
    pub arms: Arc<Arms>,
    pub troupe: Arc<Troupe>,
    pub detours: Detours,
    pub mailbox: Mailbox,
    pub mirror: Arc<Mirror>,
    pub patience: Duration,
    pace: Pace,
    /// What people are told of the shop: its secrets, and each person's own doors to it.
    people: Config,
    /// The ports of doors, by caller and callee.
    doors: wiring::Ports,
    _kept: JoinSet<()>,
}

/// What the stage is set for.
pub struct Plan<'a> {
    pub scenario: &'a Scenario,
    pub sorted: &'a carriage::Sorted,
    pub pace: Pace,
    pub patience: Duration,
}

impl Stage {
    /// Sets the stage and starts every process.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn set(
        plan: &Plan<'_>,
        scratch: &Arc<Scratch>,
        story: &Arc<Story>,
        judge: &Judge,
    ) -> Result<Stage, String> {
        let carried = plan.sorted.carried.iter().cloned();
        let arms = Arc::new(Arms::new(story.clone(), &plan.scenario.world.replicas, carried));
        let (mailbox, mail) = Mailbox::open().await?;
        let config = wiring::config_of(plan, scratch);
        let names = wiring::replicas(plan.scenario);

        let mut foreign = BTreeMap::from([(BROKER.to_owned(), scratch.rabbit)]);
        foreign.insert(MAIL.to_owned(), mail);
        foreign.extend(map::databases().into_iter().map(|name| (name, scratch.postgres)));
        let accidents = Arc::new(Mutex::default());
        // Doors want to know whom they lead to, and processes want to know their doors: so each
        // process is told at its start, from a list that is filled in below.
        let mut doors = BTreeMap::new();
        let told: Vec<_> = names.iter().map(|_| Arc::new(Mutex::new(Vec::new()))).collect();
        let replicas = names.iter().zip(&told).map(|(name, told)| {
            let wiring::Name { node, shown, service } = name.clone();
            Replica::new(node, shown, service, told.clone(), story.clone(), Arc::clone(&accidents))
        });
        let troupe = Troupe::new(replicas.collect(), foreign, story.clone(), accidents);
        let troupe = Arc::new(troupe);
        let ground = Arc::new(Ground {
            arms: arms.clone(),
            troupe: troupe.clone(),
            story: story.clone(),
            call_timeout: settings(plan.scenario).saga.call_timeout,
        });
        let mut kept = JoinSet::new();
        for (link, carrier) in wiring::links(&names, plan.scenario.customers.len()) {
            let port = doors::open(&mut kept, &ground, link.clone(), carrier)?;
            doors.insert((link.from, link.to), port);
        }
        for (name, told) in names.iter().zip(&told) {
            let own = wiring::behind_doors(&config, scratch, name, &doors);
            let mut told = told.lock().expect("nobody panics with it");
            *told = wiring::environment(&own);
        }
        let aside = carriage::queues_aside(&plan.sorted.carried);
        let detours = Detours::take(&scratch.broker, &arms, story, &aside).await?;
        let mirror = Mirror::hang(&scratch.config, judge)?;
        troupe.up().await?;
        Ok(Stage(Arc::new(Inner {
            scratch: scratch.clone(),
            story: story.clone(),
            arms,
            troupe,
            detours,
            mailbox,
            mirror,
            patience: plan.patience,
            pace: plan.pace,
            people: config,
            doors,
            _kept: kept,
        })))
    }

    /// Ends every process.
    pub async fn clear(&self) {
        self.0.arms.end();
        self.0.troupe.dismiss().await;
        self.0.detours.end().await;
    }
}

impl Observed for Stage {
    fn elapsed(&self) -> Duration {
        self.0.story.elapsed()
    }

    fn alias(&self, order: &str) -> String {
        self.0.story.alias(order)
    }

    fn ready<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, usize> {
        Box::pin(async move {
            let depths = self.0.scratch.broker.depths(&[queue]).await;
            depths.map_or(0, |depths| depths.iter().sum())
        })
    }

    fn refreshed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.mirror.refreshed())
    }
}

impl Environment for Stage {
    fn ports(&self, name: &str) -> Ports {
        let mut config = self.0.people.clone();
        config.peers = wiring::peers(name, &self.0.doors);
        let ports = staff::ports(&config, name).expect("doors have addresses");
        let http = HttpClient::new(config.peers()).expect("doors have addresses");
        Ports {
            clock: Arc::new(PacedClock(self.0.pace)),
            http: Arc::new(PacedHttp { pace: self.0.pace, http: Arc::new(http) }),
            queue: self.0.scratch.broker.clone(),
            ..ports
        }
    }

    fn say(&self, name: &str, order: &str, words: &str) {
        self.0.story.say(name, order, words);
    }

    fn spawn(&self, name: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let (task, name) = (tokio::spawn(work), name.to_owned());
        Box::pin(async move {
            if let Err(error) = task.await {
                // A panic is a question that was answered as it cannot be: it goes on as ours.
                match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => panic!("{name} was stopped: {error}"),
                }
            }
        })
    }

    fn strike(&self, kind: &Kind) {
        let (troupe, kind) = (self.0.troupe.clone(), kind.clone());
        tokio::spawn(async move { troupe.strike(&kind).await });
    }
}

impl Controlled for Stage {
    fn storm(&self) -> BoxFuture<'_, Duration> {
        Box::pin(async {
            self.refreshed().await;
            let zero = self.0.story.begin();
            for (at, place) in self.0.arms.schedule() {
                let stage = self.0.clone();
                tokio::spawn(async move {
                    sleep(stage.pace.real(at)).await;
                    if let Some(kind) = stage.arms.due(place)
                        && stage.troupe.strike(&kind).await
                    {
                        stage.arms.struck(place);
                    }
                });
            }
            zero
        })
    }

    fn rest<'a>(
        &'a self,
        outside: Outside<'a>,
        bound: Duration,
    ) -> BoxFuture<'a, Option<Duration>> {
        Box::pin(rest::rest(self, outside, self.0.pace.real(bound)))
    }

    fn heal(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.0.arms.end();
            if let Err(why) = self.0.troupe.up().await {
                self.0.troupe.note(why);
            }
        })
    }

    fn faults(&self) -> FaultReport {
        FaultReport { fired: self.0.arms.fired(), unfired: self.0.arms.unfired() }
    }

    /// Nobody saw the commits one by one.
    fn gather<'a>(&'a self, _: Truth, outside: Outside<'a>) -> BoxFuture<'a, Gathered> {
        Box::pin(reckoning::gather(self, outside))
    }
}
