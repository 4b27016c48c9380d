//! Everything but HTTP between two nodes: bytes, both ways, on which faults may act.
//!
//! Where the protocol is known, its messages are understood as far as a fault may be aimed at them
//! (`tcp_proxy/postgres.rs`, `tcp_proxy/amqp.rs`, `tcp_proxy/smtp.rs`).

mod amqp;
mod postgres;
mod smtp;

use std::io::{Error, ErrorKind};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio::{select, try_join};

use super::link::{Link, Protocol, ProxyContext, TICK};
use super::processes::Life;

/// Who is speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Client,
    Server,
}

/// What becomes of what was said.
#[derive(Debug, PartialEq, Eq)]
enum Flow {
    /// These bytes pass.
    Pass(Vec<u8>),
    /// The connection ends here, without them.
    Reset,
}

/// A conversation, as far as it is understood.
enum Talk {
    Postgres(Box<postgres::PostgresTalk>),
    Amqp(Box<amqp::AmqpTalk>),
    Smtp(Box<smtp::SmtpTalk>),
}

impl Talk {
    async fn hear(
        &mut self,
        context: &ProxyContext,
        link: &Link,
        speaker: Speaker,
        bytes: &[u8],
    ) -> Flow {
        match self {
            Talk::Postgres(talk) => talk.hear(context, link, speaker, bytes).await,
            Talk::Amqp(talk) => talk.hear(context, link, speaker, bytes).await,
            Talk::Smtp(talk) => talk.hear(context, link, speaker, bytes).await,
        }
    }
}

/// Carries one connection to its end, whichever side ends it.
pub async fn carry(
    context: Arc<ProxyContext>,
    link: Link,
    mut life: watch::Receiver<Life>,
    protocol: Protocol,
    client: TcpStream,
) {
    let Life::Up(server) = *life.borrow_and_update() else { return };
    let Ok(server) = TcpStream::connect(server).await else { return };
    server.set_nodelay(true).ok();
    let talk = Mutex::new(match protocol {
        Protocol::Postgres => Talk::Postgres(Box::default()),
        Protocol::Amqp => Talk::Amqp(Box::default()),
        Protocol::Smtp => Talk::Smtp(Box::default()),
    });
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let pump = Pump { context: &context, link: &link, talk: &talk, life: life.clone() };
    let down = life.wait_for(|life| *life == Life::Down);
    // An error is a connection that broke: its ends find out by themselves.
    select! {
        biased;
        _ = down => {}
        _ = pump.run(Speaker::Client, from_client, to_server) => {}
        _ = pump.run(Speaker::Server, from_server, to_client) => {}
    }
}

/// Both directions of a connection.
struct Pump<'a> {
    context: &'a ProxyContext,
    link: &'a Link,
    talk: &'a Mutex<Talk>,
    life: watch::Receiver<Life>,
}

impl Pump<'_> {
    /// Passes on what `speaker` says until it ends; what was said before the end still arrives.
    async fn run(
        &self,
        speaker: Speaker,
        from: OwnedReadHalf,
        to: OwnedWriteHalf,
    ) -> Result<(), Error> {
        let (said, heard) = mpsc::unbounded_channel();
        try_join!(self.read(speaker, from, said), self.write(speaker, heard, to)).map(drop)
    }

    fn ends(&self, speaker: Speaker) -> (&str, &str) {
        match speaker {
            Speaker::Client => (&self.link.from, &self.link.to),
            Speaker::Server => (&self.link.to, &self.link.from),
        }
    }

    async fn read(
        &self,
        speaker: Speaker,
        mut from: OwnedReadHalf,
        said: mpsc::UnboundedSender<(Instant, Vec<u8>)>,
    ) -> Result<(), Error> {
        let mut buffer = vec![0; 65_536];
        loop {
            let count = from.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            let mut talk = self.talk.lock().await;
            let flow = talk.hear(self.context, self.link, speaker, &buffer[..count]).await;
            drop(talk);
            let Flow::Pass(bytes) = flow else {
                return Err(Error::from(ErrorKind::ConnectionReset));
            };
            let (sender, receiver) = self.ends(speaker);
            let state = self.context.faults.link(sender, receiver);
            if state.cut || !state.delay.is_zero() {
                self.context.faults.matter(sender, receiver);
            }
            // An error says that the other side has ended.
            said.send((Instant::now() + self.context.story.real(state.delay), bytes)).ok();
        }
    }

    async fn write(
        &self,
        speaker: Speaker,
        mut heard: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>,
        mut to: OwnedWriteHalf,
    ) -> Result<(), Error> {
        let (sender, receiver) = self.ends(speaker);
        while let Some((due, bytes)) = heard.recv().await {
            sleep_until(due).await;
            let is_cut = || self.context.faults.link(sender, receiver).cut;
            while is_cut() || *self.life.borrow() == Life::Silent {
                sleep(TICK).await;
            }
            to.write_all(&bytes).await?;
        }
        Ok(())
    }
}
