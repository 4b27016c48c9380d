//! What the shop declares at its broker, from the one table in `messages`.

use stormproof_messaging::retries::{RETRIES, add_queue};
pub use stormproof_messaging::retries::{dead_letter_queues, original_queue};
pub use stormproof_ports::topology::{Binding, Topology};

use crate::messages::{EXCHANGES, QUEUES};

/// The shop's exchanges and queues; each queue has its retry queues and its dead-letter queue.
pub fn of_shop() -> Topology {
    let mut topology =
        Topology { exchanges: EXCHANGES.map(str::to_owned).to_vec(), ..Topology::default() };
    for row in QUEUES {
        add_queue(&mut topology, row.name, &RETRIES);
        topology.bindings.push(Binding {
            queue: row.name.to_owned(),
            exchange: row.exchange.to_owned(),
            pattern: row.binding.to_owned(),
        });
    }
    topology
}

#[cfg(test)]
mod tests {
    use stormproof_broker::Broker;

    use super::*;

    #[test]
    fn a_broker_takes_it_again_and_again() {
        let topology = of_shop();
        let mut broker = Broker::new();
        broker.declare(&topology).unwrap();
        broker.declare(&topology).unwrap();
        let dead: Vec<_> = dead_letter_queues(&topology).map(original_queue).collect();
        assert_eq!(dead, QUEUES.map(|row| Some(row.name)));
    }
}
