//! HTTP out: real HTTP/1.1 over kept-alive connections of the simulated network, and all that can
//! go wrong on the way.
//!
//! madsim's network answers where a real one would be silent; the silence is made here. Whether an
//! error is Unavailable or Unknown is decided by one question: can a byte of the request have left?

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use stormproof_ports::machine::WorkKind;
use stormproof_ports::{Answer, Call, CallError, Http};

use crate::faults::network::{connect_hangs, link, request};
use crate::faults::process::{later, slowness};
use crate::faults::{FaultKind, pass};
use crate::history::Kind as Event;
use crate::http::connection::Connection;
use crate::moment::{Act, Side};
use crate::node::{Life, NodeIndex, Power};
use crate::processors::work;
use crate::sleep::{sleep, within};
use crate::{World, lock};

/// The HTTP client of one life of a node.
pub(super) struct SimHttp {
    world: World,
    life: Life,
    idle: Mutex<BTreeMap<NodeIndex, Vec<Connection>>>,
}

/// Why an attempt brought nothing.
enum CallFailure {
    Unavailable(String),
    Unknown(String),
    /// Nobody answers: wait for the rest of the time. Then, has a byte left?
    Silence {
        sent: bool,
    },
}

impl SimHttp {
    pub(super) fn new(world: &World, life: Life) -> SimHttp {
        SimHttp { world: world.clone(), life, idle: Mutex::default() }
    }
}

impl Http for SimHttp {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, CallError>> {
        Box::pin(self.make(call))
    }
}

impl SimHttp {
    async fn make(&self, call: Call) -> Result<Answer, CallError> {
        let world = &self.world;
        let (to, operation) = (call.to.clone(), call.operation.clone());
        let deadline = world.elapsed() + call.timeout;
        let record = |kind, words: &[&str]| {
            world.0.history.record(world.elapsed(), self.life.node, kind, &operation, words);
        };
        record(Event::Call, &[&to]);
        for listener in &mut *lock(&world.0.listeners) {
            listener(world.elapsed(), world.0.nodes.name(self.life.node), &call);
        }
        let result = match self.attempt(call, deadline).await {
            Ok(answer) => Ok(answer),
            Err(CallFailure::Unavailable(why)) => Err(CallError::Unavailable(why)),
            Err(CallFailure::Unknown(why)) => Err(CallError::Unknown(why)),
            Err(CallFailure::Silence { sent }) => {
                sleep(&world.0.time, deadline.saturating_sub(world.elapsed())).await;
                match sent {
                    true => Err(CallError::Unknown(format!("{to} did not answer in time"))),
                    false => Err(CallError::Unavailable(format!("no connection to {to} in time"))),
                }
            }
        };
        match &result {
            Ok(answer) => record(Event::Answer, &[&to, answer.status.as_str()]),
            Err(CallError::Unavailable(_)) => record(Event::Answer, &[&to, "unavailable"]),
            Err(CallError::Unknown(_)) => record(Event::Answer, &[&to, "unknown"]),
        }
        result
    }

    async fn attempt(&self, call: Call, deadline: Duration) -> Result<Answer, CallFailure> {
        let world = &self.world;
        let (me, operation) = (self.life.node, call.operation.clone());
        let Some(server) = world.0.nodes.pick(&call.to, world.elapsed()) else {
            return Err(CallFailure::Unavailable(format!("no service is named {}", call.to)));
        };
        let aimed = pass(world, self.life, Side::Before, Act::Call, &[&operation]).await;
        let astray = aimed.or_else(|| request(world, me, server, &operation));
        let by = astray.as_ref().map_or(Duration::ZERO, |fault| fault.amount);
        let astray = astray.map(|fault| fault.kind);
        match astray {
            Some(FaultKind::ConnectHangs) => return Err(CallFailure::Silence { sent: false }),
            Some(FaultKind::RequestLate) => {
                // Late means after the caller gave up, however short the delay was meant to be.
                deliver_later(world, call.clone(), by.max(call.timeout));
                return Err(CallFailure::Silence { sent: true });
            }
            Some(FaultKind::RequestTwice) => deliver_later(world, call.clone(), by),
            _ => {}
        }

        let sent = AtomicBool::new(false);
        let remaining = deadline.saturating_sub(world.elapsed());
        // Pinned here, for it is large: whoever takes it by value moves it.
        let exchange = pin!(self.exchange(server, call, &sent));
        let answer = match within(&world.0.time, remaining, exchange).await {
            None => Err(CallFailure::Silence { sent: sent.load(Ordering::Relaxed) }),
            Some(result) => result,
        }?;
        if astray == Some(FaultKind::ReplyLost) {
            return Err(CallFailure::Silence { sent: true });
        }
        let aimed = pass(world, self.life, Side::After, Act::Call, &[&operation]).await;
        match aimed.map(|fault| fault.kind) {
            Some(FaultKind::ReplyLost) => Err(CallFailure::Silence { sent: true }),
            _ => Ok(answer),
        }
    }

