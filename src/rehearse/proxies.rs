//! Proxies: one listening socket for each two nodes that talk, between them. A connection is carried by
//! `http_proxy.rs` (HTTP) or `tcp_proxy/` (everything else), which let faults act on it.
//!
//! A proxy is like what is behind it: where nobody listens, it refuses; where nobody answers, attempts
//! to connect hang. A socket whose queue of attempts is full drops the next one unanswered, which is
//! what a host that is cut off does; so a hanging proxy fills its own queue and takes nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::faults::is_foreign;
use super::link::{Link, ProxyContext, TICK, Transport};
use super::processes::Life;
use super::{http_proxy, tcp_proxy};
use stormproof_bindings::rng::SystemRng;
use stormproof_ports::Rng;

/// Ports that the system gives to nobody by itself, so that a proxy that was closed finds its own
/// free.
const PORTS: std::ops::Range<u16> = 10_000..32_000;
const PORTS_TRIED: usize = 200;

/// Attempts to connect that wait to be taken, at a proxy that may have to hang, and at others.
const QUEUE_SHORT: u32 = 4;
const QUEUE: u32 = 128;

/// Nobody on this machine takes longer to answer an attempt.
const ANSWERED: Duration = Duration::from_millis(60);

/// Opens a proxy to `link.to`, which runs among `proxies`; its port.
///
/// # Errors
/// If no port is to be had.
pub fn open(
    proxies: &mut JoinSet<()>,
    context: &Arc<ProxyContext>,
    link: Link,
    transport: Transport,
) -> Result<u16, String> {
    let life = context.cluster.life(&link.to);
    let may_hang = context.faults.concern(&link.from, &link.to) || is_foreign(&link.to);
    let queue = if may_hang { QUEUE_SHORT } else { QUEUE };
    let rng: &dyn Rng = &SystemRng;
    for _ in 0..PORTS_TRIED {
        let span = u64::from(PORTS.end - PORTS.start);
        let offset = u16::try_from(rng.below("port", span)).expect("it is below the span");
        let port = PORTS.start + offset;
        if let Ok(listener) = listen(port, queue) {
            let context = context.clone();
            let proxy = Proxy { context, link, transport, port, queue, may_hang };
            proxies.spawn(proxy.run(listener, life));
            return Ok(port);
        }
    }
    Err("no port of this machine is free".to_owned())
}

fn listen(port: u16, queue: u32) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(queue)
}

struct Proxy {
    context: Arc<ProxyContext>,
    link: Link,
    transport: Transport,
    port: u16,
    queue: u32,
    may_hang: bool,
}

impl Proxy {
    /// Serves for as long as the rehearsal lasts.
    async fn run(self, listener: TcpListener, mut life: watch::Receiver<Life>) {
        let Link { from, to } = &self.link;
        let mut listener = Some(listener);
        let mut plug: Option<Vec<TcpStream>> = None;
        let mut connections = JoinSet::new();
        loop {
            let now = *life.borrow_and_update();
            let state = self.context.faults.link(from, to);
            let hangs = state.cut || state.hangs || now == Life::Silent;
            match now {
                Life::Down => (listener, plug) = (None, None),
                _ if listener.is_none() => listener = listen(self.port, self.queue).ok(),
                _ => {}
            }
            if hangs && listener.is_some() {
                if plug.is_none() {
                    plug = Some(self.fill().await);
                }
                if !state.is_sound() && is_knocked_at(self.port) {
                    self.context.faults.matter(from, to);
                }
            } else if let (Some(plug), Some(listener)) = (plug.take(), &listener) {
                unplug(plug, listener).await;
            }
            let takes = !hangs && listener.is_some();
            tokio::select! {
                biased;
                taken = accept(listener.as_ref()), if takes => {
                    if let Ok(stream) = taken {
                        connections.spawn(self.carry(stream, life.clone()));
                    }
                }
                // An error says that the rehearsal is over.
                changed = life.changed() => if changed.is_err() { return },
                () = sleep(TICK), if self.may_hang || listener.is_none() => {}
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    }

    fn carry(
        &self,
        stream: TcpStream,
        life: watch::Receiver<Life>,
    ) -> futures::future::BoxFuture<'static, ()> {
        stream.set_nodelay(true).ok();
        let (context, link) = (self.context.clone(), self.link.clone());
        match self.transport {
            Transport::Http => Box::pin(http_proxy::carry(context, link, life, stream)),
            Transport::Tcp(protocol) => {
                Box::pin(tcp_proxy::carry(context, link, life, protocol, stream))
            }
        }
    }

    /// Fills the queue of attempts with our own: the next one gets no answer.
    async fn fill(&self) -> Vec<TcpStream> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut plug = Vec::new();
        for _ in 0..2 * QUEUE + 2 {
            match timeout(ANSWERED, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => plug.push(stream),
                _ => break,
            }
        }
        plug
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

/// Takes our own attempts out of the queue. One of somebody else that had got in between ends with
/// them: it was connected to a host that did not answer.
async fn unplug(plug: Vec<TcpStream>, listener: &TcpListener) {
    let count = plug.len();
    drop(plug);
    for _ in 0..count {
        if timeout(ANSWERED, listener.accept()).await.is_err() {
            break;
        }
    }
}

/// Whether somebody's attempt to connect to `port` of this machine gets no answer now, by the system's
/// own table (proc(5)): the third column is the peer, the fourth the state, 02 is SYN_SENT.
fn is_knocked_at(port: u16) -> bool {
    let Ok(table) = std::fs::read_to_string("/proc/net/tcp") else { return false };
    let peer = format!(":{port:04X}");
    table.lines().any(|line| {
        let mut words = line.split_whitespace().skip(2);
        words.next().is_some_and(|word| word.ends_with(&peer)) && words.next() == Some("02")
    })
}
