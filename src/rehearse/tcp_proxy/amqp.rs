//! AMQP 0-9-1 (<https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>), as far as messages go: what
//! is published and confirmed, what is delivered and acknowledged.

use std::collections::BTreeMap;

use stormproof_faults::moment::{Act, Side};
use stormproof_faults::{Fault, FaultKind};
use stormproof_system::messages::QUEUES;

use super::super::faults::is_end;
use super::super::link::{Link, ProxyContext};
use super::{Flow, Speaker};

/// One connection's conversation.
#[derive(Default)]
pub(super) struct AmqpTalk {
    client: Vec<u8>,
    server: Vec<u8>,
    /// The client's first eight bytes are no frame.
    opened: bool,
    channels: BTreeMap<u16, Channel>,
}

#[derive(Default)]
struct Channel {
    /// A publish whose header is still to come: the queue that it is for, if it is one of the shop's.
    publishing: Option<Option<&'static str>>,
    /// Publishes so far: the confirm's tag.
    published: u64,
    /// Publishes that are not confirmed, by tag.
    unconfirmed: BTreeMap<u64, Published>,
    /// The tag of a delivery whose header is still to come.
    delivering: Option<u64>,
    /// Schemas of deliveries that are not acknowledged, by tag.
    unacknowledged: BTreeMap<u64, String>,
}

/// A message on its way to the broker.
struct Published {
    schema: String,
    /// Its confirm is to be lost.
    lost: bool,
}

/// A frame's type, and what ends it.
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const END: usize = 1;

const BASIC: u16 = 60;
const PUBLISH: u16 = 40;
const DELIVER: u16 = 60;
const ACK: u16 = 80;

impl AmqpTalk {
    pub(super) async fn hear(
        &mut self,
        context: &ProxyContext,
        link: &Link,
        speaker: Speaker,
        bytes: &[u8],
    ) -> Flow {
        let mut out = Vec::new();
        match speaker {
            Speaker::Client => self.client.extend(bytes),
            Speaker::Server => self.server.extend(bytes),
        }
        while let Some(frame) = self.next(speaker) {
            let resets = match frame[0] {
                METHOD => self.method(context, link, speaker, &frame).await,
                HEADER => self.header(context, link, speaker, &frame).await,
                _ => false,
            };
            if resets {
                return Flow::Reset;
            }
            out.extend(frame);
        }
        Flow::Pass(out)
    }

    /// The next whole frame: type, channel, size, content, end.
    fn next(&mut self, speaker: Speaker) -> Option<Vec<u8>> {
        let buffer = match speaker {
            Speaker::Client => &mut self.client,
            Speaker::Server => &mut self.server,
        };
        if speaker == Speaker::Client && !self.opened {
            let hello = buffer.len() >= 8;
            self.opened = hello;
            return hello.then(|| buffer.drain(..8).collect());
        }
        let size = buffer.get(3..7)?;
        let size = u32::from_be_bytes(size.try_into().expect("four bytes"));
        let whole = 7 + usize::try_from(size).expect("32 bits are a size") + END;
        (buffer.len() >= whole).then(|| buffer.drain(..whole).collect())
    }

    /// Whether the connection is to end instead of passing this method on.
    async fn method(
        &mut self,
        context: &ProxyContext,
        link: &Link,
        speaker: Speaker,
        frame: &[u8],
    ) -> bool {
        let mut reader = FrameReader(&frame[7..]);
        let Some((class, method)) = reader.short().zip(reader.short()) else { return false };
        if class != BASIC {
            return false;
        }
        let channel = self.channels.entry(channel_of(frame)).or_default();
        match (speaker, method) {
            (Speaker::Client, PUBLISH) => {
                let route = || -> Option<(&[u8], &[u8])> {
                    reader.short()?;
                    Some((reader.text()?, reader.text()?))
                };
                channel.publishing =
                    Some({ route }().and_then(|(exchange, key)| queue(exchange, key)));
            }
            (Speaker::Server, DELIVER) => {
                reader.text();
                channel.delivering = reader.long();
            }
            (Speaker::Client, ACK) => {
                let Some((tag, all)) = reader.long().zip(reader.flag()) else { return false };
                for schema in taken(&mut channel.unacknowledged, tag, all) {
                    if strikes(context, link, Side::Before, Act::Ack, &schema).await {
                        return true;
                    }
                }
            }
            (Speaker::Server, ACK) => {
                let Some((tag, all)) = reader.long().zip(reader.flag()) else { return false };
                for published in taken(&mut channel.unconfirmed, tag, all) {
                    let Published { schema, lost } = published;
                    if lost || strikes(context, link, Side::After, Act::Publish, &schema).await {
                        return true;
                    }
                }
            }
            _ => {}
        }
        false
    }

