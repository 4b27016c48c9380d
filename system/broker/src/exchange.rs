//! A durable topic exchange: which queues get a message with a given routing key.
//!
//! The default exchange has no bindings and is `topology`'s.

use super::ids::Slot;
use super::topic::Pattern;

/// The bindings of one topic exchange.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    bindings: Vec<(Pattern, Slot)>,
}

impl Exchange {
    /// Binding again changes nothing.
    pub(super) fn bind(&mut self, pattern: &str, queue: Slot) {
        let binding = (Pattern::new(pattern), queue);
        if !self.bindings.contains(&binding) {
            self.bindings.push(binding);
        }
    }

    /// Every queue with a matching binding, once, in order of declaration.
    pub(super) fn route(&self, routing_key: &str) -> Vec<Slot> {
        let matching = self.bindings.iter().filter(|(pattern, _)| pattern.matches(routing_key));
        let mut slots: Vec<Slot> = matching.map(|(_, slot)| *slot).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_once_however_many_bindings_match() {
        let mut exchange = Exchange::default();
        for (pattern, queue) in [("a.#", 7), ("a.*", 7), ("a.*", 7), ("a.b", 2), ("c", 3)] {
            exchange.bind(pattern, queue);
        }
        assert_eq!(exchange.bindings.len(), 4);
        assert_eq!(exchange.route("a.b"), [2, 7]);
        assert_eq!(exchange.route("c"), [3]);
        assert!(exchange.route("d").is_empty());
    }
}
