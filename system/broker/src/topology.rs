//! Declaring exchanges, queues and bindings, and routing by them.

use super::exchange::Exchange;
use super::ids::Slot;
use super::queue::Queue;
use super::{Binding, Broker, BrokerError, QueueSpec, Topology};

impl Broker {
    /// Declares everything in `topology`; declaring it again changes nothing.
    ///
    /// # Errors
    /// A queue exists with another specification, or a binding names what is not declared.
    pub fn declare(&mut self, topology: &Topology) -> Result<(), BrokerError> {
        for exchange in &topology.exchanges {
            self.declare_exchange(exchange)?;
        }
        for queue in &topology.queues {
            self.declare_queue(queue.clone())?;
        }
        for Binding { queue, exchange, pattern } in &topology.bindings {
            self.bind(queue, exchange, pattern)?;
        }
        Ok(())
    }

    /// Declares a durable topic exchange; declaring it again changes nothing.
    ///
    /// # Errors
    /// The name is empty: that one is always there.
    pub fn declare_exchange(&mut self, name: &str) -> Result<(), BrokerError> {
        if name.is_empty() {
            return Err(BrokerError::AccessRefused("the default exchange is not declared"));
        }
        if !self.exchanges.contains_key(name) {
            self.exchanges.insert(name.into(), Exchange::default());
        }
        Ok(())
    }

    /// Declares a durable queue; declaring it again alike changes nothing.
    ///
    /// # Errors
    /// It exists with another specification.
    pub fn declare_queue(&mut self, spec: QueueSpec) -> Result<(), BrokerError> {
        if spec.name.is_empty() {
            return Err(BrokerError::PreconditionFailed("a queue needs a name".to_owned()));
        }
        if let Some(slot) = self.slots.get(spec.name.as_str()) {
            let known = &self.queues[*slot].spec;
            return if *known == spec {
                Ok(())
            } else {
                let text = format!("inequivalent arg for queue '{}'", spec.name);
                Err(BrokerError::PreconditionFailed(text))
            };
        }
        let slot = self.queues.len();
        if spec.message_ttl.is_some() {
            self.expiring.push(slot);
        }
        let queue = Queue::new(spec);
        self.slots.insert(queue.name.clone(), slot);
        self.queues.push(queue);
        Ok(())
    }

    /// Binds `queue` to `exchange` by a topic pattern; binding again changes nothing.
    ///
    /// # Errors
    /// There is no such queue or exchange, or it is the default exchange, which takes no bindings.
    pub fn bind(&mut self, queue: &str, exchange: &str, pattern: &str) -> Result<(), BrokerError> {
        if exchange.is_empty() {
            return Err(BrokerError::AccessRefused("the default exchange takes no bindings"));
        }
        let slot = self.slot(queue)?;
        let exchange = self.exchanges.get_mut(exchange).ok_or_else(|| no_exchange(exchange))?;
        exchange.bind(pattern, slot);
        Ok(())
    }

    pub(super) fn slot(&self, queue: &str) -> Result<Slot, BrokerError> {
        let slot = self.slots.get(queue).copied();
        slot.ok_or_else(|| BrokerError::NotFound { kind: "queue", name: queue.to_owned() })
    }

    /// The queues that get a message, each once. Errors: there is no such exchange.
    pub(super) fn route(&self, exchange: &str, key: &str) -> Result<Vec<Slot>, BrokerError> {
        if exchange.is_empty() {
            return Ok(self.slots.get(key).copied().into_iter().collect());
        }
        Ok(self.exchanges.get(exchange).ok_or_else(|| no_exchange(exchange))?.route(key))
    }
}

fn no_exchange(name: &str) -> BrokerError {
    BrokerError::NotFound { kind: "exchange", name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn redeclaring_is_idempotent_only_if_alike() {
        let mut rig = Rig::new(&["work"]);
        rig.send("work", "a");
        rig.broker.declare_queue(QueueSpec::named("work")).unwrap();
        assert_eq!(rig.ready("work"), ["a"]);
        let other = QueueSpec { delivery_limit: Some(3), ..QueueSpec::named("work") };
        let error = rig.broker.declare_queue(other).unwrap_err().to_string();
        assert_eq!(error, "PRECONDITION_FAILED - inequivalent arg for queue 'work'");
        assert!(rig.broker.declare_queue(QueueSpec::default()).is_err());
    }

    #[test]
    fn redeclaring_an_exchange_keeps_its_bindings() {
        let mut rig = Rig::new(&["work"]);
        rig.broker.declare_exchange("topics").unwrap();
        rig.broker.bind("work", "topics", "item.*").unwrap();
        rig.broker.declare_exchange("topics").unwrap();
        assert_eq!(rig.broker.route("topics", "item.new"), Ok(vec![0]));
        assert!(rig.broker.declare_exchange("").is_err());
    }

    #[test]
    fn bindings_need_both_ends() {
        let mut rig = Rig::new(&["work"]);
        rig.broker.declare_exchange("topics").unwrap();
        for (queue, exchange) in [("none", "topics"), ("work", "none"), ("work", "")] {
            assert!(rig.broker.bind(queue, exchange, "#").is_err(), "{queue} {exchange}");
        }
    }

    #[test]
    fn the_default_exchange_routes_to_the_queue_of_that_name() {
        let rig = Rig::new(&["work", "rest"]);
        assert_eq!(rig.broker.route("", "rest"), Ok(vec![1]));
        assert_eq!(rig.broker.route("", "none"), Ok(vec![]));
    }
}
