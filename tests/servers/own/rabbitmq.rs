//! A RabbitMQ server: made anew, stopped, and started again on what it left. It has a node name, a
//! cookie and a port mapper of Erlang's (epmd) of its own, so that it meets no other node of this
//! machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::signal::Signal;

use super::until_it_answers;
use crate::servers::supervisor::{Kept, Place, data_folder};
use crate::servers::{free_port, queues};

/// Where Debian has the scripts that run as any user, unlike those of the same names in `/usr/sbin`.
pub const SCRIPTS: &str = "/usr/lib/rabbitmq/bin";

pub struct RabbitServer {
    place: Arc<Place>,
    folder: PathBuf,
    port: u16,
    environment: BTreeMap<String, String>,
    server: Kept,
    _port_mapper: Kept,
}

impl RabbitServer {
    /// Errors: there are no binaries, or they cannot be run, and why.
    pub fn start(place: &Arc<Place>) -> Result<RabbitServer, String> {
        let script = Path::new(SCRIPTS).join("rabbitmq-server");
        if !script.exists() {
            return Err(format!("there are no scripts of RabbitMQ in {SCRIPTS}"));
        }
        let folder = data_folder("rabbitmq").map_err(|error| error.to_string())?;
        let started = RabbitServer::start_in(place, folder.clone());
        if started.is_err() {
            fs::remove_dir_all(folder).ok();
        }
        started.map_err(|why| format!("rabbitmq: {why}"))
    }

    fn start_in(place: &Arc<Place>, folder: PathBuf) -> Result<RabbitServer, String> {
        let (port, mapper) = (free_port(), free_port());
        let environment = environment(&folder, mapper);
        let start = || {
            let configuration = format!("listeners.tcp.local = 127.0.0.1:{port}\n");
            fs::write(folder.join("rabbitmq.conf"), configuration)?;
            let beside = folder.join("epmd");
            fs::create_dir(&beside)?;
            // As a child of its supervisor: a node would start one that outlives it.
            let port_mapper = place.keep(&beside, "TERM", |command| {
                command.args(["epmd", "-address", "127.0.0.1", "-port", &mapper.to_string()]);
            })?;
            Ok((serve(place, &folder, &environment)?, port_mapper))
        };
        let (server, port_mapper) = start().map_err(|error: std::io::Error| error.to_string())?;
        let (place, _port_mapper) = (place.clone(), port_mapper);
        let mut rabbit = RabbitServer { place, folder, port, environment, server, _port_mapper };
        rabbit.until_it_answers().map(|()| rabbit)
    }

    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// What `rabbitmqctl` needs to find it.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// As an operator does: what is durable stays, connections are closed.
    pub fn stop(&mut self) {
        self.server.end(Signal::SIGTERM);
    }

    /// The same server again, after [`stop`](RabbitServer::stop).
    pub fn start_again(&mut self) {
        let server = serve(&self.place, &self.folder, &self.environment);
        self.server = server.expect("it could be started before");
        self.until_it_answers().unwrap_or_else(|why| panic!("RabbitMQ does not come back: {why}"));
    }

    fn until_it_answers(&mut self) -> Result<(), String> {
        let url = self.url();
        until_it_answers(&mut self.server, || queues::answers(&url))
    }
}

fn serve(
    place: &Place,
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> std::io::Result<Kept> {
    place.keep(folder, "KILL", |command| {
        // What this machine says of its own RabbitMQ is not meant for this one.
        command.env_clear().envs(environment).arg(Path::new(SCRIPTS).join("rabbitmq-server"));
    })
}

fn environment(folder: &Path, port_mapper: u16) -> BTreeMap<String, String> {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let node = format!("stormproof-{port_mapper}@localhost");
    let variables = [
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        // The cookie is made there.
        ("HOME", folder.to_string_lossy().into_owned()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
        ("ERL_EPMD_PORT", port_mapper.to_string()),
        ("ERL_FLAGS", "-kernel inet_dist_use_interface {127,0,0,1}".into()),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".into()),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_DIST_PORT", free_port().to_string()),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        ("RABBITMQ_LOGS", "-".into()),
        ("RABBITMQ_LOG_BASE", path("logs")),
        ("RABBITMQ_MNESIA_BASE", path("mnesia")),
        ("RABBITMQ_NODENAME", node),
        // The script becomes the server, instead of waiting for it: its process id is the server's.
        ("RUNNING_UNDER_SYSTEMD", "true".into()),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
