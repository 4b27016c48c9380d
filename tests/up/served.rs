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
//! shop.

use std::env::var;

use tokio::io::{AsyncBufReadExt as _, BufReader};

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
    let replicas = var("STORMPROOF_REPLICAS").map_or(1, |text| text.parse().expect("1 to 4"));
    let replicas = &ALL[..replicas * 5];
    let (_sink, smtp) = sink().await;
    let mut shop = Shop::usual(servers, &smtp, replicas);
    let set = var("STORMPROOF_SET").unwrap_or_default();
    let set = set.split_whitespace().map(|set| set.split_once('=').expect("NAME=value"));
    for (name, value) in SET.into_iter().chain(set) {
        shop.settings.insert(format!("STORMPROOF_{name}"), value.to_owned());
    }
    shop.runs(&["migrate", "--create"], 0, "").await;
    let processes: Vec<Process> = replicas.iter().map(|replica| shop.serve(*replica)).collect();
    for ((name, _), process) in replicas.iter().zip(&processes) {
        shop.until_ready(name, process).await;
    }
    let loads = var("STORMPROOF_LOAD").expect("STORMPROOF_LOAD: arguments of `stormproof load`");
    for load in loads.split(';') {
        let pids = replicas.iter().zip(&processes).filter_map(|((name, _), process)| {
            Some(["--pid".to_owned(), format!("{name}={}", process.id()?)])
        });
        let pids: Vec<String> = pids.flatten().collect();
        let mut arguments = vec!["load"];
        arguments.extend(load.split_whitespace());
        arguments.extend(pids.iter().map(String::as_str));
        eprintln!("$ stormproof {}", arguments.join(" "));
        tell(&shop, &arguments).await;
    }
    for process in processes {
        process.stop().await;
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
