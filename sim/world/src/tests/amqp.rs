//! lapin's words over the world's broker.

use futures::StreamExt as _;
use stormproof_ports::amqp::{
    AmqpError, BasicNackOptions, BasicProperties, BasicRejectOptions, Channel, Confirmation,
    Delivery,
};
use stormproof_ports::topology::DeadLetter;

use super::*;

const USER: &str = "user";
const WORK: &str = "work";
const DEAD: &str = "work.dead";

/// Runs `story` on the user's node, beside a broker with a queue and its dead letters.
fn on_a_channel<F>(faults: Vec<Fault>, story: fn(World, Channel) -> F) -> World
where
    F: Future<Output = Result<(), AmqpError>> + Send + 'static,
{
    let mut spec = spec(1, faults);
    let mut work = QueueSpec::named(WORK);
    work.dead_letter = Some(DeadLetter::to_queue(DEAD));
    spec.broker.declare_queue(work).expect("it is new");
    spec.broker.declare_queue(QueueSpec::named(DEAD)).expect("it is new");
    run(spec, move |world| async move {
        world.sleep(SECOND).await;
        let channel = Channel::new(&world.ports(USER));
        let visit = world.spawn(USER, story(world.clone(), channel));
        visit.await.expect("nobody kills the user").expect("the story ends well");
        world
    })
}

async fn publish(channel: &Channel, id: &str) -> Result<(), AmqpError> {
    let properties = BasicProperties::default()
        .with_message_id(id)
        .with_correlation_id("case-7")
        .with_type("work.wanted")
        .with_version(2)
        .with_timestamp(1_700_000_000);
    let confirm = channel.basic_publish("", WORK, Default::default(), id.as_bytes(), properties);
    assert_eq!(confirm.await?.await?, Confirmation::Ack);
    Ok(())
}

fn id(delivery: &Delivery) -> &str {
    delivery.properties.message_id().expect("every delivery has one")
}

#[test]
fn what_is_published_is_consumed_and_settled() {
    on_a_channel(Vec::new(), |world, channel| async move {
        for id in ["a", "b", "c"] {
            publish(&channel, id).await?;
        }
        channel.basic_qos(2, Default::default()).await?;
        let mut consumer =
            channel.basic_consume(WORK, "", Default::default(), Default::default()).await?;
        let first = consumer.next().await.expect("a delivery")?;
        assert_eq!((id(&first), &*first.data, first.redelivered), ("a", &b"a"[..], false));
        let properties = &first.properties;
        assert_eq!((properties.kind(), properties.version()), ("work.wanted", 2));
        assert_eq!((properties.correlation_id(), properties.attempt()), ("case-7", 0));
        assert_eq!(properties.timestamp(), Some(1_700_000_000));
        let second = consumer.next().await.expect("a delivery")?;
        // Two are held: the third waits until one is settled.
        assert!(futures::poll!(consumer.next()).is_pending());
        first.ack(Default::default()).await?;
        let third = consumer.next().await.expect("a delivery")?;
        assert_eq!((id(&second), id(&third)), ("b", "c"));
        second.nack(BasicNackOptions::default()).await?;
        third.reject(BasicRejectOptions::default()).await?;
        world.sleep(SECOND).await;
        let depth = |queue| world.broker(|broker| broker.depth(queue).expect("the queue is there"));
        assert_eq!((depth(WORK), depth(DEAD)), (0, 2));
        Ok(())
    });
}

#[test]
fn what_is_not_settled_goes_back_with_its_consumer() {
    on_a_channel(Vec::new(), |world, channel| async move {
        publish(&channel, "a").await?;
        for redelivered in [false, true] {
            let mut consumer =
                channel.basic_consume(WORK, "", Default::default(), Default::default()).await?;
            let delivery = consumer.next().await.expect("a delivery")?;
            assert_eq!((id(&delivery), delivery.redelivered), ("a", redelivered));
            drop((consumer, delivery));
            world.sleep(SECOND).await;
        }
        Ok(())
    });
}

#[test]
fn what_the_port_does_not_know_is_refused() {
    on_a_channel(Vec::new(), |_, channel| async move {
        publish(&channel, "a").await?;
        let mut consumer =
            channel.basic_consume(WORK, "", Default::default(), Default::default()).await?;
        let delivery = consumer.next().await.expect("a delivery")?;
        let requeued = delivery.nack(BasicNackOptions { requeue: true, multiple: false }).await;
        assert!(matches!(requeued, Err(AmqpError::Unsupported(_))), "{requeued:?}");
        let endless = channel.basic_qos(0, Default::default()).await;
        assert!(matches!(endless, Err(AmqpError::Unsupported(_))), "{endless:?}");
        let nowhere = BasicProperties::default();
        let nowhere = channel.basic_publish("", "nowhere", Default::default(), b"", nowhere).await;
        assert!(matches!(nowhere, Err(AmqpError::Returned(_))), "{nowhere:?}");
        let nobody =
            channel.basic_consume("nowhere", "", Default::default(), Default::default()).await;
        assert!(matches!(nobody, Err(AmqpError::Lost(_))));
        delivery.ack(Default::default()).await
    });
}

#[test]
fn a_consumer_ends_with_its_connection() {
    let crash = Fault::new(FaultKind::Crash, Target::node("broker")).by(3 * SECOND);
    on_a_channel(vec![at(5.0, crash)], |world, channel| async move {
        publish(&channel, "a").await?;
        let mut consumer =
            channel.basic_consume(WORK, "", Default::default(), Default::default()).await?;
        let delivery = consumer.next().await.expect("a delivery")?;
        let lost = consumer.next().await.expect("a last word");
        assert!(matches!(lost, Err(AmqpError::Lost(_))), "{lost:?}");
        assert!(consumer.next().await.is_none());
        assert!(matches!(delivery.ack(Default::default()).await, Err(AmqpError::Lost(_))));
        world.sleep(10 * SECOND).await;
        let mut consumer =
            channel.basic_consume(WORK, "", Default::default(), Default::default()).await?;
        let again = consumer.next().await.expect("a delivery")?;
        assert!(again.redelivered && id(&again) == "a", "{again:?}");
        Ok(())
    });
}
