//! One TCP connection of the simulated network, as hyper wants it; and one HTTP/1.1 client on it.

use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};
use madsim::net::TcpStream;
use stormproof_ports::Answer;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::World;
use crate::node::{Life, NodeIndex};

/// Where a node listens.
pub(crate) fn address(node: NodeIndex) -> SocketAddr {
    let [high, low] = (node.0 + 1).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, high, low)), 80)
}

/// Whose address this is.
pub(crate) fn node_at(address: IpAddr) -> Option<NodeIndex> {
    let IpAddr::V4(address) = address else { return None };
    let [_, _, high, low] = address.octets();
    u16::from_be_bytes([high, low]).checked_sub(1).map(NodeIndex)
}

/// What bytes travel on.
pub(crate) enum Wire {
    Network(TcpStream),
    /// Of a machine that all nodes share.
    Memory(DuplexStream),
}

trait BothWays: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> BothWays for T {}

impl Wire {
    fn stream(&mut self) -> Pin<&mut dyn BothWays> {
        match self {
            Wire::Network(stream) => Pin::new(stream),
            Wire::Memory(stream) => Pin::new(stream),
        }
    }
}

/// A byte stream. It forwards a flush only after a write: madsim sends a packet for each, and
/// hyper flushes often.
pub(crate) struct ByteStream {
    wire: Wire,
    unsent: bool,
    peer: Option<Peer>,
}

/// Who is at the other end of a server's connection.
pub(crate) struct Peer {
    pub(crate) world: World,
    pub(crate) life: Life,
    /// Whether a request of this connection is being handled.
    pub(crate) busy: Arc<AtomicBool>,
}

impl ByteStream {
    pub(crate) fn new(wire: Wire, peer: Option<Peer>) -> ByteStream {
        ByteStream { wire, unsent: false, peer }
    }

    /// The connection of a peer that lost power has no end: madsim tells of one, but a server that
    /// is busy would not hear it, and finishes what it does.
    fn end_is_heard(&self) -> bool {
        let Some(Peer { world, life, busy }) = &self.peer else { return true };
        !(busy.load(Ordering::Relaxed) && world.0.nodes.has_crashed(*life))
    }
}

impl Read for ByteStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut target: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [MaybeUninit::uninit(); 2048];
        let room = target.remaining().min(bytes.len());
        let mut buffer = ReadBuf::uninit(&mut bytes[..room]);
        match self.wire.stream().poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() && !self.end_is_heard() => {
                Poll::Pending
            }
            Poll::Ready(Ok(())) => {
                target.put_slice(buffer.filled());
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl Write for ByteStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.unsent |= !bytes.is_empty();
        self.wire.stream().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match std::mem::take(&mut self.unsent) {
            true => self.wire.stream().poll_flush(context),
            false => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.stream().poll_shutdown(context)
    }
}

/// A client's connection to one life of a server. Whoever makes a request drives it; nobody does
/// while it idles.
pub(crate) struct Connection {
    pub(crate) server: Life,
    sender: http1::SendRequest<Full<Bytes>>,
    driver: http1::Connection<ByteStream, Full<Bytes>>,
    open: bool,
}

impl Connection {
    pub(crate) async fn open(
        world: &World,
        client: NodeIndex,
        server: Life,
    ) -> Result<Connection, String> {
        let wire = match world.0.processors {
            Some(_) => world.0.doors.knock(client, server.node).map(Wire::Memory),
            None => TcpStream::connect(address(server.node)).await.map(Wire::Network),
        };
        let wire = wire.map_err(|error| error.to_string())?;
        let handshake = http1::handshake(ByteStream::new(wire, None)).await;
        let (sender, driver) = handshake.map_err(|error| error.to_string())?;
        Ok(Connection { server, sender, driver, open: true })
    }

    /// Whether a request may be sent: no end of the connection has been heard of.
    pub(crate) async fn is_open(&mut self) -> bool {
        let Connection { sender, driver, open, .. } = self;
        poll_fn(|context| {
            if *open {
                *open = Pin::new(&mut *driver).poll(context).is_pending();
            }
            Poll::Ready(*open && !sender.is_closed())
        })
        .await
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, String> {
        let Connection { sender, driver, open, .. } = self;
        let exchange = async {
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Answer { status: parts.status, headers: parts.headers, body })
        };
        let mut exchange = std::pin::pin!(exchange);
        poll_fn(|context| {
            if let Poll::Ready(answer) = exchange.as_mut().poll(context) {
                return Poll::Ready(answer);
            }
            if *open {
                *open = Pin::new(&mut *driver).poll(context).is_pending();
            }
            exchange.as_mut().poll(context)
        })
        .await
        .map_err(|error| error.to_string())
    }
}
