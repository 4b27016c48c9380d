//! The HTTP client against servers that misbehave byte by byte: what it says happened.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use stormproof_bindings::http::{HttpClient, HttpClientError};
use stormproof_ports::{Answer, Call, CallError, Http as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

use super::bindings::nobody;

const SECOND: Duration = Duration::from_secs(1);

fn client(replicas: Vec<String>) -> HttpClient {
    HttpClient::new(BTreeMap::from([("bank".to_owned(), replicas)])).expect("the URLs are good")
}

async fn ask(client: &HttpClient, timeout: Duration) -> Result<Answer, CallError> {
    let call = Call {
        to: "bank".into(),
        operation: "debit".into(),
        method: Method::POST,
        path: "/debits".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
        timeout,
    };
    client.call(call).await
}

/// A server that treats each connection by `treat`; counts them.
async fn server<F>(treat: impl Fn(TcpStream) -> F + Send + 'static) -> (String, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(treat(stream));
        }
    });
    (format!("http://{address}"), accepted)
}

/// Reads one request to its end; `false` if the connection ends first.
async fn request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n{}") {
        match stream.read_buf(&mut seen).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    true
}

async fn reply(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.expect("the client reads");
}

const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone";

fn is_unknown(result: &Result<Answer, CallError>) -> bool {
    matches!(result, Err(CallError::Unknown(_)))
}

