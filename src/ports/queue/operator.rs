//! What an operator asks of RabbitMQ besides its dead letters: how long queues are, and to take away
//! what was declared.

use futures::future::try_join_all;
use lapin::Channel;
use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use stormproof_ports::QueueLost;
use stormproof_ports::topology::{Binding, Topology};
use tokio::time::timeout;

use super::answer::{ANSWER_TIMEOUT, lost, no_answer};
use super::rabbit::RabbitMq;

/// Queues that are deleted at once: each deletion waits for the disk.
const AT_ONCE: usize = 8;

impl RabbitMq {
    /// How many messages are ready in each of `queues`, in their order.
    ///
    /// # Errors
    /// If the broker does not answer, or has no such queue.
    pub async fn depths(&self, queues: &[&str]) -> Result<Vec<usize>, QueueLost> {
        let asked = async {
            let channel = self.channel().await?;
            let mut depths = Vec::new();
            for queue in queues {
                depths.push(depth(&channel, &self.names.outward(queue)).await?);
            }
            channel.close(200, "counted".into()).await.ok();
            Ok(depths)
        };
        timeout(ANSWER_TIMEOUT, asked).await.map_err(|_| no_answer())?
    }

    /// Takes a binding away. What the queue holds stays there.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub async fn unbind(&self, binding: &Binding) -> Result<(), QueueLost> {
        let asked = async {
            let channel = self.channel().await?;
            let queue = self.names.outward(&binding.queue);
            let exchange = self.names.outward(&binding.exchange);
            let (pattern, none) = (binding.pattern.as_str().into(), FieldTable::default());
            let unbound = channel.queue_unbind(
                queue.as_str().into(),
                exchange.as_str().into(),
                pattern,
                none,
            );
            unbound.await.map_err(|error| lost(&error))?;
            channel.close(200, "unbound".into()).await.ok();
            Ok(())
        };
        timeout(ANSWER_TIMEOUT, asked).await.map_err(|_| no_answer())?
    }

    /// Deletes every queue and exchange of `topology`, whatever they hold.
    ///
    /// # Errors
    /// If the broker does not answer; some may be gone by then.
    pub async fn undeclare(&self, topology: &Topology) -> Result<(), QueueLost> {
        let share = topology.queues.len().div_ceil(AT_ONCE).max(1);
        let shares = topology.queues.chunks(share).map(|queues| async move {
            let channel =
                timeout(ANSWER_TIMEOUT, self.channel()).await.map_err(|_| no_answer())??;
            for queue in queues {
                let name = self.names.outward(&queue.name);
                let options = QueueDeleteOptions::default();
                let deleted = channel.queue_delete(name.as_str().into(), options);
                deleted.await.map_err(|error| lost(&error))?;
            }
            channel.close(200, "undeclared".into()).await.ok();
            Ok(())
        });
        try_join_all(shares).await?;
        let channel = timeout(ANSWER_TIMEOUT, self.channel()).await.map_err(|_| no_answer())??;
        for exchange in &topology.exchanges {
            let name = self.names.outward(exchange);
            let options = ExchangeDeleteOptions::default();
            let deleted = channel.exchange_delete(name.as_str().into(), options);
            deleted.await.map_err(|error| lost(&error))?;
        }
        channel.close(200, "undeclared".into()).await.ok();
        Ok(())
    }

    async fn channel(&self) -> Result<Channel, QueueLost> {
        self.consuming.up().await?.create_channel().await.map_err(|error| lost(&error))
    }
}

async fn depth(channel: &Channel, queue: &str) -> Result<usize, QueueLost> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(queue.into(), options, FieldTable::default()).await;
    let declared = declared.map_err(|error| QueueLost(format!("{queue}: {error}")))?;
    Ok(usize::try_from(declared.message_count()).expect("32 bits are a size"))
}
