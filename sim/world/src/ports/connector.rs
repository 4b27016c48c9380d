//! Connections of the simulated network for an ordinary hyper-util client: whoever holds one gives
//! it the world's [`Connector`] and [`Executor`] instead of its own, and keeps the rest.
//!
//! Faults of the network reach such a connection: cuts, slow links and attempts that hang; and of
//! processes, what their peers see: an end where a server stopped, silence where it lost power, a
//! reset once it is back. Faults that are aimed at operations (a lost reply, a late or a repeated
//! request) do not, for bytes have no operations: they want calls through the `Http` port. The one
//! moment that is passed is `before call connect`.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use madsim::net::TcpStream;
use tower::Service;

use crate::World;
use crate::faults::network::{connect_hangs, link};
use crate::faults::process::slowness;
use crate::faults::{FaultKind, pass};
use crate::history::Kind as Event;
use crate::http::connection::{ByteStream, Wire, address};
use crate::moment::{Act, Side};
use crate::node::{Life, NodeIndex, Power};
use crate::ports::CONNECT_TIMEOUT;
use crate::sleep::{Sleep, sleep};

/// How often a connection looks whether a cut has healed, or a dead peer is back.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Connects one life of a node to the services that URIs name as their hosts
/// (`http://ledger/entries`), whatever the port and the scheme.
///
/// # Errors
/// `NotFound` if no service has this name, `ConnectionRefused` if its process is stopped,
/// `TimedOut` after five seconds if nobody answers.
#[derive(Clone)]
pub struct Connector {
    world: World,
    life: Life,
}

/// Spawns what a client does beside its calls on its node, so that it dies with the node.
#[derive(Clone)]
pub struct Executor {
    world: World,
    life: Life,
}

/// A connection of the simulated network.
pub struct Stream {
    world: World,
    client: Life,
    server: Life,
    wire: ByteStream,
    /// What reading and writing wait for: a delay to pass, a cut to heal.
    reading: Option<Sleep>,
    writing: Option<Sleep>,
    /// What has arrived and was not read.
    held: VecDeque<u8>,
    /// Whether the last that happened was a write: the request has left.
    has_written: bool,
    /// Whether bytes were written to a peer without power.
    wrote_to_the_dead: bool,
}

impl Connector {
    pub(crate) fn new(world: &World, life: Life) -> Connector {
        Connector { world: world.clone(), life }
    }

    async fn connect(self, uri: Uri) -> io::Result<Stream> {
        let Connector { world, life } = self;
        let (nodes, time) = (&world.0.nodes, &world.0.time);
        let service = uri.host().unwrap_or_default();
        let Some(server) = nodes.pick(service, world.elapsed()) else {
            let why = format!("no service is named {service:?}: {uri}");
            return Err(io::Error::new(ErrorKind::NotFound, why));
        };
        world.0.history.record(world.elapsed(), life.node, Event::Call, "connect", &[service]);
        let aimed = pass(&world, life, Side::Before, Act::Call, &["connect"]);
        let aimed = aimed.await.is_some_and(|fault| fault.kind == FaultKind::ConnectHangs);
        let (out, back) = (link(&world, life.node, server), link(&world, server, life.node));
        let slow = slowness(&world, life.node) + out.delay + back.delay;
        if !slow.is_zero() {
            sleep(time, slow).await;
        }
        let silent = out.cut || back.cut || nodes.power(server) == Power::Crashed;
        if silent || aimed || connect_hangs(&world, life.node, server) {
            return Err(silence(&world, service).await);
        }
        if nodes.power(server) == Power::Stopped {
            sleep(time, Duration::from_millis(1)).await;
            return Err(io::Error::new(ErrorKind::ConnectionRefused, format!("{service} refuses")));
        }
        let (client, server) = (life, nodes.life(server));
        match TcpStream::connect(address(server.node)).await {
            Ok(stream) => {
                let wire = ByteStream::new(Wire::Network(stream), None);
                Ok(Stream {
                    world,
                    client,
                    server,
                    wire,
                    reading: None,
                    writing: None,
                    held: VecDeque::new(),
                    has_written: false,
                    wrote_to_the_dead: false,
                })
            }
            Err(_) if nodes.has_crashed(server) => Err(silence(&world, service).await),
            Err(error) => Err(error),
        }
    }
}

