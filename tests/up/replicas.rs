//! The shop as it is served: a process for each replica, on Postgres and RabbitMQ.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::process::{ChildStdin, Command};
use tokio::time::{Instant, sleep};

use super::customer::client;
use super::cuts::Cuts;
use super::process::{Folder, Process, QUICK, run, stormproof};
use crate::servers::free_port;
use crate::servers::shop::Servers;

/// A process of the shop: its name and its service.
pub type Replica = (&'static str, &'static str);

const PATIENCE: Duration = Duration::from_secs(60);

/// What all processes are told.
pub struct Shop {
    pub settings: BTreeMap<String, String>,
    /// Whether it is in the hurry that tests are in.
    quick: bool,
    addresses: BTreeMap<&'static str, String>,
    folder: Folder,
}

impl Shop {
    pub fn new(servers: &Servers, smtp: &str, replicas: &[Replica]) -> Shop {
        let folder = Folder::new(servers.database_url().rsplit('/').next().expect("a name"));
        let address = |(name, _): &Replica| (*name, format!("127.0.0.1:{}", free_port()));
        let addresses: BTreeMap<_, _> = replicas.iter().map(address).collect();
        let mut settings = BTreeMap::new();
        let mut set = |name: &str, value: &str| {
            settings.insert(format!("STORMPROOF_{name}"), value.to_owned());
        };
        set("DATABASE_URL", &servers.database_url());
        set("DATABASE_CONNECTIONS", "4");
        set("BROKER_URL", servers.broker_url());
        set("SMTP_URL", smtp);
        set("AUTH_CUSTOMER_SECRET", "e4b1f7a06d3c92585e1fa7c0b9d6423817aa");
        set("AUTH_SERVICE_SECRET", "7c0b9d6423817aae4b1f7a06d3c92585e1fa");
        set("LOG_FORMAT", "json");
        let urls = replicas.iter().map(|(name, _)| format!("http://{}", addresses[name])).collect();
        let mut shop = Shop { settings, quick: true, addresses, folder };
        shop.find_at(replicas, urls);
        shop
    }

    /// The same, with its tables made and every replica at work.
    pub async fn started(
        servers: &Servers,
        smtp: &str,
        replicas: &[Replica],
    ) -> (Shop, Vec<Process>) {
        let shop = Shop::new(servers, smtp, replicas);
        shop.runs(&["migrate", "all", "--create"], 0, "").await;
        let processes: Vec<_> = replicas.iter().map(|replica| shop.serve(*replica)).collect();
        for ((name, _), process) in replicas.iter().zip(&processes) {
            shop.until_ready(name, process).await;
        }
        (shop, processes)
    }

    /// Where replicas find each other, and clients them.
    fn find_at(&mut self, replicas: &[Replica], urls: Vec<String>) {
        let mut of = BTreeMap::<&str, Vec<String>>::new();
        for ((_, service), url) in replicas.iter().zip(urls) {
            of.entry(service).or_default().push(url);
        }
        for (service, urls) in of {
            let name = format!("STORMPROOF_PEERS_{}", service.to_uppercase());
            self.settings.insert(name, urls.join(","));
        }
    }

    /// Puts a proxy in front of each replica of the services that have one, for others to find it there.
    pub async fn put_in_front(
        &mut self,
        replicas: &[Replica],
        has_proxy: impl Fn(&str) -> bool,
        cuts: &Arc<Cuts>,
    ) {
        let mut urls = Vec::new();
        for (name, service) in replicas {
            let url = self.url(name);
            urls.push(if has_proxy(service) { cuts.in_front_of(url).await } else { url });
        }
        self.find_at(replicas, urls);
    }

    /// One that is not in a hurry: it has the settings that every shop has, and what has to be set.
    pub fn usual(servers: &Servers, smtp: &str, replicas: &[Replica]) -> Shop {
        let mut shop = Shop { quick: false, ..Shop::new(servers, smtp, replicas) };
        shop.settings.remove("STORMPROOF_DATABASE_CONNECTIONS");
        shop
    }

    pub fn url(&self, name: &str) -> String {
        format!("http://{}", self.addresses[name])
    }

    pub fn serve(&self, (name, service): Replica) -> Process {
        let log = format!("{name}.log");
        let mut command = self.command(&["serve", service], &log);
        command.env("STORMPROOF_LISTEN", &self.addresses[name]);
        Process::spawn(command, &self.folder.path(&log))
    }

    /// The same, attached to the input that comes with it.
    pub fn serve_attached(&self, (name, service): Replica) -> (Process, ChildStdin) {
        let log = format!("{name}.log");
        let mut command = self.command(&["serve", service, "--attached"], &log);
        command.env("STORMPROOF_LISTEN", &self.addresses[name]).stdin(Stdio::piped());
        let mut process = Process::spawn(command, &self.folder.path(&log));
        let input = process.take_input();
        (process, input)
    }

    /// Runs a command to its end, which has this exit code and says `words`.
    pub async fn runs(&self, arguments: &[&str], expected: i32, words: &str) {
        let (code, said) =
            run(self.command(arguments, "run.log"), &self.folder.path("run.log")).await;
        assert_eq!(code, Some(expected), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: expected {words:?} in: {said}");
    }

    /// Runs a command to its end, which is a good one; the JSON that it prints.
    pub async fn tells(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.command(arguments, "tells.log").output().await;
        let output = output.expect("the binary was built for this test");
        let (told, said) = (output.stdout, output.stderr);
        let [told, said] = [told, said].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(output.status.success(), "{arguments:?}: {}\n{told}{said}", output.status);
        serde_json::from_str(&told).expect("it prints JSON")
    }

    pub async fn until_ready(&self, name: &str, process: &Process) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready(name).await {
            assert!(Instant::now() < deadline, "{name} is not ready:\n{}", process.log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn is_ready(&self, name: &str) -> bool {
        let answer = client().get(format!("{}/health/ready", self.url(name))).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    /// What went to this log.
    pub fn log(&self, log: &str) -> String {
        std::fs::read_to_string(self.folder.path(log)).unwrap_or_default()
    }

    pub fn command(&self, arguments: &[&str], log: &str) -> Command {
        let mut command = stormproof(arguments, &self.folder.path(log));
        if !self.quick {
            for (name, _) in QUICK {
                command.env_remove(name);
            }
        }
        command.envs(&self.settings);
        command
    }
}
