//! Telling a topology: each thing once. What a service calls and consumes are injection points of its
//! own, and need not be told again.

use super::{Client, InjectionPoint, Operation, Queue, Service, Topology};
use crate::moment::Act;

impl Topology {
    /// Services with one node and a database `<name>-db` each, and a broker called `broker`.
    pub fn of<'a>(services: impl IntoIterator<Item = &'a str>) -> Topology {
        let service = |name: &str| Service {
            name: name.to_owned(),
            replicas: 1,
            database: Some(format!("{name}-db")),
            mails: false,
        };
        Topology {
            services: services.into_iter().map(service).collect(),
            broker: Some("broker".to_owned()),
            ..Topology::default()
        }
    }

    /// Clients of one kind, numbered from 1, as many as a scenario has.
    #[must_use]
    pub fn clients(self, name: &str) -> Topology {
        self.with_client(name, Some(0))
    }

    /// One client, without a number.
    #[must_use]
    pub fn client(self, name: &str) -> Topology {
        self.with_client(name, None)
    }

    /// An operation that `caller`, a service or a kind of clients, asks of `callee` by HTTP.
    #[must_use]
    pub fn call(self, caller: &str, callee: &str, operation: &str) -> Topology {
        self.with_call(caller, callee, operation, false)
    }

    /// The same, too seldom for storms.
    #[must_use]
    pub fn hourly_call(self, caller: &str, callee: &str, operation: &str) -> Topology {
        self.with_call(caller, callee, operation, true)
    }

    /// A queue that `owner` consumes, and the name of the messages that it takes.
    #[must_use]
    pub fn queue(mut self, name: &str, owner: &str, takes: &str) -> Topology {
        self.queues.push(Queue {
            name: name.to_owned(),
            owner: owner.to_owned(),
            takes: takes.to_owned(),
        });
        // Whoever takes a message may have to send it on: to its retries, or to the dead letters.
        self.point(owner, Act::Ack, [takes], false).seldom(owner, Act::Publish, [takes])
    }

    /// Facts, `noun STATE`, that the service commits.
    #[must_use]
    pub fn commits<'a>(self, service: &str, facts: impl IntoIterator<Item = &'a str>) -> Topology {
        self.point(service, Act::Commit, facts, false)
    }

    /// Messages, by their names, that the service publishes.
    #[must_use]
    pub fn publishes<'a>(
        self,
        service: &str,
        messages: impl IntoIterator<Item = &'a str>,
    ) -> Topology {
        self.point(service, Act::Publish, messages, false)
    }

    /// Mails, by their templates, that the service sends; the mail server is called `mail`.
    #[must_use]
    pub fn mails<'a>(
        mut self,
        service: &str,
        templates: impl IntoIterator<Item = &'a str>,
    ) -> Topology {
        self.mail = Some("mail".to_owned());
        self.services.iter_mut().filter(|it| it.name == service).for_each(|it| it.mails = true);
        self.point(service, Act::Mail, templates, false)
    }

    /// Acts, by their names, that come too seldom for storms, such as once an hour, or that somebody
    /// outside does: scenarios may aim at them.
    #[must_use]
    pub fn seldom<'a>(
        self,
        service: &str,
        act: Act,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Topology {
        self.point(service, act, names, true)
    }

    fn with_call(mut self, caller: &str, callee: &str, name: &str, seldom: bool) -> Topology {
        let (caller, callee) = (caller.to_owned(), callee.to_owned());
        let operation = Operation { caller: caller.clone(), callee, name: name.to_owned() };
        if !self.operations.contains(&operation) {
            self.operations.push(operation);
        }
        self.point(&caller, Act::Call, [name], seldom)
    }

    fn with_client(mut self, name: &str, count: Option<usize>) -> Topology {
        self.clients.push(Client { name: name.to_owned(), count });
        self
    }

    /// Points stand in the order of services and acts, however they are told; then those of clients;
    /// what is seldom last.
    fn point<'a>(
        mut self,
        service: &str,
        act: Act,
        names: impl IntoIterator<Item = &'a str>,
        seldom: bool,
    ) -> Topology {
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        // What comes often and seldom comes often.
        let other = self.points.iter_mut().find(|point| {
            (point.service.as_str(), point.act, point.seldom) == (service, act, !seldom)
        });
        if let Some(other) = other {
            match seldom {
                true => names.retain(|name| !other.names.contains(name)),
                false => other.names.retain(|name| !names.contains(name)),
            }
        }
        let same = self.points.iter_mut().find(|point| {
            (point.service.as_str(), point.act, point.seldom) == (service, act, seldom)
        });
        match same {
            Some(point) => {
                names.retain(|name| !point.names.contains(name));
                point.names.append(&mut names);
            }
            None => {
                let service = service.to_owned();
                self.points.push(InjectionPoint { service, act, names, seldom });
            }
        }
        self.points.retain(|point| !point.names.is_empty());
        let place = |name: &str| {
            let place = self.services.iter().position(|it| it.name == name);
            place.unwrap_or(self.services.len())
        };
        self.points.sort_by_key(|point| (point.seldom, place(&point.service), point.act));
        self
    }
}
