//! A script on RabbitMQ, through lapin alone: past our own binding, which has its contract.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
    BasicRejectOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use tokio::time::{Instant, sleep};

use super::model::Action;
use super::script::{Contents, Left, Observed, Outcome, QUEUES, Seen};

/// How long RabbitMQ may take to come to what the model says.
const PATIENCE: Duration = Duration::from_secs(3);

/// A channel to publish on, and the connections of the script.
pub struct Rabbit {
    url: String,
    prefix: String,
    _connection: Connection,
    channel: Channel,
    connections: Vec<Option<Client>>,
    consumers: Vec<Deliveries>,
    /// Which connection a consumer belongs to.
    owners: Vec<usize>,
    outcomes: Vec<Outcome>,
}

/// What a consumer was given, with its tags.
type Deliveries = Arc<Mutex<Vec<(u64, Seen)>>>;

/// One connection with one channel.
struct Client {
    connection: Connection,
    channel: Channel,
}

impl Rabbit {
    /// For queues that are declared with `prefix` before their names.
    pub async fn new(url: &str, prefix: &str) -> Rabbit {
        let Client { connection, channel } = connect(url).await;
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("it is connected");
        Rabbit {
            url: url.to_owned(),
            prefix: prefix.to_owned(),
            _connection: connection,
            channel,
            connections: Vec::new(),
            consumers: Vec::new(),
            owners: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    pub async fn act(&mut self, action: &Action) {
        match action {
            Action::Publish { exchange, key, message_id } => {
                let outcome = self.publish(exchange, key, message_id).await;
                self.outcomes.push(outcome);
            }
            Action::Consume { queue, connection, prefetch } => {
                if *connection == self.connections.len() {
                    self.connections.push(Some(connect(&self.url).await));
                }
                self.consume(queue, *connection, *prefetch).await;
            }
            Action::Ack { consumer, delivery } => {
                let tag = self.tag(*consumer, *delivery);
                let acked = self
                    .client(self.owners[*consumer])
                    .channel
                    .basic_ack(tag, BasicAckOptions::default());
                acked.await.expect("the connection lives");
            }
            Action::Reject { consumer, delivery, requeue } => {
                let tag = self.tag(*consumer, *delivery);
                let options = BasicRejectOptions { requeue: *requeue };
                let channel = &self.client(self.owners[*consumer]).channel;
                channel.basic_reject(tag, options).await.expect("the connection lives");
            }
            Action::Drop { connection } => {
                let client = self.connections[*connection].take().expect("it is open");
                client.connection.close(200, "dropped".into()).await.expect("it is open");
            }
        }
    }

    /// Waits until everything looks as expected; returns how it looks then, or in the end.
    pub async fn observe(&self, expected: &Observed) -> Observed {
        let start = Instant::now();
        loop {
            let observed = self.look().await;
            if observed == *expected || start.elapsed() > PATIENCE || overtakes(&observed, expected)
            {
                return observed;
            }
            sleep(Duration::from_millis(3)).await;
        }
    }

    /// Takes what is ready in the end.
    pub async fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        for name in QUEUES {
            let queue = format!("{}{name}", self.prefix);
            let options = BasicGetOptions { no_ack: true };
            let left = contents.entry(name).or_default();
            while let Some(got) =
                self.channel.basic_get(queue.as_str().into(), options).await.expect("it is there")
            {
                let deaths = deaths(&got.properties, &self.prefix);
                left.push(Left { seen: seen(&got), deaths });
            }
        }
        contents
    }

    async fn look(&self) -> Observed {
        let consumers = self.consumers.iter().map(|consumer| {
            let seen = consumer.lock().expect("nobody panics while holding it");
            seen.iter().map(|(_, seen)| seen.clone()).collect()
        });
        let mut observed = Observed {
            outcomes: self.outcomes.clone(),
            consumers: consumers.collect(),
            ready: Default::default(),
        };
        for name in QUEUES {
            observed.ready.insert(name, self.ready(name).await);
        }
        observed
    }

    async fn ready(&self, queue: &str) -> usize {
        let name = format!("{}{queue}", self.prefix);
        let options = QueueDeclareOptions::durable().passive();
        let declared = self.channel.queue_declare(name.into(), options, FieldTable::default());
        let queue = declared.await.expect("the queue is there");
        usize::try_from(queue.message_count()).expect("a handful")
    }

    async fn publish(&self, exchange: &str, key: &str, message_id: &str) -> Outcome {
        let (exchange, key) = match exchange {
            "" => (String::new(), format!("{}{key}", self.prefix)),
            exchange => (format!("{}{exchange}", self.prefix), key.to_owned()),
        };
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties =
            BasicProperties::default().with_delivery_mode(2).with_message_id(message_id.into());
        let sent =
            self.channel.basic_publish(exchange.into(), key.into(), options, b"", properties);
        let confirm = sent.await.expect("the connection lives").await;
        match confirm.expect("the connection lives") {
            Confirmation::Ack(None) => Outcome::Confirmed,
            Confirmation::Ack(Some(_)) => Outcome::Returned,
            Confirmation::Nack(_) => Outcome::Refused,
            Confirmation::NotRequested => panic!("the channel does not confirm"),
        }
    }

    async fn consume(&mut self, queue: &str, connection: usize, prefetch: u16) {
        let channel = &self.client(connection).channel;
        let qos = channel.basic_qos(prefetch, BasicQosOptions::default());
        qos.await.expect("the connection lives");
        let name = format!("{}{queue}", self.prefix);
        let options = BasicConsumeOptions::default();
        let consumer =
            channel.basic_consume(name.into(), "".into(), options, FieldTable::default());
        let consumer = consumer.await.expect("the queue is there");
        let seen = Deliveries::default();
        tokio::spawn(collect(consumer, Arc::clone(&seen)));
        self.consumers.push(seen);
        self.owners.push(connection);
    }

    fn client(&self, connection: usize) -> &Client {
        self.connections[connection].as_ref().expect("it is open")
    }

    fn tag(&self, consumer: usize, delivery: usize) -> u64 {
        self.consumers[consumer].lock().expect("nobody panics while holding it")[delivery].0
    }
}

async fn connect(url: &str) -> Client {
    let connection = Connection::connect(url, ConnectionProperties::default()).await;
    let connection = connection.expect("it answered before");
    let channel = connection.create_channel().await.expect("it is connected");
    Client { connection, channel }
}

async fn collect(mut consumer: Consumer, all: Deliveries) {
    while let Some(Ok(delivery)) = consumer.next().await {
        let mut all = all.lock().expect("nobody panics while holding it");
        all.push((delivery.delivery_tag, seen(&delivery)));
    }
}

fn seen(delivery: &Delivery) -> Seen {
    let message_id = delivery.properties.message_id().as_ref();
    Seen {
        message_id: message_id.map(ToString::to_string).unwrap_or_default(),
        redelivered: delivery.redelivered,
    }
}

/// Queue, reason and count from the header `x-death`.
fn deaths(properties: &BasicProperties, prefix: &str) -> Vec<(String, String, u32)> {
    let headers = properties.headers().as_ref();
    let deaths = headers.and_then(|headers| headers.inner().get("x-death")?.as_array());
    let deaths = deaths.map(|deaths| deaths.as_slice()).unwrap_or_default();
    let read = |death: &AMQPValue| {
        let table = death.as_field_table()?.inner();
        let text = |name: &str| Some(table.get(name)?.as_long_string()?.to_string());
        let queue = text("queue")?.strip_prefix(prefix)?.to_owned();
        let count = u32::try_from(table.get("count")?.as_long_long_int()?).ok()?;
        Some((queue, text("reason")?, count))
    };
    deaths.iter().map(|death| read(death).expect("RabbitMQ wrote it")).collect()
}

/// Whether something was delivered that never should have been: no use to wait.
fn overtakes(observed: &Observed, expected: &Observed) -> bool {
    let consumers = observed.consumers.iter().zip(&expected.consumers);
    consumers.into_iter().any(|(observed, expected)| !expected.starts_with(observed))
}