async fn silence(world: &World, service: &str) -> io::Error {
    sleep(&world.0.time, CONNECT_TIMEOUT).await;
    io::Error::new(ErrorKind::TimedOut, format!("no connection to {service} in time"))
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Stream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

impl Executor {
    pub(crate) fn new(world: &World, life: Life) -> Executor {
        Executor { world: world.clone(), life }
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        if self.world.0.nodes.is_alive(self.life) {
            self.world.0.nodes.spawner(self.life.node).spawn(future);
        }
    }
}

impl Stream {
    /// Whether the peer lost power: nothing comes from it any more, not even an end.
    fn is_dead(&self) -> bool {
        self.world.0.nodes.has_crashed(self.server)
    }

    /// What a reader hears of a peer that lost power: nothing, until it is back and answers what was
    /// written meanwhile with a reset, for it knows nothing of the connections of its last life.
    fn poll_dead(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        while self.wrote_to_the_dead {
            if self.world.0.nodes.power(self.server.node) == Power::Up {
                return Poll::Ready(ErrorKind::ConnectionReset.into());
            }
            ready!(poll_pause(&mut self.reading, &self.world, context, LOOK_EVERY));
        }
        Poll::Pending
    }

    /// Waits until bytes pass from the server. Returns how long they take.
    fn poll_way_back(&mut self, context: &mut Context<'_>) -> Poll<Duration> {
        let (client, server) = (self.client.node, self.server.node);
        poll_way(&mut self.reading, &self.world, context, (server, client))
    }

    /// Waits until bytes pass to the server. Returns how long they take.
    fn poll_way_out(&mut self, context: &mut Context<'_>) -> Poll<Duration> {
        let (client, server) = (self.client.node, self.server.node);
        poll_way(&mut self.writing, &self.world, context, (client, server))
    }
}

/// Waits for `duration`, once.
fn poll_pause(
    pause: &mut Option<Sleep>,
    world: &World,
    context: &mut Context<'_>,
    duration: Duration,
) -> Poll<()> {
    let sleeping = pause.get_or_insert_with(|| sleep(&world.0.time, duration));
    ready!(Pin::new(sleeping).poll(context));
    *pause = None;
    Poll::Ready(())
}

fn poll_way(
    pause: &mut Option<Sleep>,
    world: &World,
    context: &mut Context<'_>,
    (from, to): (NodeIndex, NodeIndex),
) -> Poll<Duration> {
    loop {
        let link = link(world, from, to);
        if !link.cut {
            return Poll::Ready(link.delay);
        }
        ready!(poll_pause(pause, world, context, LOOK_EVERY));
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut target: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.is_dead() {
            return this.poll_dead(context).map(Err);
        }
        if this.held.is_empty() {
            let mut bytes = [MaybeUninit::uninit(); 2048];
            let mut buffer = ReadBuf::uninit(&mut bytes);
            ready!(Pin::new(&mut this.wire).poll_read(context, buffer.unfilled()))?;
            if buffer.filled().is_empty() {
                // madsim tells of the end of a peer without power; nobody else would.
                return match this.is_dead() {
                    true => this.poll_dead(context).map(Err),
                    false => Poll::Ready(Ok(())),
                };
            }
            this.held.extend(buffer.filled());
        }
        let delay = ready!(this.poll_way_back(context));
        if this.has_written && !delay.is_zero() {
            ready!(poll_pause(&mut this.reading, &this.world, context, delay));
        }
        this.has_written = false;
        let count = this.held.len().min(target.remaining());
        target.put_slice(&this.held.make_contiguous()[..count]);
        this.held.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.is_dead() {
            // Into the void; the reader finds out.
            this.wrote_to_the_dead = true;
            context.waker().wake_by_ref();
            return Poll::Ready(Ok(bytes.len()));
        }
        let delay = ready!(this.poll_way_out(context));
        if !this.has_written && !delay.is_zero() {
            ready!(poll_pause(&mut this.writing, &this.world, context, delay));
        }
        this.has_written = true;
        Pin::new(&mut this.wire).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.is_dead() {
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut self.wire).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.is_dead() {
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut self.wire).poll_shutdown(context),
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
