//! The shop's processes: started, killed, stopped, made to stand still, and brought back.
//!
//! Each has a task that alone waits for it and signals it, so that no signal can reach a stranger
//! that has got its number.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use super::story::Story;

/// How a node is, as its peers find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Nobody listens.
    Down,
    /// It listens at this address.
    Up(SocketAddr),
    /// It takes nothing and says nothing, though it has not ended.
    Silent,
}

/// One replica of one service.
pub struct Replica {
    /// `store-1`
    pub node: String,
    /// What the story calls it: `store`, where there is one.
    pub shown: String,
    life: watch::Sender<Life>,
    /// Whether there is a process.
    running: watch::Receiver<bool>,
    state: Mutex<Power>,
    instructions: mpsc::UnboundedSender<(Instruction, oneshot::Sender<()>)>,
}

/// What a process is told in its environment: names and values.
pub type Settings = Arc<Mutex<Vec<(String, String)>>>;

/// What we have done to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    On,
    Paused,
    Off,
}

enum Instruction {
    Start,
    Signal(Signal),
}

/// How long a supervisor waits before it starts again what ended by itself while starting.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// A process and all that its task needs.
struct Supervisor {
    node: String,
    /// What the story calls it.
    shown: String,
    service: &'static str,
    settings: Settings,
    life: watch::Sender<Life>,
    running: watch::Sender<bool>,
    story: Arc<Story>,
    /// The process's standard input: it ends with us however we end, for then this does.
    leash: Option<ChildStdin>,
    /// Processes that ended though nobody ended them, in words.
    accidents: Arc<Mutex<Vec<String>>>,
}

impl Replica {
    /// A replica that is not started yet. Its settings are read at each start.
    pub fn new(
        node: String,
        shown: String,
        service: &'static str,
        settings: Settings,
        story: Arc<Story>,
        accidents: Arc<Mutex<Vec<String>>>,
    ) -> Replica {
        let (life, _) = watch::channel(Life::Down);
        let (run, running) = watch::channel(false);
        let (instructions, taken) = mpsc::unbounded_channel();
        let supervisor = Supervisor {
            node: node.clone(),
            shown: shown.clone(),
            service,
            settings,
            life: life.clone(),
            running: run,
            story,
            leash: None,
            accidents,
        };
        tokio::spawn(supervisor.keep(taken));
        let state = Mutex::new(Power::Off);
        Replica { node, shown, life, running, state, instructions }
    }

    pub fn life(&self) -> watch::Receiver<Life> {
        self.life.subscribe()
    }

    /// Starts it, or lets it go on; false if it was at work.
    pub async fn up(&self) -> bool {
        match self.turn(Power::On, |power| power != Power::On) {
            None => false,
            Some(Power::Paused) => self.instruction(Instruction::Signal(Signal::SIGCONT)).await,
            Some(_) => self.instruction(Instruction::Start).await,
        }
    }

    /// Kills it; false if it was down.
    pub async fn crash(&self) -> bool {
        let Some(_) = self.turn(Power::Off, |power| power != Power::Off) else { return false };
        self.life.send_replace(Life::Down);
        self.instruction(Instruction::Signal(Signal::SIGKILL)).await
    }

    /// Asks it to end; false if it was down. It takes no more connections from here on.
    pub async fn stop(&self) -> bool {
        let Some(before) = self.turn(Power::Off, |power| power != Power::Off) else { return false };
        self.life.send_replace(Life::Down);
        let asked = self.instruction(Instruction::Signal(Signal::SIGTERM)).await;
        if before == Power::Paused {
            self.instruction(Instruction::Signal(Signal::SIGCONT)).await;
        }
        asked
    }

    /// Makes it stand still; false if it was not at work.
    pub async fn pause(&self) -> bool {
        let Some(_) = self.turn(Power::Paused, |power| power == Power::On) else { return false };
        self.instruction(Instruction::Signal(Signal::SIGSTOP)).await
    }

    /// Ends it for good, however it was.
    pub async fn end(&self) {
        self.turn(Power::Off, |_| true);
        self.instruction(Instruction::Signal(Signal::SIGKILL)).await;
        // An error says that the supervisor is gone, and the process with it.
        self.running.clone().wait_for(|running| !running).await.ok();
    }

