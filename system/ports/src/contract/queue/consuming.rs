//! Consuming: who gets what, how often, and what becomes of what is not done.

use super::{Bench, DELIVERY_LIMIT, RETRY, RETRY_AFTER, WORK};
use crate::contract::{Broken, Kept, ensure};
use crate::notify::Notify;
use crate::{Message, Settle};

/// Each waits to be notified before it looks.
pub(super) async fn notifies(bench: Bench<'_>) -> Kept {
    let mut consumer = bench.consume(WORK, 10).await?;
    consumer.nothing().await?;
    for id in ["first", "second"] {
        bench.publish(WORK, &[id]).await?;
        consumer.next_is(id).await?.ack(&mut consumer).await?;
    }
    Ok(())
}

pub(super) async fn holds_to_the_prefetch(bench: Bench<'_>) -> Kept {
    bench.publish(WORK, &["a", "b", "c", "d"]).await?;
    let mut consumer = bench.consume(WORK, 2).await?;
    let first = consumer.next_is("a").await?;
    let second = consumer.next_is("b").await?;
    consumer.nothing().await?;
    second.ack(&mut consumer).await?;
    let third = consumer.next_is("c").await?;
    consumer.nothing().await?;
    first.ack(&mut consumer).await?;
    let fourth = consumer.next_is("d").await?;
    third.ack(&mut consumer).await?;
    fourth.ack(&mut consumer).await
}

/// Two consumers with room for one message each have two of three.
pub(super) async fn shares_a_queue(bench: Bench<'_>) -> Kept {
    let mut left = bench.consume(WORK, 1).await?;
    let mut right = bench.consume(WORK, 1).await?;
    bench.publish(WORK, &["a", "b", "c"]).await?;
    let (one, other) = (left.next().await?, right.next().await?);
    let mut seen = [one.0.message.message_id.clone(), other.0.message.message_id.clone()];
    seen.sort();
    ensure(seen == ["a", "b"], || format!("two consumers get {seen:?}"))?;
    left.nothing().await?;
    right.nothing().await?;
    other.ack(&mut right).await?;
    right.next_is("c").await?.ack(&mut right).await?;
    one.ack(&mut left).await
}

pub(super) async fn forgets_the_acknowledged(bench: Bench<'_>) -> Kept {
    bench.publish(WORK, &["a", "b"]).await?;
    let mut consumer = bench.consume(WORK, 1).await?;
    consumer.next_is("a").await?.ack(&mut consumer).await?;
    // That the next one comes shows that the acknowledgement has arrived.
    consumer.next_is("b").await?.ack(&mut consumer).await?;
    consumer.nothing().await?;
    drop(consumer);
    bench.drain(WORK, &[]).await
}

/// What was taken and what still waited both come back, in their order and marked as redelivered.
/// What was never handed out is not marked, and may come before: the broker may hear of the new
/// subscription before it hears of the end of the old one.
pub(super) async fn gives_back(bench: Bench<'_>) -> Kept {
    bench.publish(WORK, &["a", "b", "c"]).await?;
    let mut consumer = bench.consume(WORK, 2).await?;
    consumer.next_is("a").await?.is_redelivered(false)?;
    drop(consumer);
    let mut consumer = bench.consume(WORK, 1).await?;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let taken = consumer.next().await?;
        let id = taken.0.message.message_id.clone();
        taken.is_redelivered(id != "c")?;
        seen.push(id);
        taken.ack(&mut consumer).await?;
    }
    seen.retain(|id| id != "c");
    ensure(seen == ["a", "b"], || format!("they come back as {seen:?}"))?;
    consumer.nothing().await
}

/// A rejected message is the same one in the dead-letter queue, and its neighbour stays.
pub(super) async fn dead_letters(bench: Bench<'_>) -> Kept {
    bench.publish(WORK, &["poison", "food"]).await?;
    let mut consumer = bench.consume(WORK, 1).await?;
    consumer.next_is("poison").await?.reject(&mut consumer).await?;
    consumer.next_is("food").await?.ack(&mut consumer).await?;
    let mut dead = bench.consume(&bench.dead(), 1).await?;
    let taken = dead.next_is("poison").await?;
    let sent = bench.message(&bench.dead(), "poison");
    ensure(taken.0.message == sent, || {
        format!("a dead letter of {sent:?} is {:?}", taken.0.message)
    })?;
    taken.ack(&mut dead).await?;
    dead.nothing().await
}

/// A consumer that dies of a message gets it as often as the queue allows.
pub(super) async fn limits_deliveries(bench: Bench<'_>) -> Kept {
    bench.publish(WORK, &["deadly"]).await?;
    for delivery in 0..=DELIVERY_LIMIT {
        let mut consumer = bench.consume(WORK, 1).await?;
        consumer.next_is("deadly").await?.is_redelivered(delivery > 0)?;
    }
    bench.drain(&bench.dead(), &["deadly"]).await?;
    bench.drain(WORK, &[]).await
}

/// A message waits in the retry queue, and comes by itself, neither early nor changed but for the
/// way it came.
pub(super) async fn retries(bench: Bench<'_>) -> Kept {
    let mut consumer = bench.consume(WORK, 1).await?;
    let start = bench.clock.now();
    bench.publish(RETRY, &["patient"]).await?;
    let taken = consumer.next_is("patient").await?;
    let waited = bench.clock.now().since(start);
    ensure(waited >= RETRY_AFTER, || format!("it comes back after {waited:?}"))?;
    taken.is_redelivered(false)?;
    let expected = bench.message(WORK, "patient");
    let Message { ref exchange, ref routing_key, .. } = taken.0.message;
    ensure(taken.0.message == expected, || {
        format!("it comes back by {exchange:?} and {routing_key}: {:?}", taken.0.message)
    })?;
    taken.ack(&mut consumer).await?;
    bench.drain(WORK, &[]).await
}

/// AMQP ends the channel that settles what it does not hold; other subscriptions live on.
pub(super) async fn settles_once(bench: Bench<'_>) -> Kept {
    bench.publish(WORK, &["a"]).await?;
    let mut bystander = bench.consume(&bench.dead(), 1).await?;
    let mut consumer = bench.consume(WORK, 1).await?;
    let tag = consumer.next_is("a").await?.0.tag;
    consumer.subscription.settle(tag, Settle::Ack).await?;
    // The second may be refused at once, or later.
    consumer.subscription.settle(tag, Settle::Ack).await.ok();
    consumer.lost().await?;
    let late = consumer.subscription.settle(tag, Settle::Ack).await;
    ensure(late.is_err(), || "a lost subscription settles".to_owned())?;
    drop(consumer);
    bystander.nothing().await?;
    bench.drain(WORK, &[]).await
}

pub(super) async fn refuses_no_queue(bench: Bench<'_>) -> Kept {
    let name = bench.name("nowhere");
    match bench.queue.subscribe(&name, 1, Notify::default()).await {
        Ok(_) => Err(Broken(format!("{name} can be consumed"))),
        Err(_) => bench.drain(WORK, &[]).await,
    }
}
