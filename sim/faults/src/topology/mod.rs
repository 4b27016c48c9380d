//! What there is to fail: nodes, who asks what of whom, queues, databases, and the points of a
//! service's work that faults can be aimed at.
//!
//! A fault that is aimed at nobody cannot fire, so this is what scenarios are checked against, what
//! storms draw from and what sweeps go through. It is a value: each system makes its own.

mod build;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::moment::{Act, Moment};

/// How many nodes each service has; a service that is not named has one.
pub type Replicas = BTreeMap<String, u32>;

/// Everything that a fault can be aimed at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// What serves.
    pub services: Vec<Service>,
    /// Who acts from outside, without a server: people, timers, other systems.
    pub clients: Vec<Client>,
    /// The node of the message broker, which every service talks to.
    pub broker: Option<String>,
    /// The node of the mail server.
    pub mail: Option<String>,
    /// Every operation that travels by HTTP, caller by caller.
    pub operations: Vec<Operation>,
    /// The queues of the broker that faults can be aimed at.
    pub queues: Vec<Queue>,
    /// What each service does that faults can be aimed at.
    pub points: Vec<InjectionPoint>,
    /// What storms aim at more often than at the rest.
    pub focus: Focus,
}

/// A service: its replicas share one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name that stands for all its replicas.
    pub name: String,
    /// How many nodes it has.
    pub replicas: u32,
    /// The node of its database.
    pub database: Option<String>,
    /// Whether it sends mail.
    pub mails: bool,
}

/// Clients of one kind: one that bears the name, or several that are numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The node's name, or what stands before the numbers.
    pub name: String,
    /// `None`: one, without a number.
    pub count: Option<usize>,
}

/// Something that one end asks of another by HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// A service, or clients of one kind.
    pub caller: String,
    /// The service that is asked.
    pub callee: String,
    /// The operation's name, as calls carry it.
    pub name: String,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The queue's name at the broker.
    pub name: String,
    /// The service that consumes it.
    pub owner: String,
    /// The name of the messages that it takes, as moments have it.
    pub takes: String,
}

/// What the nodes of one service call, commit, publish, acknowledge or mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectionPoint {
    /// The service, or clients of one kind.
    pub service: String,
    /// What they do.
    pub act: Act,
    /// The names of such acts, as moments have them.
    pub names: Vec<String>,
    /// It comes too seldom for storms to aim at; scenarios may.
    pub seldom: bool,
}

/// What storms aim at more often than at the rest, because most is decided there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Focus {
    /// A service whose nodes get a third of the faults of nodes.
    pub service: Option<String>,
    /// A queue that gets a third of the faults of queues.
    pub queue: Option<String>,
    /// Pairs (caller, callee) for faults of calls, each as often as it stands here; empty: every
    /// pair with an operation, once.
    pub calls: Vec<(String, String)>,
    /// Pairs that talk too seldom to be cut off in a storm.
    pub seldom: Vec<(String, String)>,
}

/// The service of `node`: `ledger` for `ledger-2`; other nodes are their own.
pub fn service_of(node: &str) -> &str {
    match node.rsplit_once('-') {
        Some((service, number))
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            service
        }
        _ => node,
    }
}

/// The node of a numbered replica or client, from 1.
pub fn numbered(name: &str, number: usize) -> String {
    format!("{name}-{number}")
}

/// A scenario's own size.
impl Topology {
    /// With as many nodes of each service as `replicas` says.
    #[must_use]
    pub fn with_replicas(mut self, replicas: &Replicas) -> Topology {
        for service in &mut self.services {
            service.replicas = replicas.get(&service.name).copied().unwrap_or(1);
        }
        self
    }

    /// With so many clients of this kind.
    #[must_use]
    pub fn with_clients(mut self, name: &str, count: usize) -> Topology {
        for client in self.clients.iter_mut().filter(|client| client.name == name) {
            client.count = Some(count);
        }
        self
    }
}

/// Nodes.
impl Topology {
    /// Every node that can crash, stop, stand still or be slow. A service's name stands for all its
    /// replicas; where there is one, its number may be said or left out.
    pub fn nodes(&self) -> Vec<String> {
        let mut nodes = Vec::new();
        for service in &self.services {
            nodes.push(service.name.clone());
            nodes.extend((1..=service.replicas).map(|it| format!("{}-{it}", service.name)));
        }
        nodes.extend(self.databases());
        nodes.extend(self.broker.iter().chain(&self.mail).cloned());
        nodes
    }

    /// Every end of a link: nodes, then clients.
    pub fn ends(&self) -> Vec<String> {
        let mut ends = self.nodes();
        for client in &self.clients {
            match client.count {
                None => ends.push(client.name.clone()),
                Some(count) => ends.extend((1..=count).map(|it| numbered(&client.name, it))),
            }
        }
        ends
    }

    /// The service of this name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Every database.
    pub fn databases(&self) -> Vec<String> {
        self.services.iter().filter_map(|service| service.database.clone()).collect()
    }

    /// The database of a service.
    pub fn database_of(&self, service: &str) -> Option<&str> {
        self.service(service)?.database.as_deref()
    }

    /// The service whose database this is; other names are their own.
    pub fn service_of_database<'a>(&'a self, database: &'a str) -> &'a str {
        let mut services = self.services.iter();
        let found = services.find(|service| service.database.as_deref() == Some(database));
        found.map_or(database, |service| &service.name)
    }

    /// Whether a service's database has this name.
    pub fn is_database(&self, name: &str) -> bool {
        self.services.iter().any(|service| service.database.as_deref() == Some(name))
    }
}

