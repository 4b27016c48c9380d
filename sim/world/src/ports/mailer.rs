//! Mail out, and the mail server that keeps what it took.

use std::sync::Mutex;
use std::time::Duration;

use futures::future::BoxFuture;
use rand::Rng as _;
use stormproof_ports::machine::WorkKind;
use stormproof_ports::{CallError, Mail, Mailer};

use crate::faults::network::{connect_hangs, link};
use crate::faults::pass;
use crate::faults::process::slowness;
use crate::history::Kind as Event;
use crate::moment::{Act, Side};
use crate::node::{Life, NodeIndex, Power};
use crate::ports::CONNECT_TIMEOUT;
use crate::processors::work;
use crate::seed::{Seed, Stream};
use crate::sleep::sleep;
use crate::{World, lock};

/// A mail that the mail server took.
#[derive(Clone, Debug)]
pub struct SentMail {
    /// Virtual time since the world began.
    pub at: Duration,
    /// The node that sent it.
    pub node: String,
    /// What it says.
    pub mail: Mail,
}

/// The mail server.
pub(crate) struct MailHost {
    template: fn(&Mail) -> String,
    state: Mutex<MailState>,
}

struct MailState {
    mails: Vec<SentMail>,
    stream: Stream,
}

impl MailHost {
    pub(crate) fn new(seed: Seed, template: fn(&Mail) -> String) -> MailHost {
        let state = MailState { mails: Vec::new(), stream: seed.stream("mail") };
        MailHost { template, state: Mutex::new(state) }
    }

    /// How long things take is drawn anew.
    pub(crate) fn reseed(&self, seed: Seed) {
        lock(&self.state).stream = seed.stream("mail");
    }

    pub(crate) fn mails(&self) -> Vec<SentMail> {
        lock(&self.state).mails.clone()
    }

    fn latency(&self) -> Duration {
        Duration::from_micros(lock(&self.state).stream.random_range(2_000..8_000))
    }
}

/// The way to it from one life of a node.
pub(super) struct SimMailer {
    world: World,
    life: Life,
}

impl SimMailer {
    pub(super) fn new(world: &World, life: Life) -> SimMailer {
        SimMailer { world: world.clone(), life }
    }

    async fn hand_over(&self, mail: Mail) -> Result<(), CallError> {
        let world = &self.world;
        let host = &world.0.mail;
        let template = (host.template)(&mail);
        pass(world, self.life, Side::Before, Act::Mail, &[&template]).await;
        let server = world.0.nodes.mail;
        let me = self.life.node;
        let out = link(world, me, server);
        let slow = slowness(world, me) + slowness(world, server);
        let hangs = out.cut || connect_hangs(world, me, server);
        match world.0.nodes.power(server) {
            Power::Up if !hangs => {}
            Power::Stopped => return Err(CallError::Unavailable("mail refuses".into())),
            _ => {
                sleep(&world.0.time, CONNECT_TIMEOUT).await;
                return Err(CallError::Unavailable("no connection to mail in time".into()));
            }
        }
        match work(world, WorkKind::Mail, me, server) {
            Some(work) => {
                work.await;
                pause(world, out.delay + slow).await;
            }
            None => sleep(&world.0.time, host.latency() + out.delay + slow).await,
        }
        self.take(server, mail, &template).await?;
        let back = link(world, server, me);
        match world.0.processors {
            Some(_) => pause(world, back.delay).await,
            None => sleep(&world.0.time, host.latency() + back.delay).await,
        }
        if back.cut || world.0.nodes.power(server) != Power::Up {
            sleep(&world.0.time, CONNECT_TIMEOUT).await;
            return Err(CallError::Unknown("mail did not answer in time".into()));
        }
        pass(world, self.life, Side::After, Act::Mail, &[&template]).await;
        Ok(())
    }

    async fn take(&self, server: NodeIndex, mail: Mail, template: &str) -> Result<(), CallError> {
        let world = &self.world;
        if world.0.nodes.power(server) != Power::Up {
            sleep(&world.0.time, CONNECT_TIMEOUT).await;
            return Err(CallError::Unknown("mail is gone".into()));
        }
        let at = world.elapsed();
        world.0.history.record(at, self.life.node, Event::Mail, &mail.message_id, &[template]);
        let node = world.0.nodes.name(self.life.node).to_string();
        lock(&world.0.mail.state).mails.push(SentMail { at, node, mail });
        Ok(())
    }
}

/// Nothing takes no time.
async fn pause(world: &World, duration: Duration) {
    if !duration.is_zero() {
        sleep(&world.0.time, duration).await;
    }
}

impl Mailer for SimMailer {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), CallError>> {
        Box::pin(self.hand_over(mail))
    }
}
