//! A load on the served shop, to be measured: the settings of a shop that nobody has set, but for a carrier
//! who takes a millisecond for each of its moves, and logs of warnings only.
//!
//! ```sh
//! cargo build --release --locked
//! export STORMPROOF_BINARY=$PWD/target/release/stormproof
//! STORMPROOF_LOAD="--ramp 60..180:20 --step-for 8 --pid postgres=$(pgrep -o -x postgres)" \
//!     cargo test --workspace --locked --test main -- --ignored --nocapture up::served
//! ```
//!
//! `STORMPROOF_REPLICAS` is how many there are of every service, one unless it says otherwise;
//! `STORMPROOF_SET` settings, as `SAGA_LEASE=5s SAGA_WORKERS=4`. `;` in the load begins another one, on the same
//! shop; `measure …` runs `stormproof measure`.
//!
//! `STORMPROOF_CUT=10` puts a proxy in front of each replica that cuts ten of a thousand calls, those of the load
//! among them; `STORMPROOF_LOSE=10` one in front of each Warehouse and each Bank that keeps ten of a thousand
//! answers for itself (with `STORMPROOF_CUT`, all of them do); `STORMPROOF_KILL=10` kills a replica every ten
//! seconds without warning, and starts it again.

use std::env::var;
use std::future::pending;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::sleep;

use super::cuts::Cuts;
use super::draws::Draws;
use super::process::Process;
use super::replicas::{Replica, Shop};
use super::sink;
use crate::servers::shop::{Servers, with_servers};

const ALL: [Replica; 20] = [
    ("store", "store"),
    ("warehouse", "warehouse"),
    ("bank", "bank"),
    ("delivery", "delivery"),
    ("email", "email"),
    ("store-2", "store"),
    ("warehouse-2", "warehouse"),
    ("bank-2", "bank"),
    ("delivery-2", "delivery"),
    ("email-2", "email"),
    ("store-3", "store"),
    ("warehouse-3", "warehouse"),
    ("bank-3", "bank"),
    ("delivery-3", "delivery"),
    ("email-3", "email"),
    ("store-4", "store"),
    ("warehouse-4", "warehouse"),
    ("bank-4", "bank"),
    ("delivery-4", "delivery"),
    ("email-4", "email"),
];

/// Decides which calls are cut and which replicas die.
const SEED: u64 = 20_261_128;

/// What is set for a measurement.
const SET: [(&str, &str); 4] = [
    ("LOG_LEVEL", "warn"),
    ("CARRIER_PICK_UP_AFTER", "1ms"),
    ("CARRIER_DEPART_AFTER", "1ms"),
    ("CARRIER_DELIVER_AFTER", "1ms"),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, of the load that STORMPROOF_LOAD describes"]
async fn a_load() {
    with_servers("served", async |servers| measure(servers).await).await;
}

async fn measure(servers: &Servers) {
    let replicas = number("STORMPROOF_REPLICAS").map_or(1, |count| count.clamp(1, 4));
    let replicas = &ALL[..replicas * 5];
    let (_sink, smtp) = sink().await;
    let mut shop = Shop::usual(servers, &smtp, replicas);
    let set = var("STORMPROOF_SET").unwrap_or_default();
    let set = set.split_whitespace().map(|set| set.split_once('=').expect("NAME=value"));
    for (name, value) in SET.into_iter().chain(set) {
        shop.settings.insert(format!("STORMPROOF_{name}"), value.to_owned());
    }
    let [cut, lose] = ["STORMPROOF_CUT", "STORMPROOF_LOSE"].map(number);
    let cuts = Cuts::new([cut, lose].map(Option::unwrap_or_default), SEED);
    let has_proxy = |service: &str| match service {
        "warehouse" | "bank" => cut.or(lose).is_some(),
        _ => cut.is_some(),
    };
    shop.put_in_front(replicas, has_proxy, &cuts).await;
    shop.runs(&["migrate", "--create"], 0, "").await;
    let mut processes: Vec<Process> = replicas.iter().map(|replica| shop.serve(*replica)).collect();
    for ((name, _), process) in replicas.iter().zip(&processes) {
        shop.until_ready(name, process).await;
    }
    let kill = number("STORMPROOF_KILL");
    // A replica that is killed has another process then: it cannot be measured.
    let measured: &[Replica] = if kill.is_some() { &[] } else { replicas };
    let pids = measured.iter().zip(&processes).filter_map(|((name, _), process)| {
        Some(["--pid".to_owned(), format!("{name}={}", process.id()?)])
    });
    let pids: Vec<String> = pids.flatten().collect();
    let loads = async {
        let loads =
            var("STORMPROOF_LOAD").expect("STORMPROOF_LOAD: arguments of `stormproof load`");
        for load in loads.split(';') {
            let mut arguments: Vec<&str> = load.split_whitespace().collect();
            let measures = arguments.first() == Some(&"measure");
            if !measures {
                arguments.insert(0, "load");
            }
            // The operations that are measured are the Store's.
            let pids = if measures { &pids[..pids.len().min(2)] } else { &pids };
            arguments.extend(pids.iter().map(String::as_str));
            eprintln!("$ stormproof {}", arguments.join(" "));
            tell(&shop, &arguments).await;
        }
    };
    let mut kills = 0;
    tokio::select! {
        () = loads => {}
        () = kill_on(&shop, replicas, &mut processes, kill, &mut kills) => {}
    }
    let counts = [&cuts.calls, &cuts.unheard, &cuts.unanswered, &cuts.lost_answers];
    let [calls, unheard, unanswered, lost] = counts.map(|count| count.load(Ordering::Relaxed));
    eprintln!(
        "seed {SEED}: {kills} replicas killed; {calls} calls through proxies, of which {unheard} were cut before \
         they were heard and {unanswered} after they were answered; {lost} answers lost"
    );
    for process in processes {
        process.stop().await;
    }
}

/// What the environment says, if it does.
fn number(name: &str) -> Option<usize> {
    var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: expected a number")))
}

/// Kills one replica after the other, as drawn, one every so many seconds.
async fn kill_on(
    shop: &Shop,
    replicas: &[Replica],
    processes: &mut [Process],
    every: Option<usize>,
    kills: &mut usize,
) {
    let Some(every) = every else { return pending().await };
    let mut draws = Draws(SEED);
    loop {
        sleep(Duration::from_secs(every as u64)).await;
        let victim = draws.below(replicas.len());
        processes[victim].signal(Signal::SIGKILL);
        processes[victim].ended().await;
        processes[victim] = shop.serve(replicas[victim]);
        *kills += 1;
    }
}

/// Runs a command, and tells what it prints while it does.
async fn tell(shop: &Shop, arguments: &[&str]) {
    let mut child = shop.command(arguments, "load.log").spawn().expect("it was built");
    let output = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await.expect("it is text") {
        eprintln!("{line}");
    }
    let status = child.wait().await.expect("a child can be waited for");
    // A load that found fault has said so, and has been measured all the same.
    eprintln!("{status}\n{}", shop.log("load.log"));
}
