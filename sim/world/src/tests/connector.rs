//! An ordinary hyper-util client in the world.

use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;

use super::*;

type Hyper = Client<crate::Connector, Full<Bytes>>;

const USER: &str = "user";

/// What a call brought, and when it ended, in seconds.
type Told = (Result<String, String>, f64);

fn hyper(world: &World) -> Hyper {
    Client::builder(world.executor(USER)).build(world.connector(USER))
}

async fn add(world: &World, client: &Hyper, to: &str) -> Told {
    let request = Request::post(format!("http://{to}/add/a")).body(Full::default());
    let result = async {
        let response = client.request(request.expect("a request")).await;
        let response = response.map_err(|error| cause(&error))?;
        let body = response.into_body().collect().await.map_err(|error| cause(&error))?;
        Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
    };
    (result.await, seconds(world))
}

fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}

/// Two calls by one client, the second at 2 s; what they told, and the counter in the end.
fn two_calls(faults: Vec<Fault>) -> (Told, Told, i64, World) {
    run(spec(1, faults), |world| async move {
        let there = world.clone();
        let visit = world.spawn(USER, async move {
            let client = hyper(&there);
            let first = add(&there, &client, "counter").await;
            there.sleep((2 * SECOND).saturating_sub(there.elapsed())).await;
            (first, add(&there, &client, "counter").await)
        });
        let (first, second) = visit.await.expect("nobody kills the user");
        world.sleep(30 * SECOND).await;
        assert_eq!(world.unfired(), Vec::<usize>::new());
        (first, second, count(&world, "a"), world)
    })
}

fn answered(told: &Told, n: &str, from: f64, until: f64) {
    let (result, at) = told;
    assert!(result.as_deref() == Ok(n) && (from..until).contains(at), "{result:?} at {at}");
}

fn failed(told: &Told, why: &str, from: f64, until: f64) {
    let (result, at) = told;
    let is_why = result.as_ref().is_err_and(|words| words.contains(why));
    assert!(is_why && (from..until).contains(at), "{result:?} at {at}");
}

#[test]
fn a_hyper_client_calls_a_service() {
    let (first, second, n, world) = two_calls(Vec::new());
    answered(&first, "1", 0.0, 1.0);
    answered(&second, "2", 2.0, 2.2);
    assert_eq!(n, 2);
    // On one connection.
    let connects = "user: before call connect".parse().expect("well formed");
    assert_eq!(world.moments()[&connects], 1);
    assert_eq!(world.fingerprint(), two_calls(Vec::new()).3.fingerprint());
}

#[test]
fn a_cut_keeps_bytes_until_it_heals() {
    let (from, to) = (USER.to_owned(), "counter".to_owned());
    let link = |both| Target::Link { from: from.clone(), to: to.clone(), both };
    let cut = |both| Fault::new(FaultKind::Cut, link(both));
    let (_, second, n, _) = two_calls(vec![during(1.0, 9.0, cut(false))]);
    answered(&second, "2", 9.0, 9.2);
    assert_eq!(n, 2);
    // A new connection is not had in time.
    let (first, second, n, _) = two_calls(vec![during(0.0, 4.0, cut(true))]);
    failed(&first, "in time", 5.0, 5.2);
    answered(&second, "1", 5.0, 5.3);
    assert_eq!(n, 1);
}

#[test]
fn an_attempt_hangs_once() {
    let hangs = Fault::new(FaultKind::ConnectHangs, Target::link(USER, "counter"));
    let (first, second, n, _) = two_calls(vec![during(0.0, 9.0, hangs)]);
    failed(&first, "in time", 5.0, 5.2);
    answered(&second, "1", 5.0, 5.3);
    assert_eq!(n, 1);
}

#[test]
fn a_slow_link_is_slow_both_ways() {
    let by = Duration::from_millis(700);
    let slow = Fault::new(FaultKind::SlowLink, Target::link(USER, "counter")).by(by);
    let (_, second, n, _) = two_calls(vec![during(1.0, 9.0, slow)]);
    answered(&second, "2", 3.4, 3.8);
    assert_eq!(n, 2);
}

#[test]
fn a_peer_without_power_is_silent_and_then_knows_nothing() {
    let crash = Fault::new(FaultKind::Crash, Target::node("counter")).by(4 * SECOND);
    let (_, second, n, _) = two_calls(vec![at(1.0, crash)]);
    failed(&second, "reset", 5.0, 5.2);
    assert_eq!(n, 1);
    let stop = Fault::new(FaultKind::Stop, Target::node("counter")).by(4 * SECOND);
    let (_, second, n, _) = two_calls(vec![at(1.0, stop)]);
    failed(&second, "refuses", 2.0, 2.2);
    assert_eq!(n, 1);
}

#[test]
fn who_is_not_there_is_told_at_once() {
    run(spec(1, Vec::new()), |world| async move {
        let there = world.clone();
        let visit = world.spawn(USER, async move { add(&there, &hyper(&there), "nobody").await });
        failed(&visit.await.expect("nobody kills the user"), "no service", 0.0, 0.1);
        assert_eq!(World::current().map(|world| world.seed()), Some(world.seed()));
    });
    assert!(World::current().is_none());
}
