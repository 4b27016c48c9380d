//! The scene of real machines: the shop's processes, the doors between them, the servers, and what is
//! seen of all of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_sim::shop::judge::Judge;
use stormproof_sim::shop::map::{self, BROKER, MAIL, STAFF};
use stormproof_sim::shop::scenario::Scenario;
use stormproof_sim::shop::scene::Scene;
use stormproof_sim::shop::settings::settings;
use stormproof_sim::shop::truth::reckoning::Reckoning;
use stormproof_sim::storm::faults::Kind;
use stormproof_system::ports::{Clock as _, Ports, Rng};
use stormproof_system::service::SERVICES;
use stormproof_system::time::Time;
use stormproof_system::trace::hex;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::arms::Arms;
use super::carriage;
use super::detours::Detours;
use super::doors::{self, Carrier, Ground, Link};
use super::mails::Mailbox;
use super::mirror::Mirror;
use super::pace::{Pace, PacedClock, PacedHttp};
use super::processes::Replica;
use super::scratch::Scratch;
use super::story::Story;
use super::troupe::Troupe;
use super::wire::Protocol;
use super::{reckoning, rest};
use crate::config::registry::SETTINGS;
use crate::config::{Config, LogFormat};
use crate::ports::clock::SystemClock;
use crate::ports::http::HttpClient;
use crate::ports::rng::SystemRng;
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
    doors: BTreeMap<(String, String), u16>,
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
        let config = config_of(plan, scratch);
        let names = replicas(plan.scenario);

        let mut foreign = BTreeMap::from([(BROKER.to_owned(), scratch.rabbit)]);
        foreign.insert(MAIL.to_owned(), mail);
        foreign.extend(map::databases().into_iter().map(|name| (name, scratch.postgres)));
        let accidents = Arc::new(Mutex::default());
        // Doors want to know whom they lead to, and processes want to know their doors: so each
        // process is told at its start, from a list that is filled in below.
        let mut doors = BTreeMap::new();
        let told: Vec<_> = names.iter().map(|_| Arc::new(Mutex::new(Vec::new()))).collect();
        let replicas = names.iter().zip(&told).map(|(name, told)| {
            let Name { node, shown, service } = name.clone();
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
        for (link, carrier) in links(&names, plan.scenario.customers.len()) {
            let port = doors::open(&mut kept, &ground, link.clone(), carrier)?;
            doors.insert((link.from, link.to), port);
        }
        for (name, told) in names.iter().zip(&told) {
            let own = behind_doors(&config, scratch, name, &doors);
            let mut told = told.lock().expect("nobody panics with it");
            *told = environment(&own);
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

/// A replica's names.
#[derive(Clone)]
struct Name {
    /// With its number: `store-1`.
    node: String,
    /// Without, where there is one.
    shown: String,
    service: &'static str,
}

fn replicas(scenario: &Scenario) -> Vec<Name> {
    let mut names = Vec::new();
    for service in SERVICES.map(|service| service.name) {
        let count = scenario.world.replicas.get(service).copied().unwrap_or(1);
        names.extend((1..=count).map(|number| {
            let node = format!("{service}-{number}");
            let shown = if count == 1 { service.to_owned() } else { node.clone() };
            Name { node, shown, service }
        }));
    }
    names
}

/// Every two nodes that talk.
fn links(names: &[Name], customers: usize) -> Vec<(Link, Carrier)> {
    let mut callers: Vec<String> = names.iter().map(|name| name.node.clone()).collect();
    callers.extend((1..=customers).map(map::customer));
    let mut links = Vec::new();
    let mut link = |from: &str, to: &str, carrier| {
        links.push((Link { from: from.to_owned(), to: to.to_owned() }, carrier));
    };
    for to in names {
        for from in callers.iter().filter(|from| map::calls(from, &to.node)) {
            link(from, &to.node, Carrier::Calls);
        }
        link(STAFF, &to.node, Carrier::Calls);
    }
    for from in names {
        link(&from.node, &map::database_of(from.service), Carrier::Wire(Protocol::Postgres));
        link(&from.node, BROKER, Carrier::Wire(Protocol::Amqp));
        if map::calls(&from.node, MAIL) {
            link(&from.node, MAIL, Carrier::Wire(Protocol::Smtp));
        }
    }
    links
}

/// The settings of all processes.
fn config_of(plan: &Plan<'_>, scratch: &Scratch) -> Config {
    let mut config = Config {
        log: crate::config::Log { format: LogFormat::Json, level: tracing::Level::INFO },
        ..scratch.config.clone()
    };
    config.shop = plan.pace.settings(settings(plan.scenario));
    config.shop.auth.customer_secret = secret();
    config.shop.auth.service_secret = secret();
    // All people of a rehearsal have one address.
    config.shop.auth.logins_max = 1_000_000;
    // Postgres has a hundred for everybody.
    config.database.connections = 2;
    config.server.drain_deadline = Duration::from_secs(5);
    config
}

fn secret() -> Vec<u8> {
    let mut bytes = [0; 32];
    SystemRng.fill("secret", &mut bytes);
    let mut text = String::new();
    hex(&mut text, &bytes);
    text.into_bytes()
}

/// The settings of one process: all that it reaches is behind its own doors.
fn behind_doors(
    config: &Config,
    scratch: &Scratch,
    name: &Name,
    doors: &BTreeMap<(String, String), u16>,
) -> Config {
    let mut config = config.clone();
    let door = |to: &str| doors.get(&(name.node.clone(), to.to_owned())).copied();
    config.node.clone_from(&name.shown);
    config.listen = Some(([127, 0, 0, 1], 0).into());
    if let Some(port) = door(&map::database_of(name.service)) {
        config.database.url = scratch.database_behind(name.service, port).as_str().into();
    }
    if let Some(port) = door(BROKER) {
        config.broker.url = scratch.broker_behind(port).as_str().into();
    }
    if let Some(port) = door(MAIL) {
        config.smtp.url = format!("smtp://127.0.0.1:{port}").as_str().into();
    }
    config.peers = peers(&name.node, doors);
    config
}

/// The doors of `from`, by service. Whom it never calls it is told at an address where nobody is.
fn peers(
    from: &str,
    doors: &BTreeMap<(String, String), u16>,
) -> BTreeMap<&'static str, Vec<String>> {
    let of = |service: &'static str| {
        let own = doors
            .iter()
            .filter(|((caller, to), _)| caller == from && map::service_of(to) == service);
        let mut urls: Vec<String> =
            own.map(|(_, port)| format!("http://127.0.0.1:{port}")).collect();
        if urls.is_empty() {
            urls.push("http://127.0.0.1:1".to_owned());
        }
        (service, urls)
    };
    SERVICES.iter().map(|service| of(service.name)).collect()
}

/// A configuration as the environment tells it.
fn environment(config: &Config) -> Vec<(String, String)> {
    let shown = SETTINGS.iter().filter_map(|setting| {
        let value = setting.show(config).filter(|value| !value.is_empty())?;
        Some((setting.environment(), value))
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let auth = &config.shop.auth;
    let secrets = [
        ("DATABASE_URL", config.database.url.reveal().to_owned()),
        ("BROKER_URL", config.broker.url.reveal().to_owned()),
        ("SMTP_URL", config.smtp.url.reveal().to_owned()),
        ("AUTH_CUSTOMER_SECRET", text(&auth.customer_secret)),
        ("AUTH_SERVICE_SECRET", text(&auth.service_secret)),
    ];
    let secrets = secrets.map(|(name, value)| (format!("STORMPROOF_{name}"), value));
    shown.chain(secrets).collect()
}

impl Scene for Stage {
    fn ports(&self, name: &str) -> Ports {
        let mut config = self.0.people.clone();
        config.peers = peers(name, &self.0.doors);
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

    fn elapsed(&self) -> Duration {
        self.0.story.elapsed()
    }

    fn now(&self) -> Time {
        SystemClock.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(sleep(self.0.pace.real(duration)))
    }

    fn strike(&self, kind: &Kind) {
        let (troupe, kind) = (self.0.troupe.clone(), kind.clone());
        tokio::spawn(async move { troupe.strike(&kind).await });
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

    fn alias(&self, order: &str) -> String {
        self.0.story.alias(order)
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

    fn rest<'a>(&'a self, judge: &'a Judge, bound: Duration) -> BoxFuture<'a, Option<Duration>> {
        Box::pin(rest::rest(self, judge, self.0.pace.real(bound)))
    }

    fn heal(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.0.arms.end();
            if let Err(why) = self.0.troupe.up().await {
                self.0.troupe.note(why);
            }
        })
    }

    fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.0.arms.fired()
    }

    fn unfired(&self) -> Vec<usize> {
        self.0.arms.unfired()
    }

    fn gather<'a>(&'a self, judge: &'a Judge, rested_at: Option<f64>) -> BoxFuture<'a, Reckoning> {
        Box::pin(reckoning::gather(self, judge, rested_at))
    }
}
