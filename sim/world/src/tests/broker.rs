//! Messages under faults: never lost, sometimes late, sometimes twice.

use super::*;
use stormproof_ports::PublishError;

fn queue() -> String {
    QUEUE.into()
}

/// Publishes `m1` to `m3` from 1 s on, waits, and returns how the publishes went and how often
/// each message counted.
fn counts(faults: Vec<Fault>) -> (Vec<bool>, Vec<i64>) {
    run(spec(2, faults), |world| async move {
        world.sleep(SECOND).await;
        let mut results = Vec::new();
        for id in ["m1", "m2", "m3"] {
            results.push(publish(&world, id).await.is_ok());
        }
        world.sleep(60 * SECOND).await;
        assert_eq!(world.unfired(), Vec::<usize>::new());
        assert_eq!(world.broker(|broker| broker.depth(QUEUE)), Ok(0));
        assert_eq!(world.messages_in_flight(), 0);
        (results, ["m1", "m2", "m3"].map(|id| count(&world, id)).to_vec())
    })
}

async fn publish(world: &World, id: &str) -> Result<(), PublishError> {
    let (ports, message) = (world.ports("user"), message(id));
    let publish = world.spawn("user", async move { ports.queue.publish(message).await });
    publish.await.expect("nobody kills the user")
}

#[test]
fn messages_arrive_once_if_nothing_goes_wrong() {
    assert_eq!(counts(vec![]), (vec![true; 3], vec![1; 3]));
}

#[test]
fn a_message_without_a_queue_is_returned() {
    run(spec(2, vec![]), |world| async move {
        let ports = world.ports("user");
        let message = Message { routing_key: "nowhere".into(), ..message("m") };
        let publish = world.spawn("user", async move { ports.queue.publish(message).await });
        let result = publish.await.expect("nobody kills the user");
        assert!(matches!(result, Err(PublishError::Returned(key)) if key == "nowhere"));
    });
}

#[test]
fn a_confirm_is_lost_after_the_broker_has_the_message() {
    let lost = Fault::new(FaultKind::ConfirmLost, Target::Queue(queue()));
    assert_eq!(counts(vec![during(0.0, 9.0, lost.clone())]), (vec![false, true, true], vec![1; 3]));
    let moment = when("after publish of count", lost);
    assert_eq!(counts(vec![moment]), (vec![false, true, true], vec![1; 3]));
}

#[test]
fn a_message_is_returned_as_if_its_binding_were_gone() {
    let returned = Fault::new(FaultKind::MessageReturned, Target::Queue(queue()));
    assert_eq!(counts(vec![during(0.0, 9.0, returned)]), (vec![false, true, true], vec![0, 1, 1]));
}

#[test]
fn messages_come_twice_or_late() {
    let twice = Fault::new(FaultKind::MessageTwice, Target::Queue(queue()));
    assert_eq!(counts(vec![during(0.0, 9.0, twice)]), (vec![true; 3], vec![2, 1, 1]));
    let late = Fault::new(FaultKind::MessageLate, Target::Queue(queue())).by(9 * SECOND);
    run(spec(2, vec![during(0.0, 9.0, late)]), |world| async move {
        world.sleep(SECOND).await;
        publish(&world, "m1").await.expect("it is confirmed");
        world.sleep(5 * SECOND).await;
        // It survives a broker that dies meanwhile.
        world.strike(&Fault::new(FaultKind::Crash, Target::node("broker")).by(SECOND));
        assert_eq!((count(&world, "m1"), world.messages_in_flight()), (0, 1));
        world.sleep(30 * SECOND).await;
        assert_eq!((count(&world, "m1"), world.messages_in_flight()), (1, 0));
    });
}

#[test]
fn messages_are_reordered() {
    let fault = during(0.0, 60.0, Fault::new(FaultKind::MessagesReordered, Target::Queue(queue())));
    run(spec(2, vec![fault]), |world| async move {
        world.strike(&Fault::new(FaultKind::Stop, Target::node("counter")).by(9 * SECOND));
        for number in 0..8 {
            publish(&world, &format!("m{number}")).await.expect("it is confirmed");
        }
        world.sleep(30 * SECOND).await;
        // Aliases number the messages as they were counted; their ids tell how they were sent.
        let counted: Vec<_> =
            (0..8).map(|number| world.history().alias(&format!("m{number}"))).collect();
        let sent: Vec<_> = (1..=8).map(|number| format!("count-{number}")).collect();
        assert_ne!(counted, sent);
        assert_eq!(world.unfired(), Vec::<usize>::new());
        assert!((0..8).all(|number| count(&world, &format!("m{number}")) == 1));
    });
}

#[test]
fn a_broker_that_dies_keeps_what_it_confirmed() {
    for (fault, word) in [
        (Fault::new(FaultKind::Crash, Target::node("broker")).by(3 * SECOND), "crash"),
        (Fault::new(FaultKind::Stop, Target::node("broker")).by(3 * SECOND), "stop"),
    ] {
        run(spec(2, vec![]), |world| async move {
            // Nobody consumes yet.
            world.strike(&Fault::new(FaultKind::Stop, Target::node("counter")).by(30 * SECOND));
            world.sleep(SECOND).await;
            publish(&world, "m1").await.expect("it is confirmed");
            world.strike(&fault);
            let start = seconds(&world);
            let result = publish(&world, "m2").await;
            let took = seconds(&world) - start;
            assert!(result.is_err() && (took >= 5.0) == (word == "crash"), "{word} {took}");
            world.sleep(60 * SECOND).await;
            assert_eq!((count(&world, "m1"), count(&world, "m2")), (1, 0), "{word}");
        });
    }
}

#[test]
fn consumers_outlive_a_dead_broker_and_a_cut() {
    let crash = at(1.0, Fault::new(FaultKind::Crash, Target::node("broker")).by(3 * SECOND));
    let cut = Fault::new(
        FaultKind::Cut,
        Target::Link { from: "counter".into(), to: "broker".into(), both: true },
    );
    for fault in [crash, during(1.0, 4.0, cut.clone()), during(1.0, 40.0, cut)] {
        run(spec(2, vec![fault]), |world| async move {
            world.sleep(5 * SECOND).await;
            publish(&world, "m1").await.expect("the broker is back");
            world.sleep(60 * SECOND).await;
            assert!(count(&world, "m1") >= 1);
            assert_eq!(world.broker(|broker| broker.depth(QUEUE)), Ok(0));
        });
    }
}

#[test]
fn a_consumer_that_dies_before_the_ack_gets_it_again() {
    for (fault, least) in [
        (Fault::new(FaultKind::Crash, Target::node("counter")).by(SECOND), 10.0),
        (Fault::new(FaultKind::Stop, Target::node("counter")).by(SECOND), 1.0),
    ] {
        run(spec(2, vec![when("before ack of count", fault)]), |world| async move {
            world.sleep(SECOND).await;
            publish(&world, "m1").await.expect("it is confirmed");
            let start = seconds(&world);
            let again = world.until(60 * SECOND, || count(&world, "m1") == 2).await;
            // After a power cut the broker waits for a heartbeat before it gives up the consumer.
            assert!(again.expect("it comes again").as_secs_f64() - start >= least);
        });
    }
}