/// Links.
impl Topology {
    /// Whether `from` opens connections to `to`, both named as nodes, services or clients.
    pub fn calls(&self, from: &str, to: &str) -> bool {
        let (from, to) = (service_of(from), service_of(to));
        let asks = |operation: &Operation| operation.caller == from && operation.callee == to;
        self.operations.iter().any(asks)
            || self.service(from).is_some_and(|service| {
                self.broker.as_deref() == Some(to)
                    || service.database.as_deref() == Some(to)
                    || (service.mails && self.mail.as_deref() == Some(to))
            })
    }

    /// Every pair that talks, `caller -> callee`, for those who mistook one: calls, then each
    /// service's database and broker, then mail.
    pub fn pairs(&self) -> Vec<String> {
        let calls = self.operations.iter();
        let mut pairs = distinct(calls.map(|it| link(&it.caller, &it.callee)));
        for service in &self.services {
            pairs.extend(service.database.iter().map(|database| link(&service.name, database)));
            pairs.extend(self.broker.iter().map(|broker| link(&service.name, broker)));
        }
        for service in self.services.iter().filter(|service| service.mails) {
            pairs.extend(self.mail.iter().map(|mail| link(&service.name, mail)));
        }
        pairs
    }

    /// The pairs whose caller connects anew now and then; connections to databases are kept.
    pub fn connections(&self) -> Vec<String> {
        let kept = |pair: &String| self.databases().iter().any(|name| pair.ends_with(name));
        self.pairs().into_iter().filter(|pair| !kept(pair)).collect()
    }

    /// Pairs whose calls storms aim at, each as often as it is worth: the focus, or else all that have
    /// an operation that is not seldom.
    pub fn busy_calls(&self) -> Vec<String> {
        if !self.focus.calls.is_empty() {
            return self.focus.calls.iter().map(|(from, to)| link(from, to)).collect();
        }
        let operations = self.operations.iter();
        let often = operations.filter(|it| !self.is_seldom(&it.caller, Act::Call, &it.name));
        distinct(often.map(|it| link(&it.caller, &it.callee)))
    }

    /// The names of the operations that `from` asks of `to`.
    pub fn operations(&self, from: &str, to: &str) -> Vec<&str> {
        let (from, to) = (service_of(from), service_of(to));
        let asked = self.operations.iter();
        let asked = asked.filter(|it| it.caller == from && it.callee == to);
        asked.map(|operation| operation.name.as_str()).collect()
    }

    /// Whom `caller`, a node or a service, asks for `operation`.
    pub fn callee(&self, caller: &str, operation: &str) -> Option<&str> {
        let caller = service_of(caller);
        let mut asked = self.operations.iter();
        let found = asked.find(|it| it.caller == caller && it.name == operation);
        found.map(|operation| operation.callee.as_str())
    }
}

/// Queues.
impl Topology {
    /// The names of all queues that faults can be aimed at.
    pub fn queue_names(&self) -> Vec<&str> {
        self.queues.iter().map(|queue| queue.name.as_str()).collect()
    }

    /// The service that consumes `queue`.
    pub fn owner_of(&self, queue: &str) -> Option<&str> {
        let mut queues = self.queues.iter();
        queues.find(|row| row.name == queue).map(|row| row.owner.as_str())
    }

    /// The queues that take messages of this name.
    pub fn queues_of(&self, message: &str) -> Vec<&str> {
        let fits = self.queues.iter().filter(|queue| queue.takes == message);
        fits.map(|queue| queue.name.as_str()).collect()
    }
}

/// Injection points.
impl Topology {
    /// Whether nodes of `service`, or clients of this kind, act at all: databases, the broker and the
    /// mail server do not.
    pub fn is_author(&self, service: &str) -> bool {
        self.points.iter().any(|point| point.service == service && !point.seldom)
    }

    /// The points that storms can aim at: what services do. What clients ask, storms meet by the calls
    /// of a pair.
    pub fn often(&self) -> impl Iterator<Item = &InjectionPoint> {
        self.points.iter().filter(|point| !point.seldom && self.service(&point.service).is_some())
    }

    /// Whether nodes of `service` pass this too seldom for storms.
    pub fn is_seldom(&self, service: &str, act: Act, name: &str) -> bool {
        let service = service_of(service);
        let seldom = self.points.iter().filter(|point| point.seldom);
        let mut fits = seldom.filter(|point| point.service == service && point.act == act);
        fits.any(|point| point.names.iter().any(|known| known == name))
    }

    /// Every service that acts by itself.
    pub fn authors(&self) -> Vec<&str> {
        let mut authors: Vec<&str> = self.often().map(|point| point.service.as_str()).collect();
        authors.dedup();
        authors
    }

    /// Whether nodes of `service` ever pass `moment`.
    pub fn passes(&self, service: &str, moment: &Moment) -> bool {
        self.points.iter().any(|point| {
            point.service == service
                && point.act == moment.act
                && point.names.contains(&moment.name)
        })
    }

    /// The names of the acts of one kind that nodes of `service` pass.
    pub fn names_of(&self, service: &str, act: Act) -> Vec<&str> {
        let service = service_of(service);
        let points = self.points.iter();
        let points = points.filter(|point| point.service == service && point.act == act);
        points.flat_map(|point| &point.names).map(String::as_str).collect()
    }

    /// The other end of what an act of `service` goes through: whom it asks, its database, the
    /// broker, the mail server.
    pub fn partner(&self, service: &str, act: Act, name: &str) -> Option<&str> {
        match act {
            Act::Call => self.callee(service, name),
            Act::Commit => self.database_of(service),
            Act::Publish | Act::Ack => self.broker.as_deref(),
            Act::Mail => self.mail.as_deref(),
        }
    }
}

/// Each of them once, where it comes first.
fn distinct(pairs: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    pairs.filter(|pair| seen.insert(pair.clone())).collect()
}

fn link(from: &str, to: &str) -> String {
    format!("{from} -> {to}")
}
