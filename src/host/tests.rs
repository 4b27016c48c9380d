//! A host with a small router and small workers, from the outside: over TCP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Extension;
use axum::routing::{get, post};
use stormproof_ports::metrics::TransactionOutcome;
use stormproof_ports::worker::Progress;
use stormproof_system::web::ClientAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::*;
use crate::admin_ports;
use crate::commands::load::replica_metrics;
use crate::config::Config;

/// Far longer than what is waited for, far shorter than a person's patience.
const SOON: Duration = Duration::from_secs(20);

const LIMITS: Server = Server {
    body_bytes_max: 1000,
    header_timeout: Duration::from_millis(300),
    body_timeout: Duration::from_millis(300),
    connections_max: 8,
    drain_deadline: SOON,
};

async fn host(router: Router, workers: Vec<Worker>, health: Health) -> Host {
    let (ports, metrics, siblings) = (ports("test-1"), Metrics::default(), Siblings::default());
    start(Replica { ports, router, workers, health, metrics, siblings }).await
}

fn ports(node: &str) -> Ports {
    admin_ports::ports(&Config::default(), node).expect("the default peers are well formed")
}

async fn start(replica: Replica) -> Host {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has room");
    Host::start(replica, listener, LIMITS).expect("it is bound")
}

/// Sends `text` as it is, and reads until the host closes the connection.
async fn talk(host: &Host, text: &str) -> String {
    let mut stream = TcpStream::connect(host.address()).await.expect("it listens");
    stream.write_all(text.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(SOON, read).await.expect("the connection ends").ok();
    answer
}

fn request(head: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{head} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn clients_that_are_slow_or_large_are_cut_off() {
    let router = Router::new().route("/", post(async |body: String| body));
    let host = host(router, Vec::new(), Health::default()).await;
    let answer = talk(&host, &request("POST /", &"a".repeat(1000))).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("aaa"), "{answer}");
    // Half a head, and a head without its body.
    let answer = talk(&host, "POST / HTTP/1.1\r\nhost:").await;
    assert!(!answer.contains("200"), "{answer}");
    let answer = talk(&host, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    // Announced, and not announced.
    let head = "POST / HTTP/1.1\r\nhost: a\r\n";
    let answer = talk(&host, &format!("{head}content-length: 1001\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let chunk = "a".repeat(1001);
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n3e9\r\n{chunk}\r\n");
    let answer = talk(&host, &chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("at most 1000"), "{answer}");
    assert_eq!(host.drain(SOON).await, 0);
}

#[tokio::test]
async fn the_client_is_known_and_health_is_told() {
    let who = async |Extension(ClientAddress(address)): Extension<ClientAddress>| address;
    let health = Health::default()
        .with("here", || Box::pin(async { Ok(()) }))
        .with("away", || Box::pin(async { Err("gone to lunch at 10.0.0.7".to_owned()) }));
    let host = host(Router::new().route("/who", get(who)), Vec::new(), health).await;
    assert!(talk(&host, &request("GET /who", "")).await.ends_with("\r\n\r\n127.0.0.1"));
    assert!(talk(&host, &request("GET /health/live", "")).await.starts_with("HTTP/1.1 200"));
    let answer = talk(&host, &request("GET /health/ready", "")).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\"here\":true") && answer.contains("\"away\":false"), "{answer}");
    assert!(!answer.contains("10.0.0.7"), "{answer}");
}

/// What is told is what is counted, of each replica of the process, and can be read again: also where a
/// node's name is an odd one.
#[tokio::test]
async fn transactions_are_told_by_name() {
    let (first, second) = (ports("test-1"), ports("a \"b\" \\ c\nd"));
    first.transactions.count("book", TransactionOutcome::Committed);
    first.transactions.count("book", TransactionOutcome::Conflict);
    first.transactions.count("book", TransactionOutcome::Conflict);
    second.transactions.count("pay", TransactionOutcome::InDoubt);
    let metrics = Metrics::default().with("ledger", &first).with("purse", &second);
    let (router, health) = (Router::new(), Health::default());
    let (ports, workers, siblings) = (first.clone(), Vec::new(), Siblings::default());
    let host = start(Replica { ports, router, workers, health, metrics, siblings }).await;
    let answer = talk(&host, &request("GET /metrics", "")).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    let line = "stormproof_transactions_total{service=\"ledger\",node=\"test-1\",\
                transaction=\"book\",outcome=\"conflict\"} 2\n";
    assert!(body.contains(line) && body.ends_with("# EOF\n"), "{body}");
    let told = replica_metrics::parse(body).expect("it can be read");
    let of = |service: &str, name: &str, outcome| {
        told.transactions[&(service.to_owned(), name.to_owned())].of(outcome)
    };
    assert_eq!(told.transactions.len(), 2);
    assert_eq!(of("ledger", "book", TransactionOutcome::Conflict), 2);
    assert_eq!(of("ledger", "book", TransactionOutcome::GivenUp), 0);
    assert_eq!(of("purse", "pay", TransactionOutcome::InDoubt), 1);
    // It is another life if it is started again.
    let again = start(Replica {
        ports: first,
        router: Router::new(),
        workers: Vec::new(),
        health: Health::default(),
        metrics: Metrics::default(),
        siblings: Siblings::default(),
    });
    let again = talk(&again.await, &request("GET /metrics", "")).await;
    let (_, again) = again.split_once("\r\n\r\n").expect("a head and a body");
    assert_ne!(replica_metrics::parse(again).expect("it can be read").life, told.life);
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way_and_takes_nothing_new() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, open) = (entered.clone(), leave.clone());
    let wait = move || {
        let (inside, open) = (inside.clone(), open.clone());
        async move {
            inside.notify_one();
            open.notified().await;
            "done"
        }
    };
    let stepped = Arc::new(AtomicBool::new(false));
    let (step_entered, step_leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let worker = {
        let (stepped, inside, open) = (stepped.clone(), step_entered.clone(), step_leave.clone());
        Worker::new("slow", Default::default(), move || {
            let (stepped, inside, open) = (stepped.clone(), inside.clone(), open.clone());
            Box::pin(async move {
                inside.notify_one();
                open.notified().await;
                stepped.store(true, Ordering::Relaxed);
                Progress::Worked
            })
        })
    };
    let router = Router::new().route("/wait", get(wait));
    let host = host(router, vec![worker], Health::default()).await;
    let address = host.address();
    let asked = async { talk(&host, &request("GET /wait", "")).await };
    // The question is under way before the drain begins.
    let mut asked = Box::pin(asked);
    let under_way = futures::future::join(entered.notified(), step_entered.notified());
    tokio::select! {
        _ = &mut asked => panic!("answered before it may leave"),
        _ = under_way => {}
    }
    host.stop.send_replace(true);
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, refused).await.expect("it stops listening");
    leave.notify_one();
    assert!(asked.await.ends_with("done"));
    step_leave.notify_one();
    assert_eq!(host.drain(SOON).await, 0);
    assert!(stepped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn what_hangs_is_cut_at_the_deadline_and_what_panics_is_told() {
    let begun = Arc::new(Notify::new());
    let inside = begun.clone();
    let hang = Worker::new("hang", Default::default(), move || {
        inside.notify_one();
        Box::pin(std::future::pending())
    });
    let host = host(Router::new(), vec![hang], Health::default()).await;
    begun.notified().await;
    assert_eq!(host.drain(Duration::from_millis(50)).await, 1);

    let worker = Worker::new("bug", Default::default(), || Box::pin(async { panic!("a bug") }));
    let mut host = self::host(Router::new(), vec![worker], Health::default()).await;
    let what = tokio::time::timeout(SOON, host.broken()).await.expect("it is noticed");
    assert_eq!(what, "test-1: a worker panicked");
}

/// A worker that hands over gives back what it has when it is told to stop, and the others of its service
/// look at once.
#[tokio::test]
async fn who_stops_hands_over_and_its_siblings_hear_of_it() {
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = steps.clone();
    let looks = Worker::new("looks", Default::default(), move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Progress::Waiting })
    });
    let stays = host(Router::new(), vec![looks], Health::default()).await;
    let given_back = Arc::new(AtomicUsize::new(0));
    let counted = given_back.clone();
    let gives = Worker::new("gives", Default::default(), || Box::pin(async { Progress::Waiting }));
    let gives = gives.with_hand_over(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    });
    let urls = [format!("http://{}", stays.address()), "http://127.0.0.1:1".to_owned()];
    let goes = start(Replica {
        ports: ports("test-2"),
        router: Router::new(),
        workers: vec![gives],
        health: Health::default(),
        metrics: Metrics::default(),
        siblings: Siblings::at(&urls).expect("base URLs"),
    })
    .await;
    let until_stepped = async |count| {
        while steps.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, until_stepped(1)).await.expect("it looks when it starts");
    assert_eq!(goes.drain(SOON).await, 0);
    // Once beside what it had in hand, once when nothing was left that could have claimed anything.
    assert_eq!(given_back.load(Ordering::Relaxed), 2);
    tokio::time::timeout(SOON, until_stepped(2)).await.expect("it hears of it");
    assert_eq!(stays.drain(SOON).await, 0);
}
