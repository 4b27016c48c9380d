//! The way to the broker's socket, whose bytes are made readable as they come.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures::Stream;
use futures::io::{AsyncRead, AsyncWrite};

use super::readable::Incoming;

/// How much is read at once, as lapin itself would.
const READ_AT_ONCE: usize = 128 << 10;

/// tokio, whose sockets are [`Socket`]s; within a runtime of tokio.
pub(super) fn runtime() -> Runtime<RuntimeParts<Tokio, Sockets>> {
    Runtime::new(RuntimeParts::new(Tokio::current(), Sockets(Tokio::current())))
}

/// Where sockets come from.
#[derive(Clone, Debug)]
pub(super) struct Sockets(Tokio);

impl Reactor for Sockets {
    type TcpStream = Socket;
    type Sleep = <Tokio as Reactor>::Sleep;

    /// Nobody registers sockets here: the broker is the only one there is.
    fn register<H: Read + Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Socket, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, period: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(period)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Socket>> + Send + 'static {
        let connected = self.0.tcp_connect_addr(address);
        async move {
            let buffer = vec![0; READ_AT_ONCE].into_boxed_slice();
            Ok(Socket { socket: connected.await?, incoming: Incoming::default(), buffer })
        }
    }
}

/// A socket from which what the broker sends comes readable.
pub(super) struct Socket {
    socket: <Tokio as Reactor>::TcpStream,
    incoming: Incoming,
    buffer: Box<[u8]>,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Socket { socket, incoming, buffer } = &mut *self;
        loop {
            let count = incoming.take(into);
            if count > 0 || into.is_empty() {
                return Poll::Ready(Ok(count));
            }
            match ready!(Pin::new(&mut *socket).poll_read(context, buffer))? {
                0 => return Poll::Ready(Ok(0)),
                count => incoming.push(&buffer[..count]),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(context)
    }
}