    /// Changes the power if it `may` be; what it was.
    fn turn(&self, to: Power, may: impl Fn(Power) -> bool) -> Option<Power> {
        let mut power = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *power;
        may(before).then(|| std::mem::replace(&mut *power, to))
    }

    /// Completes when the instruction is carried out; false if the supervisor is gone.
    async fn instruction(&self, instruction: Instruction) -> bool {
        let (done, told) = oneshot::channel();
        self.instructions.send((instruction, done)).is_ok() && told.await.is_ok()
    }
}

impl Supervisor {
    async fn keep(
        mut self,
        mut instructions: mpsc::UnboundedReceiver<(Instruction, oneshot::Sender<()>)>,
    ) {
        let mut child: Option<Child> = None;
        let mut wanted = false;
        loop {
            tokio::select! {
                biased;
                instruction = instructions.recv() => {
                    // Nobody is left to give instructions: dropping the child kills it.
                    let Some((instruction, done)) = instruction else { return };
                    match instruction {
                        Instruction::Start => {
                            wanted = true;
                            if child.is_none() {
                                child = self.spawn();
                            }
                        }
                        Instruction::Signal(signal) => {
                            wanted &= !matches!(signal, Signal::SIGKILL | Signal::SIGTERM);
                            send(child.as_ref(), signal);
                        }
                    }
                    done.send(()).ok();
                }
                status = ended(&mut child) => {
                    child = None;
                    self.running.send_replace(false);
                    let was_up = matches!(self.life.send_replace(Life::Down), Life::Up(_));
                    if wanted && was_up {
                        self.note_accident(&status);
                    }
                    if wanted {
                        sleep(AGAIN_AFTER).await;
                        child = self.spawn();
                    }
                }
            }
        }
    }

    /// Starts the process; its log is heard until it ends.
    fn spawn(&mut self) -> Option<Child> {
        let command = command(self.service, &self.settings);
        let mut child = match command.and_then(|mut command| command.spawn()) {
            Ok(child) => child,
            Err(error) => {
                let accidents = &mut *self.accidents.lock().unwrap_or_else(PoisonError::into_inner);
                accidents.push(format!("{} cannot be started: {error}", self.node));
                return None;
            }
        };
        self.running.send_replace(true);
        // Whoever waits for a child closes the input that it finds in it.
        self.leash = child.stdin.take();
        let log = child.stderr.take().expect("it is piped");
        let (node, shown, story) = (self.node.clone(), self.shown.clone(), self.story.clone());
        let life = self.life.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(log).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(address) = story.hear(&node, &shown, &line)
                    && let Ok(address) = address.parse()
                {
                    life.send_replace(Life::Up(address));
                }
            }
        });
        Some(child)
    }

    fn note_accident(&self, status: &str) {
        let words = self.story.last_words(&self.node);
        let last = words.lines().last().unwrap_or_default();
        let accidents = &mut *self.accidents.lock().unwrap_or_else(PoisonError::into_inner);
        accidents.push(format!("{} ended by itself ({status}): {last}", self.node));
    }
}

/// Completes when there is a child and it has ended; how.
async fn ended(child: &mut Option<Child>) -> String {
    match child {
        Some(child) => {
            let status: std::io::Result<ExitStatus> = child.wait().await;
            status.map_or_else(|error| error.to_string(), |status| status.to_string())
        }
        None => std::future::pending().await,
    }
}

/// Signals a child that has not been waited for: its number is its own.
fn send(child: Option<&Child>, signal: Signal) {
    if let Some(id) = child.and_then(Child::id) {
        let pid = Pid::from_raw(id.try_into().expect("process ids are small"));
        // An error says that it has just ended.
        kill(pid, signal).ok();
    }
}

/// `stormproof serve SERVICE` of this very binary, with these settings and no others. An error says
/// that this binary cannot be found any more.
fn command(service: &str, settings: &Settings) -> std::io::Result<Command> {
    let settings = settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut command = Command::new(std::env::current_exe()?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STORMPROOF_") {
            command.env_remove(name);
        }
    }
    command
        .args(["serve", service, "--attached"])
        .envs(settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // A Ctrl-C at the terminal is for the rehearsal alone, which ends its processes.
        .process_group(0)
        .kill_on_drop(true);
    Ok(command)
}
