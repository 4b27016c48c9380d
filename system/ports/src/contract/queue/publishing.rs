//! Publishing: what a confirm means, and where a message goes.

use futures::future::join_all;

use super::{Bench, EXCHANGE, WORK};
use crate::contract::{Broken, Kept, ensure};
use crate::{Message, PublishError};

/// Every property arrives as it was sent, to the microsecond.
pub(super) async fn keeps_whole(bench: Bench<'_>) -> Kept {
    let sent = bench.message(WORK, "whole");
    let mut odd = bench.message(WORK, "odd Ünïcode \"id\"");
    odd.timestamp = 0;
    odd.attempt = 0;
    odd.version = u32::MAX;
    odd.traceparent = String::new();
    odd.correlation_id = String::new();
    odd.body = bytes::Bytes::new();
    for message in [&sent, &odd] {
        bench.queue.publish(message.clone()).await?;
    }
    let mut consumer = bench.consume(WORK, 1).await?;
    for message in [sent, odd] {
        let taken = consumer.next().await?;
        taken.is_redelivered(false)?;
        ensure(taken.0.message == message, || {
            format!("sent {message:?}, received {:?}", taken.0.message)
        })?;
        taken.ack(&mut consumer).await?;
    }
    Ok(())
}

pub(super) async fn carries_bodies_of_any_size(bench: Bench<'_>) -> Kept {
    let mut consumer = bench.consume(WORK, 1).await?;
    for size in [0, 1, 131_064, 131_072, 700_000] {
        let body: Vec<u8> = (0..size).map(|index: u32| index.to_le_bytes()[0]).collect();
        let message = Message { body: body.into(), ..bench.message(WORK, "large") };
        bench.queue.publish(message.clone()).await?;
        let taken = consumer.next().await?;
        let found = taken.0.message.body.len();
        ensure(taken.0.message == message, || format!("{size} bytes arrive as {found}"))?;
        taken.ack(&mut consumer).await?;
    }
    Ok(())
}

pub(super) async fn returns_what_no_queue_takes(bench: Bench<'_>) -> Kept {
    let nowhere = bench.message("nowhere", "lost");
    let unmatched = Message {
        exchange: bench.name(EXCHANGE),
        routing_key: "nobody.cares".to_owned(),
        ..bench.message(WORK, "lost")
    };
    for message in [nowhere, unmatched] {
        let expected = message.routing_key.clone();
        match bench.queue.publish(message).await {
            Err(PublishError::Returned(key)) if key == expected => {}
            other => return Err(Broken(format!("a message without a queue: {other:?}"))),
        }
    }
    Ok(())
}

/// Publishes that are under way together get each its own answer.
pub(super) async fn tells_publishes_apart(bench: Bench<'_>) -> Kept {
    let messages: Vec<_> = (0..1500)
        .map(|number| {
            let queue = if number % 3 == 1 { "nowhere" } else { WORK };
            bench.message(queue, &format!("m{number}"))
        })
        .collect();
    let nowhere = bench.name("nowhere");
    let results = join_all(messages.iter().map(|it| bench.queue.publish(it.clone()))).await;
    for (message, result) in messages.iter().zip(&results) {
        let right = match result {
            Ok(()) => message.routing_key != nowhere,
            Err(PublishError::Returned(_)) => message.routing_key == nowhere,
            Err(PublishError::Unknown(_)) => false,
        };
        ensure(right, || format!("{} to {}: {result:?}", message.message_id, message.routing_key))?;
    }
    let taken = messages.iter().filter(|message| message.routing_key != nowhere);
    let ids: Vec<&str> = taken.map(|message| message.message_id.as_str()).collect();
    bench.drain(WORK, &ids).await
}

/// A name that AMQP has no room for, and an exchange that is not there, are errors; what comes after
/// them is published.
pub(super) async fn survives_the_unsendable(bench: Bench<'_>) -> Kept {
    let no_exchange = bench.name("no exchange");
    let unsendable = Message { exchange: no_exchange, ..bench.message(WORK, "unsendable") };
    let refused = bench.queue.publish(unsendable).await;
    ensure(refused.is_err(), || "a publish without an exchange is confirmed".to_owned())?;
    let long = Message { routing_key: "x".repeat(300), ..bench.message(WORK, "long") };
    let refused = bench.queue.publish(long).await;
    ensure(refused.is_err(), || "a routing key of 300 bytes is confirmed".to_owned())?;
    bench.publish(WORK, &["after"]).await?;
    bench.drain(WORK, &["after"]).await
}

/// One publisher's messages arrive in order, sent one by one or all at once.
pub(super) async fn keeps_the_order(bench: Bench<'_>) -> Kept {
    let ids: Vec<String> = (0..40).map(|number| format!("m{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    bench.publish(WORK, &ids[..20]).await?;
    let rest = ids[20..].iter().map(|id| bench.queue.publish(bench.message(WORK, id)));
    for result in join_all(rest).await {
        result?;
    }
    bench.drain(WORK, &ids).await
}

/// Two bindings match the first message, one the second.
pub(super) async fn routes_by_topic(bench: Bench<'_>) -> Kept {
    for (key, id) in [("item.done", "twice bound"), ("item.a.b", "deep")] {
        let message = Message {
            exchange: bench.name(EXCHANGE),
            routing_key: key.to_owned(),
            ..bench.message(WORK, id)
        };
        bench.queue.publish(message).await?;
    }
    let mut consumer = bench.consume(WORK, 5).await?;
    for (key, id) in [("item.done", "twice bound"), ("item.a.b", "deep")] {
        let taken = consumer.next_is(id).await?;
        let message = &taken.0.message;
        let kept = message.routing_key == key && message.exchange == bench.name(EXCHANGE);
        ensure(kept, || {
            format!("{id} comes from {} by {}", message.exchange, message.routing_key)
        })?;
        taken.ack(&mut consumer).await?;
    }
    consumer.nothing().await
}