#[tokio::test]
async fn what_breaks_after_the_request_left_is_unknown() {
    let (closes, _) = server(async |stream| drop(stream)).await;
    let (reads_and_closes, _) = server(async |mut stream| {
        request(&mut stream).await;
    })
    .await;
    let (resets, _) = server(async |mut stream| {
        request(&mut stream).await;
        reset(stream);
    })
    .await;
    let (half_a_head, _) = server(async |mut stream| {
        request(&mut stream).await;
        reply(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-le").await;
    })
    .await;
    let (half_a_body, _) = server(async |mut stream| {
        request(&mut stream).await;
        reply(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
    })
    .await;
    let (garbage, _) = server(async |mut stream| {
        request(&mut stream).await;
        reply(&mut stream, b"\x16\x03\x01 what is this?\r\n\r\n").await;
    })
    .await;
    let servers = [closes, reads_and_closes, resets, half_a_head, half_a_body, garbage];
    for (number, server) in servers.into_iter().enumerate() {
        let result = ask(&client(vec![server, nobody().await]), 10 * SECOND).await;
        assert!(is_unknown(&result), "server {number}: {result:?}");
    }
}

/// A close with unread or unsent bytes dropped: the peer sees a reset.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().expect("the socket is open");
}

#[tokio::test]
async fn silence_ends_with_the_callers_time() {
    let (silent, _) = server(async |mut stream| {
        request(&mut stream).await;
        std::future::pending().await
    })
    .await;
    let (dawdles, _) = server(async |mut stream| {
        request(&mut stream).await;
        reply(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
        std::future::pending().await
    })
    .await;
    for server in [silent, dawdles] {
        let start = Instant::now();
        let result = ask(&client(vec![server]), SECOND).await;
        let took = start.elapsed();
        assert!(is_unknown(&result) && took >= SECOND && took < 3 * SECOND, "{result:?} {took:?}");
    }
}

/// Nobody answered it, nobody asks again in the caller's place.
#[tokio::test]
async fn a_kept_connection_that_breaks_is_unknown_and_asked_once() {
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = requests.clone();
    let (server, accepted) = server(move |mut stream| {
        let seen = seen.clone();
        async move {
            while request(&mut stream).await {
                if seen.fetch_add(1, Ordering::Relaxed) == 1 {
                    return reset(stream);
                }
                reply(&mut stream, WHOLE).await;
            }
        }
    })
    .await;
    let client = client(vec![server]);
    let count = || (accepted.load(Ordering::Relaxed), requests.load(Ordering::Relaxed));
    let first = ask(&client, 5 * SECOND).await.expect("the first is answered");
    assert_eq!((&first.body[..], count()), (&b"done"[..], (1, 1)));
    let second = ask(&client, 5 * SECOND).await;
    assert!(is_unknown(&second) && count() == (1, 2), "{second:?} {:?}", count());
    let third = ask(&client, 5 * SECOND).await;
    assert!(third.is_ok() && count() == (2, 3), "{third:?} {:?}", count());
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let start = Instant::now();
    let result = ask(&client(vec![nobody().await, nobody().await]), 10 * SECOND).await;
    assert!(matches!(result, Err(CallError::Unavailable(_))), "{result:?}");
    assert!(start.elapsed() < 5 * SECOND);
}

/// The story is made of these words, and holds no address, no path and no id.
#[tokio::test]
async fn failures_are_told_without_the_address() {
    let (silent, _) = server(async |mut stream| {
        request(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let (breaks, _) = server(async |mut stream| {
        request(&mut stream).await;
    })
    .await;
    for (replica, words) in [
        (nobody().await, "unavailable: bank refuses"),
        (silent, "no answer: bank did not answer in time"),
        (breaks, "no answer: connection closed before message completed"),
    ] {
        let error = ask(&client(vec![replica]), SECOND).await.expect_err(words);
        assert_eq!(error.to_string(), words);
    }
}

/// A queue of connections that nobody accepts is full after a few; then attempts hang.
#[tokio::test]
async fn a_connection_attempt_that_hangs_gives_way_to_the_next_replica() {
    let socket = TcpSocket::new_v4().expect("a socket can be made");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("loopback has a free port");
    let listener = socket.listen(1).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    let mut fill = Vec::new();
    loop {
        let attempt = tokio::time::timeout(SECOND / 2, TcpStream::connect(address)).await;
        let Ok(connected) = attempt else { break };
        fill.push(connected.expect("loopback connects"));
        assert!(fill.len() < 64, "the queue has no end");
    }
    let hangs = format!("http://{address}");
    let start = Instant::now();
    let result = ask(&client(vec![hangs.clone()]), 10 * SECOND).await;
    let took = start.elapsed();
    assert!(matches!(result, Err(CallError::Unavailable(_))), "{result:?}");
    assert!(took < 5 * SECOND, "{took:?}");
    // Who has less time than that is not told how far it came.
    let result = ask(&client(vec![hangs.clone()]), SECOND).await;
    assert!(is_unknown(&result), "{result:?}");
    // A client that knows how much time its calls have keeps half of it for the answer.
    let peers = BTreeMap::from([("bank".to_owned(), vec![hangs.clone()])]);
    let short = HttpClient::for_calls(peers, SECOND).expect("the URL is good");
    let result = ask(&short, SECOND).await;
    assert!(matches!(result, Err(CallError::Unavailable(_))), "{result:?}");

    let (answers, _) = server(async |mut stream| {
        request(&mut stream).await;
        reply(&mut stream, WHOLE).await;
    })
    .await;
    let result = ask(&client(vec![hangs, answers]), 10 * SECOND).await;
    assert!(result.is_ok(), "{result:?}");
}

#[tokio::test]
async fn replicas_take_turns_and_stand_in_for_each_other() {
    let answers = async |mut stream: TcpStream| {
        while request(&mut stream).await {
            reply(&mut stream, WHOLE).await;
        }
    };
    let (left, left_accepted) = server(answers).await;
    let (right, right_accepted) = server(answers).await;
    let client = client(vec![left, nobody().await, right]);
    for number in 0..30 {
        let result = ask(&client, 5 * SECOND).await;
        assert!(result.is_ok(), "{number}: {result:?}");
    }
    // Ten went to each, and the ten of the one that is absent to the next; connections are kept.
    let accepted = (left_accepted.load(Ordering::Relaxed), right_accepted.load(Ordering::Relaxed));
    assert_eq!(accepted, (1, 1));
}

/// The test above, where the environment names a proxy that is not there.
#[test]
fn no_proxy_stands_between_two_services() {
    let test = "contract::http::replicas_take_turns_and_stand_in_for_each_other";
    let output = Command::new(std::env::current_exe().expect("this binary has a path"))
        .args(["--exact", test])
        .env("http_proxy", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .output()
        .expect("this binary runs");
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && words.contains("1 passed"), "{words}");
}

#[test]
fn what_is_no_base_url_is_refused() {
    let refusal = |replicas: &[&str]| {
        let replicas = replicas.iter().map(|&url| url.to_owned()).collect();
        HttpClient::new(BTreeMap::from([("bank".to_owned(), replicas)])).err()
    };
    assert!(refusal(&["http://127.0.0.1:1", "http://[::1]:2/"]).is_none());
    assert!(matches!(refusal(&[]), Some(HttpClientError::NoReplica(_))));
    for url in
        ["", "bank:80", "127.0.0.1:80", "https://bank", "http://", "http://bank/?a", "file:///"]
    {
        let refusal = refusal(&[url]);
        assert!(matches!(refusal, Some(HttpClientError::BadUrl { .. })), "{url}: {refusal:?}");
    }
}
