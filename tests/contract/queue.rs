//! The queue's contract on the simulated broker, the embedded one and RabbitMQ.

use stormproof_bindings::clock::SystemClock;
use stormproof_bindings::embedded_queue::EmbeddedBroker;
use stormproof_bindings::queue::RabbitMq;
use stormproof_ports::contract::queue::{check, topology};
use stormproof_world::{Spec, run};

use super::real::{Folder, real};
use crate::servers::queues::{self, Declared};

#[test]
fn the_simulated_broker_keeps_it() {
    for seed in [1, 2, 3] {
        let mut spec = Spec::new(seed);
        spec.clients = vec!["customer".to_owned()];
        spec.broker.declare(&topology("sim")).expect("it is consistent");
        run(spec, |world| async move {
            let ports = world.ports("customer");
            let checks = world.spawn("customer", async move {
                check(&*ports.queue, &*ports.clock, "sim").await.expect("it is kept");
            });
            checks.await.expect("nobody kills the customer");
            world.broker(is_empty);
        });
    }
}

#[test]
fn the_embedded_broker_keeps_it() {
    real(async {
        let folder = Folder::new("embedded");
        let open = EmbeddedBroker::open(&folder.file(), topology("embedded")).await;
        let broker = open.expect("the folder is new");
        check(&*broker.queue("test"), &SystemClock, "embedded").await.expect("it is kept");
        broker.close().await;
    });
}

#[test]
fn rabbitmq_keeps_it() {
    real(async {
        let Some(url) = queues::url() else { return };
        let owner = queues::owner("contract");
        let _declared = Declared::new(&url, topology(&owner)).await;
        let queue = RabbitMq::open(&url, "contract").expect("the address is one");
        check(&queue, &SystemClock, &owner).await.expect("it is kept");
    });
}

fn is_empty(broker: &stormproof_broker::Broker) {
    for queue in broker.queues() {
        assert_eq!(queue.depth(), 0, "{} is left behind in {}", queue.depth(), queue.name());
    }
}
