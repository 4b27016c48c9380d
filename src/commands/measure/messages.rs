//! Messages: published and confirmed, delivered and acknowledged, on a queue of its own.

use std::time::Duration;

use bytes::Bytes;
use futures::future::try_join;
use stormproof_bindings::queue::RabbitMq;
use stormproof_ports::machine::{Demand, WorkKind};
use stormproof_ports::notify::Notify;
use stormproof_ports::topology::{QueueSpec, Topology};
use stormproof_ports::{Message, Queue as _, Settle, Subscription};
use tokio::time::{Instant, timeout};

use super::stopwatch::{Stopwatch, Timing, micros};
use super::{RABBITMQ, run_number};
use crate::brokers;
use crate::config::Config;

/// How long a delivery is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// As a consumer of the shop's has it.
const PREFETCH: u16 = 16;

/// What a message says, in bytes.
const BODY: usize = 300;

const WARM_UP: u32 = 200;

/// Measures both kinds, `rounds` times.
///
/// # Errors
/// In words: what the broker refused, or did not do in time.
pub async fn measure(
    config: &Config,
    watch: &Stopwatch,
    rounds: u32,
) -> Result<[(WorkKind, Demand); 2], String> {
    let name = format!("measure-{}", run_number());
    let topology = Topology { queues: vec![QueueSpec::named(&name)], ..Topology::default() };
    let broker = brokers::rabbit(config)?;
    let declared = broker.declare(&topology).await;
    declared.map_err(|error| format!("the scratch queue: {error}"))?;
    let measured = on_queue(&broker, &name, watch, rounds).await;
    let removed = broker.undeclare(&topology).await;
    let demands = measured.map_err(|why| format!("the scratch queue: {why}"))?;
    removed.map_err(|error| format!("the scratch queue: {error}")).map(|()| demands)
}

async fn on_queue(
    broker: &RabbitMq,
    queue: &str,
    watch: &Stopwatch,
    rounds: u32,
) -> Result<[(WorkKind, Demand); 2], String> {
    for number in 0..WARM_UP {
        publish(broker, queue, number).await?;
    }
    let published = watch.time(RABBITMQ, rounds, async |took_us| {
        for number in 0..rounds {
            let start = Instant::now();
            publish(broker, queue, number).await?;
            took_us.push(micros(start.elapsed()));
        }
        Ok(())
    });
    let published = published.await?;
    let notify = Notify::default();
    let subscribed = broker.subscribe(queue, PREFETCH, notify.clone()).await;
    let mut subscription = subscribed.map_err(|error| error.to_string())?;
    for _ in 0..WARM_UP + rounds {
        let tag = next(&mut *subscription, &notify).await?;
        settle(&mut *subscription, tag).await?;
    }
    // One at a time, as messages come where there is little to do. It is there when the broker has it on
    // its disk, and so is the confirm.
    let both = watch.time(RABBITMQ, rounds, async |took_us| {
        for number in 0..rounds {
            let start = Instant::now();
            let taken = async {
                let tag = next(&mut *subscription, &notify).await?;
                took_us.push(micros(start.elapsed()) - publishing(&published));
                settle(&mut *subscription, tag).await
            };
            try_join(publish(broker, queue, number), taken).await?;
        }
        Ok(())
    });
    let delivered = both.await?.without(published.processor, 1.0);
    Ok([(WorkKind::Publish, published.demand()), (WorkKind::Deliver, delivered.demand())])
}

/// What processors work at a publish, which comes before its delivery, in microseconds.
fn publishing(published: &Timing) -> f64 {
    published.processor.client + published.processor.server
}

async fn publish(broker: &RabbitMq, queue: &str, number: u32) -> Result<(), String> {
    broker.publish(message(queue, number)).await.map_err(|error| error.to_string())
}

/// The tag of the next delivery.
async fn next(subscription: &mut dyn Subscription, notify: &Notify) -> Result<u64, String> {
    loop {
        if let Some(delivery) = subscription.take().map_err(|error| error.to_string())? {
            return Ok(delivery.tag);
        }
        let come = timeout(PATIENCE, notify.notified()).await;
        come.map_err(|_| format!("no delivery within {} s", PATIENCE.as_secs()))?;
    }
}

async fn settle(subscription: &mut dyn Subscription, tag: u64) -> Result<(), String> {
    subscription.settle(tag, Settle::Ack).await.map_err(|error| error.to_string())
}

fn message(queue: &str, number: u32) -> Message {
    Message {
        routing_key: queue.to_owned(),
        message_id: format!("measure-{number}"),
        correlation_id: format!("measure-{number}"),
        schema: "measure".to_owned(),
        version: 1,
        body: Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(BODY))),
        ..Message::default()
    }
}