    /// As [`AmqpTalk::method`], of a message's properties.
    async fn header(
        &mut self,
        context: &ProxyContext,
        link: &Link,
        speaker: Speaker,
        frame: &[u8],
    ) -> bool {
        let channel = self.channels.entry(channel_of(frame)).or_default();
        let schema = schema(&frame[7..]).unwrap_or_default();
        match speaker {
            Speaker::Server => {
                if let Some(tag) = channel.delivering.take() {
                    channel.unacknowledged.insert(tag, schema);
                }
                false
            }
            Speaker::Client => {
                let Some(queue) = channel.publishing.take() else { return false };
                if strikes(context, link, Side::Before, Act::Publish, &schema).await {
                    return true;
                }
                let fits = |fault: &Fault| {
                    fault.kind == FaultKind::ConfirmLost && fault.target.queue() == queue
                };
                let lost = context.faults.strike(fits).is_some();
                channel.published += 1;
                channel.unconfirmed.insert(channel.published, Published { schema, lost });
                false
            }
        }
    }
}

/// The client passes a moment. Whether the connection ends here, because of what strikes.
async fn strikes(context: &ProxyContext, link: &Link, side: Side, act: Act, schema: &str) -> bool {
    let Some(fault) = context.pass(&link.from, side, act, schema).await else { return false };
    if fault.kind == FaultKind::Pause && side == Side::Before {
        tokio::time::sleep(context.story.real(fault.amount)).await;
        return false;
    }
    // Of the operation itself: it is lost with the connection.
    !fault.is_of_process() || is_end(&fault)
}

fn channel_of(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[1], frame[2]])
}

/// What `tag` settles: itself, or all up to it.
fn taken<T>(open: &mut BTreeMap<u64, T>, tag: u64, all: bool) -> Vec<T> {
    if !all {
        return open.remove(&tag).into_iter().collect();
    }
    let later = open.split_off(&(tag + 1));
    std::mem::replace(open, later).into_values().collect()
}

/// The queue of the shop that a message goes to, whatever stands before the exchange's name.
fn queue(exchange: &[u8], key: &[u8]) -> Option<&'static str> {
    let row = QUEUES.iter().find(|row| {
        let is_bound = match row.binding.strip_suffix('#') {
            Some(beginning) => key.starts_with(beginning.trim_end_matches('.').as_bytes()),
            None => key == row.binding.as_bytes(),
        };
        exchange.ends_with(row.exchange.as_bytes()) && is_bound
    });
    row.map(|row| row.name)
}

/// The property `type` of a content header: class, weight, size of the body, which properties there
/// are, and those in their order.
fn schema(content: &[u8]) -> Option<String> {
    let mut reader = FrameReader(content);
    reader.skip(2 + 2 + 8)?;
    let flags = reader.short()?;
    // content-type, content-encoding, headers, delivery-mode, priority, correlation-id, reply-to,
    // expiration, message-id, timestamp; then type.
    for property in 0..10 {
        if flags & (1 << (15 - property)) == 0 {
            continue;
        }
        match property {
            2 => {
                let size = reader.size()?;
                reader.skip(size)?;
            }
            3 | 4 => reader.skip(1)?,
            9 => reader.skip(8)?,
            _ => {
                reader.text()?;
            }
        }
    }
    let there = flags & (1 << 5) != 0;
    let text = if there { reader.text() } else { None };
    text.map(|text| String::from_utf8_lossy(text).into_owned())
}

/// Reads AMQP's types from the beginning of some bytes.
struct FrameReader<'a>(&'a [u8]);

impl<'a> FrameReader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(drop)
    }

    fn short(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes(bytes.try_into().expect("two bytes")))
    }

    fn size(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.try_into().expect("four bytes");
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    }

    fn long(&mut self) -> Option<u64> {
        self.take(8).map(|bytes| u64::from_be_bytes(bytes.try_into().expect("eight bytes")))
    }

    /// A text of at most 255 bytes.
    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(length.into())
    }

    fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bytes| bytes[0] & 1 != 0)
    }
}
