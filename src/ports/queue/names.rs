//! Names at the broker: several applications may share a virtual host, each under a prefix of its own.
//!
//! Inside, exchanges and queues have the application's names; what goes out gets the prefix, what comes in
//! loses it.

use std::sync::Arc;

use stormproof_broker::{DeadLetter, Death, QueueSpec};
use stormproof_ports::Message;
use stormproof_ports::topology::{Binding, Topology};

/// The prefix; empty for an application that has the virtual host to itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Arc<str>);

impl Names {
    pub(super) fn under(prefix: &str) -> Names {
        Names(prefix.into())
    }

    /// What the broker calls a queue, or an exchange that has a name.
    pub(super) fn outward(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }

    fn inward(&self, name: String) -> String {
        match name.strip_prefix(&*self.0) {
            Some(rest) if !self.0.is_empty() => rest.to_owned(),
            _ => name,
        }
    }

    /// A message that leaves: at the default exchange the routing key is a queue's name.
    pub(super) fn sent(&self, message: Message) -> Message {
        match message.exchange.as_str() {
            "" => Message { routing_key: self.outward(&message.routing_key), ..message },
            exchange => Message { exchange: self.outward(exchange), ..message },
        }
    }

    /// A message that arrives.
    pub(super) fn received(&self, message: Message) -> Message {
        let (exchange, routing_key) = self.route(message.exchange, message.routing_key);
        Message { exchange, routing_key, ..message }
    }

    /// A reason of a death.
    pub(super) fn died(&self, death: Death) -> Death {
        let (exchange, routing_key) = self.route(death.exchange, death.routing_key);
        let queue = self.inward(death.queue.to_string()).into();
        Death { queue, exchange, routing_key, ..death }
    }

    fn route(&self, exchange: String, routing_key: String) -> (String, String) {
        match exchange.as_str() {
            "" => (exchange, self.inward(routing_key)),
            _ => (self.inward(exchange), routing_key),
        }
    }

    /// What is declared.
    pub(super) fn topology(&self, topology: &Topology) -> Topology {
        let dead_letter = |target: &DeadLetter| match target.exchange.as_str() {
            "" => DeadLetter::to_queue(&self.outward(&target.routing_key)),
            exchange => DeadLetter { exchange: self.outward(exchange), ..target.clone() },
        };
        let queue = |spec: &QueueSpec| QueueSpec {
            name: self.outward(&spec.name),
            dead_letter: spec.dead_letter.as_ref().map(dead_letter),
            ..spec.clone()
        };
        let binding = |binding: &Binding| Binding {
            queue: self.outward(&binding.queue),
            exchange: self.outward(&binding.exchange),
            pattern: binding.pattern.clone(),
        };
        Topology {
            exchanges: topology.exchanges.iter().map(|name| self.outward(name)).collect(),
            queues: topology.queues.iter().map(queue).collect(),
            bindings: topology.bindings.iter().map(binding).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology() -> Topology {
        let exchange = "store.exchange".to_owned();
        let dead_letter = Some(DeadLetter::to_queue("email.lost.dead"));
        let queue = QueueSpec { dead_letter, ..QueueSpec::named("email.lost.queue") };
        let binding = Binding {
            queue: "email.lost.queue".to_owned(),
            exchange: exchange.clone(),
            pattern: "email.#".to_owned(),
        };
        let dead = QueueSpec::named("email.lost.dead");
        Topology { exchanges: vec![exchange], queues: vec![queue, dead], bindings: vec![binding] }
    }

    #[test]
    fn every_name_that_goes_out_has_the_prefix_and_comes_in_without() {
        let names = Names::under("blue.");
        let declared = names.topology(&topology());
        let dead = declared.queues.iter().filter_map(|spec| spec.dead_letter.as_ref());
        let all = declared.exchanges.iter().chain(declared.queues.iter().map(|spec| &spec.name));
        let all = all.chain(declared.bindings.iter().flat_map(|it| [&it.queue, &it.exchange]));
        for name in all.chain(dead.map(|target| &target.routing_key)) {
            assert!(name.starts_with("blue."), "{name}");
        }
        for (exchange, routing_key, sent) in [
            ("store.exchange", "email.lost", ("blue.store.exchange", "email.lost")),
            ("", "email.lost.queue", ("", "blue.email.lost.queue")),
        ] {
            let message = Message {
                exchange: exchange.to_owned(),
                routing_key: routing_key.to_owned(),
                message_id: String::new(),
                correlation_id: String::new(),
                schema: String::new(),
                version: 1,
                traceparent: String::new(),
                timestamp: 0,
                attempt: 0,
                body: Default::default(),
            };
            let out = names.sent(message.clone());
            assert_eq!((out.exchange.as_str(), out.routing_key.as_str()), sent);
            assert_eq!(names.received(out), message);
            assert_eq!(Names::default().sent(message.clone()), message);
        }
    }
}
