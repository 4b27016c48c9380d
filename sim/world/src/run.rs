//! Running a world: a fresh thread for each, one at a time in a process.
//!
//! SQLite's random numbers and a few other things are shared by the process, so two worlds beside
//! each other would disturb one another; spread seeds over processes instead.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use madsim::runtime::Runtime;
use stormproof_faults::Injector;
use tracing::subscriber::with_default;

use crate::broker::BrokerHost;
use crate::faults::process;
use crate::history::History;
use crate::http::door::Doors;
use crate::node::Nodes;
use crate::ports::database::DatabaseHost;
use crate::ports::mailer::MailHost;
use crate::processors::Processors;
use crate::seed::Seed;
use crate::sleep::sleep;
use crate::spec::{Concurrency, Spec};
use crate::story::Listener;
use crate::witness::Watch;
use crate::{Inner, World, boot, lock, names, reseed, witness};

static TURN: Mutex<()> = Mutex::new(());

thread_local! {
    /// The world of this thread.
    static HERE: RefCell<Weak<Inner>> = const { RefCell::new(Weak::new()) };
}

/// The world of this thread, if there is one.
pub(crate) fn current() -> Option<World> {
    HERE.with_borrow(Weak::upgrade).map(World)
}

/// Builds the world of `spec` and runs `story` in it, from outside all nodes; returns what the
/// story returns. Waits for its turn if another world is running in this process.
///
/// # Panics
/// If anything in the world does, with the seed added to the message; if two nodes have one name; if
/// a fault or a clock of the spec names a node that is not there, with the names that are.
pub fn run<T, S, F>(spec: Spec, story: S) -> T
where
    T: Send,
    S: FnOnce(World) -> F + Send,
    F: Future<Output = T>,
{
    let _turn = lock(&TURN);
    let seed = spec.seed;
    let watch = witness::ordered();
    let result = thread::scope(|scope| {
        let builder = thread::Builder::new().name(format!("world {seed}"));
        let thread = builder.spawn_scoped(scope, || run_here(spec, story, watch));
        thread.expect("a thread can be started").join()
    });
    result.unwrap_or_else(|panic| match words(&*panic) {
        Some(words) => panic!("in the world of seed {seed}: {words}"),
        None => resume_unwind(panic),
    })
}

fn words(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied())
}

fn run_here<T, S, F>(spec: Spec, story: S, watch: Option<Watch>) -> T
where
    S: FnOnce(World) -> F,
    F: Future<Output = T>,
{
    let seed = Seed(spec.seed);
    stormproof_sqlite::install();
    stormproof_sqlite::reseed(seed.number("sqlite"));
    let mut config = madsim::Config::default();
    config.net.send_latency = Duration::from_millis(1)..Duration::from_millis(5);
    let (limit, anew) = (spec.limit, spec.reseed);
    let mut runtime = Runtime::with_seed_and_config(seed.number("schedule"), config);
    runtime.set_time_limit(limit);
    let _watching = witness::begin(watch);
    let listener = Listener::new(spec.never_logged.clone());
    with_default(listener.clone(), || {
        runtime.block_on(async {
            let world = build(spec);
            HERE.set(Arc::downgrade(&world.0));
            listener.listen_to(&world);
            if let Some(anew) = anew {
                reseed::set(&world, anew);
            }
            boot::boot_all(&world);
            process::drive(&world);
            let value = story(world.clone()).await;
            // Tasks that outlive the runtime would leak, and with them the world.
            process::end(&world);
            sleep(&world.0.time, Duration::from_millis(10)).await;
            value
        })
    })
}

fn build(mut spec: Spec) -> World {
    let seed = Seed(spec.seed);
    let nodes = Nodes::new(&mut spec);
    names::check(&nodes, &spec);
    let overlaps = matches!(spec.concurrency, Concurrency::Overlapping { .. });
    assert!(overlaps || spec.machine.is_none(), "with a machine, transactions have to overlap");
    let databases = nodes.services().enumerate().map(|(place, service)| {
        let node = nodes.of_database(place);
        DatabaseHost::new(seed, nodes.name(node), node, &service.image, spec.concurrency)
    });
    let databases = databases.collect();
    World(Arc::new(Inner {
        seed,
        time: madsim::time::TimeHandle::current(),
        history: History::new(nodes.names(), &spec),
        nodes,
        injector: Injector::new(spec.faults, spec.passages),
        databases,
        broker: BrokerHost::new(seed, spec.broker),
        concurrency: spec.concurrency,
        processors: spec.machine.map(|machine| Processors::new(seed, machine)),
        doors: Doors::default(),
        mail: MailHost::new(seed, spec.template),
        observers: Mutex::new(spec.observers),
        listeners: Mutex::new(spec.listeners),
        logged: Mutex::default(),
    }))
}
