//! The layout of a rehearsal: which replicas there are, who talks to whom, and what each process is
//! told in its settings.

use std::collections::BTreeMap;
use std::time::Duration;

use stormproof_ports::Rng;
use stormproof_ports::trace::hex;
use stormproof_shop::scenario::Scenario;
use stormproof_shop::service_settings::settings;
use stormproof_shop::topology::{self, BROKER, MAIL, STAFF};
use stormproof_system::service::SERVICES;

use super::link::{Link, Protocol, Transport};
use super::plan::Plan;
use super::sandbox::Sandbox;
use crate::config::registry::SETTINGS;
use crate::config::{Config, Log, LogFormat};
use stormproof_bindings::rng::SystemRng;

/// Ports of proxies, by caller and callee.
pub type ProxyPorts = BTreeMap<(String, String), u16>;

/// A replica's names.
#[derive(Clone)]
pub struct Name {
    /// With its number: `store-1`.
    pub node: String,
    /// Without, where there is one.
    pub shown: String,
    pub service: &'static str,
}

/// Every replica of a scenario.
pub fn replicas(scenario: &Scenario) -> Vec<Name> {
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
pub fn links(names: &[Name], customers: usize) -> Vec<(Link, Transport)> {
    let mut callers: Vec<String> = names.iter().map(|name| name.node.clone()).collect();
    callers.extend((1..=customers).map(topology::customer));
    let mut links = Vec::new();
    let mut link = |from: &str, to: &str, transport| {
        links.push((Link { from: from.to_owned(), to: to.to_owned() }, transport));
    };
    for to in names {
        for from in callers.iter().filter(|from| topology::calls(from, &to.node)) {
            link(from, &to.node, Transport::Http);
        }
        link(STAFF, &to.node, Transport::Http);
    }
    for from in names {
        link(&from.node, &topology::database_of(from.service), Transport::Tcp(Protocol::Postgres));
        link(&from.node, BROKER, Transport::Tcp(Protocol::Amqp));
        if topology::calls(&from.node, MAIL) {
            link(&from.node, MAIL, Transport::Tcp(Protocol::Smtp));
        }
    }
    links
}

/// The settings of all processes.
pub fn config_of(plan: &Plan<'_>, sandbox: &Sandbox) -> Config {
    let mut config = Config {
        log: Log { format: LogFormat::Json, level: tracing::Level::INFO },
        ..sandbox.config.clone()
    };
    config.shop = plan.scale.settings(settings(plan.scenario));
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

/// The settings of one process: all that it reaches is behind its own proxies.
pub fn behind_proxies(
    config: &Config,
    sandbox: &Sandbox,
    name: &Name,
    proxies: &ProxyPorts,
) -> Config {
    let mut config = config.clone();
    let port = |to: &str| proxies.get(&(name.node.clone(), to.to_owned())).copied();
    config.node.clone_from(&name.shown);
    config.listen = Some(([127, 0, 0, 1], 0).into());
    if let Some(port) = port(&topology::database_of(name.service)) {
        config.database.url = sandbox.database_behind(name.service, port).as_str().into();
    }
    if let Some(port) = port(BROKER) {
        config.broker.url = sandbox.broker_behind(port).as_str().into();
    }
    if let Some(port) = port(MAIL) {
        config.smtp.url = format!("smtp://127.0.0.1:{port}").as_str().into();
    }
    config.peers = peers(&name.node, proxies);
    config
}

/// The proxies of `from`, by service. A service that it never calls has an address where nobody is.
pub fn peers(from: &str, proxies: &ProxyPorts) -> BTreeMap<&'static str, Vec<String>> {
    let of = |service: &'static str| {
        let own = proxies
            .iter()
            .filter(|((caller, to), _)| caller == from && topology::service_of(to) == service);
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
pub fn environment(config: &Config) -> Vec<(String, String)> {
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
