//! Every node that a fault of the process family can strike: our own processes, and the servers that
//! are not ours to end, whose links are ended or silenced instead.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use stormproof_faults::{Fault, FaultKind, Target};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::faults::is;
use super::processes::{Life, Replica};
use super::story::{FAULT, Story};

/// The nodes of a rehearsal.
pub struct Cluster {
    pub replicas: Vec<Replica>,
    /// Broker, mail server and databases, and where each really is.
    foreign: BTreeMap<String, (SocketAddr, watch::Sender<Life>)>,
    story: Arc<Story>,
    /// Processes that ended though nobody ended them, in words.
    accidents: Arc<Mutex<Vec<String>>>,
}

/// How long a process may take to serve.
const START_MAX: Duration = Duration::from_secs(60);

impl Cluster {
    pub fn new(
        replicas: Vec<Replica>,
        foreign: BTreeMap<String, SocketAddr>,
        story: Arc<Story>,
        accidents: Arc<Mutex<Vec<String>>>,
    ) -> Cluster {
        let foreign = foreign.into_iter().map(|(node, address)| {
            let (life, _) = watch::channel(Life::Up(address));
            (node, (address, life))
        });
        Cluster { replicas, foreign: foreign.collect(), story, accidents }
    }

    /// How `node` is.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn life(&self, node: &str) -> watch::Receiver<Life> {
        if let Some((_, life)) = self.foreign.get(node) {
            return life.subscribe();
        }
        let replica = self.replicas.iter().find(|replica| replica.node == node);
        replica.expect("proxies lead to nodes that are").life()
    }

    /// Starts every process that is not at work, and waits until all serve.
    ///
    /// # Errors
    /// Which one does not, and its last words.
    pub async fn up(&self) -> Result<(), String> {
        for (address, life) in self.foreign.values() {
            life.send_replace(Life::Up(*address));
        }
        let up = join_all(self.replicas.iter().map(|replica| async {
            if replica.up().await {
                self.story.say(FAULT, "", &format!("{} is up again", replica.shown));
            }
            let mut life = replica.life();
            let serves = life.wait_for(|life| matches!(life, Life::Up(_)));
            match timeout(START_MAX, serves).await {
                Ok(Ok(_)) => Ok(()),
                _ => {
                    let words = self.story.last_words(&replica.node);
                    Err(format!("{} does not come to serve:\n{words}", replica.node))
                }
            }
        }));
        up.await.into_iter().collect()
    }

    /// Makes a fault of the process family happen now, and its end later. False if it changed
    /// nothing: its nodes were down already.
    pub fn strike<'a>(self: &'a Arc<Self>, fault: &'a Fault) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let (kind, back_after) = (fault.kind, fault.amount);
            let Target::Node(name) = &fault.target else { return false };
            let mut struck = Vec::new();
            for (place, replica) in self.replicas.iter().enumerate() {
                let hit = is(&replica.node, name)
                    && match kind {
                        FaultKind::Crash => replica.crash().await,
                        FaultKind::Stop => replica.stop().await,
                        FaultKind::Pause => replica.pause().await,
                        _ => false,
                    };
                if hit {
                    struck.push(place);
                }
            }
            let foreign = self.foreign.get(name);
            if let Some((_, life)) = foreign {
                life.send_replace(match kind {
                    FaultKind::Pause => Life::Silent,
                    _ => Life::Down,
                });
            }
            let any = foreign.is_some() || !struck.is_empty();
            if any {
                let (cluster, fault) = (self.clone(), fault.clone());
                let name = name.clone();
                tokio::spawn(async move {
                    sleep(cluster.story.real(back_after)).await;
                    cluster.back(&struck, &name, &fault).await;
                });
            }
            any
        })
    }

    /// The end of a fault.
    async fn back(&self, struck: &[usize], name: &str, fault: &Fault) {
        let mut back = false;
        for place in struck {
            back |= self.replicas[*place].up().await;
        }
        if let Some((address, life)) = self.foreign.get(name) {
            let up = Life::Up(*address);
            back |= life.send_replace(up) != up;
        }
        if back {
            self.story.say(FAULT, "", &format!("{fault} heals"));
        }
    }

    /// Ends every process. What is under way is of no use to anybody any more.
    pub async fn kill_all(&self) {
        join_all(self.replicas.iter().map(Replica::end)).await;
    }

    /// Notes something that must not be.
    pub fn note(&self, accident: String) {
        self.accidents.lock().unwrap_or_else(PoisonError::into_inner).push(accident);
    }

    /// Processes that ended though nobody ended them.
    pub fn accidents(&self) -> Vec<String> {
        self.accidents.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