    /// There and back over the network. `sent` tells, should the caller give up meanwhile, whether
    /// the request can have left.
    async fn exchange(
        &self,
        server: NodeIndex,
        call: Call,
        sent: &AtomicBool,
    ) -> Result<Answer, CallFailure> {
        let world = &self.world;
        let nodes = &world.0.nodes;
        let me = self.life.node;
        let out = link(world, me, server);
        let slow = slowness(world, me) + out.delay;
        if !slow.is_zero() {
            sleep(&world.0.time, slow).await;
        }
        let pooled = self.take_idle(server).await;
        match (pooled.is_some(), nodes.power(server)) {
            (pooled, Power::Crashed) => return Err(CallFailure::Silence { sent: pooled }),
            (pooled, _) if out.cut => return Err(CallFailure::Silence { sent: pooled }),
            (_, Power::Stopped) => {
                sleep(&world.0.time, Duration::from_millis(1)).await;
                return Err(CallFailure::Unavailable(format!("{} refuses", nodes.name(server))));
            }
            _ => {}
        }
        let mut connection = match pooled {
            Some(connection) => connection,
            None if connect_hangs(world, me, server) => {
                return Err(CallFailure::Silence { sent: false });
            }
            None => {
                let life = nodes.life(server);
                Connection::open(world, me, life).await.map_err(|why| {
                    match nodes.has_crashed(life) {
                        true => CallFailure::Silence { sent: false },
                        false => CallFailure::Unavailable(why),
                    }
                })?
            }
        };
        sent.store(true, Ordering::Relaxed);
        if nodes.has_crashed(connection.server) && nodes.power(server) == Power::Up {
            // The last life's connection: the new one knows nothing of it and answers with a reset.
            sleep(&world.0.time, Duration::from_millis(2)).await;
            return Err(CallFailure::Unknown("connection reset".into()));
        }
        if let Some(work) = work(world, WorkKind::Request, me, server) {
            work.await;
        }
        let answer = connection.exchange(to_request(call)).await;
        let answer = answer.map_err(|why| match nodes.has_crashed(connection.server) {
            true => CallFailure::Silence { sent: true },
            false => CallFailure::Unknown(why),
        })?;
        let back = link(world, server, me);
        if back.cut {
            return Err(CallFailure::Silence { sent: true });
        }
        if !back.delay.is_zero() {
            sleep(&world.0.time, back.delay).await;
        }
        lock(&self.idle).entry(server).or_default().push(connection);
        Ok(answer)
    }

    /// An idle connection to the server, if one is left. The end of one whose server said goodbye
    /// has been heard; that of a server without power has not.
    async fn take_idle(&self, server: NodeIndex) -> Option<Connection> {
        loop {
            let mut connection = lock(&self.idle).get_mut(&server)?.pop()?;
            if self.world.0.nodes.has_crashed(connection.server) || connection.is_open().await {
                return Some(connection);
            }
        }
    }
}

/// Executes a request that its caller knows nothing of, later.
fn deliver_later(world: &World, call: Call, by: Duration) {
    later(world, by, move |world| {
        let network = world.0.nodes.network;
        let sender = SimHttp::new(world, world.0.nodes.life(network));
        world.0.nodes.spawner(network).spawn(async move {
            let world = &sender.world;
            let Some(server) = world.0.nodes.pick(&call.to, world.elapsed()) else { return };
            let sent = AtomicBool::new(false);
            let exchange = sender.exchange(server, call, &sent);
            // What it does shows at the server; nobody waits for the answer.
            within(&world.0.time, Duration::from_secs(60), exchange).await.and_then(Result::ok);
        });
    });
}

fn to_request(call: Call) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(call.body));
    *request.method_mut() = call.method;
    *request.uri_mut() = call.path.parse().expect("callers write well-formed paths");
    *request.headers_mut() = call.headers;
    let host = HeaderValue::from_str(&call.to).expect("services have printable names");
    request.headers_mut().insert(header::HOST, host);
    request
}
