//! A link to RabbitMQ that a test can cut, freeze, and speak into.

use std::io::Error;
use std::sync::{Arc, Mutex};

use lapin::uri::AMQPUri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// What the link does with what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Open,
    /// Takes connections and bytes, and passes nothing on.
    Frozen,
    /// Ends every connection at once.
    Cut,
}

/// A listener that passes connections on to RabbitMQ.
pub struct Proxy {
    pub url: String,
    link: watch::Sender<Link>,
    clients: Clients,
    _tasks: JoinSet<()>,
}

type Clients = Arc<Mutex<Vec<Client>>>;

struct Client {
    /// What it said first, its name included.
    hello: Arc<Mutex<Vec<u8>>>,
    say: mpsc::UnboundedSender<Vec<u8>>,
}

/// How much of what a client says is kept.
const HELLO: usize = 4096;

impl Proxy {
    pub async fn new(url: &str) -> Proxy {
        let mut uri: AMQPUri = url.parse().expect("it was connected to");
        let server = (uri.authority.host.clone(), uri.authority.port);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        (uri.authority.host, uri.authority.port) = ("127.0.0.1".to_owned(), port);
        let (link, state) = watch::channel(Link::Open);
        let clients = Arc::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, state, Arc::clone(&clients)));
        Proxy { url: uri.to_string(), link, clients, _tasks: tasks }
    }

    pub fn set(&self, link: Link) {
        self.link.send_replace(link);
    }

    /// Says something to the clients of this name as if the server did. The server must be silent
    /// meanwhile, so that no frame of its is cut in two.
    pub fn say(&self, name: &str, bytes: &[u8]) {
        let clients = self.clients.lock().expect("nobody panics while holding it");
        for client in &*clients {
            let hello = client.hello.lock().expect("nobody panics while holding it");
            if hello.windows(name.len()).any(|window| window == name.as_bytes()) {
                // An error says that the client has gone.
                client.say.send(bytes.to_vec()).ok();
            }
        }
    }
}

async fn accept(
    listener: TcpListener,
    server: (String, u16),
    link: watch::Receiver<Link>,
    clients: Clients,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (say, said) = mpsc::unbounded_channel();
        let hello = Arc::default();
        connections.spawn(pass(client, server.clone(), link.clone(), said, Arc::clone(&hello)));
        clients.lock().expect("nobody panics while holding it").push(Client { hello, say });
    }
}

/// Passes bytes both ways until either side ends, or the link is cut.
async fn pass(
    client: TcpStream,
    server: (String, u16),
    mut link: watch::Receiver<Link>,
    mut said: mpsc::UnboundedReceiver<Vec<u8>>,
    hello: Arc<Mutex<Vec<u8>>>,
) {
    if *link.borrow() == Link::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let (words, mut heard) = mpsc::unbounded_channel();
    let mut cut = link.clone();
    tokio::select! {
        _ = copy(from_client, &mut to_server, link.clone(), &hello) => {}
        _ = read(from_server, words) => {}
        _ = tell(&mut to_client, &mut said, &mut heard, &mut link) => {}
        _ = cut.wait_for(|link| *link == Link::Cut) => {}
    }
}

/// What the server and the test say, to the client.
async fn tell(
    client: &mut OwnedWriteHalf,
    said: &mut mpsc::UnboundedReceiver<Vec<u8>>,
    heard: &mut mpsc::UnboundedReceiver<Vec<u8>>,
    link: &mut watch::Receiver<Link>,
) -> Result<(), Error> {
    loop {
        let bytes = tokio::select! {
            Some(bytes) = said.recv() => bytes,
            Some(bytes) = heard.recv() => bytes,
            else => return Ok(()),
        };
        thawed(link).await;
        client.write_all(&bytes).await?;
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut link: watch::Receiver<Link>,
    hello: &Mutex<Vec<u8>>,
) -> Result<(), Error> {
    let mut buffer = vec![0; 65_536];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        {
            let mut hello = hello.lock().expect("nobody panics while holding it");
            let room = HELLO.saturating_sub(hello.len()).min(count);
            hello.extend(&buffer[..room]);
        }
        thawed(&mut link).await;
        to.write_all(&buffer[..count]).await?;
    }
}

async fn read(mut from: OwnedReadHalf, words: mpsc::UnboundedSender<Vec<u8>>) -> Result<(), Error> {
    let mut buffer = vec![0; 65_536];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 || words.send(buffer[..count].to_vec()).is_err() {
            return Ok(());
        }
    }
}

async fn thawed(link: &mut watch::Receiver<Link>) {
    // An error says that the test is over.
    link.wait_for(|link| *link != Link::Frozen).await.ok();
}
