//! Every fault at every moment.

use crate::{GOOD, has_all_fields, object, sim, write};

#[test]
fn a_sweep_covers_every_place_of_a_scenario() {
    let words = ["sweep", "checkout", "--kind", "reply_lost", "confirm_lost", "--json"];
    let ended = sim(&[&words[..], &["--storms", "6"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.complaints);
    let json = object(&ended);
    has_all_fields(&json);
    // Four calls of services, two of the customer, six messages.
    assert_eq!(
        (&json["seeds"], &json["unfired"], &json["same"]),
        (&12.into(), &0.into(), &0.into())
    );
    let coverage = &json["coverage"];
    for (moment, fault) in [
        ("store: after call debit", "reply_lost store -> bank"),
        ("customer-1: after call order", "reply_lost customer-1 -> store"),
    ] {
        assert_eq!(coverage[moment][fault], "fired", "{coverage}");
    }
    assert_eq!(json["faults_fired"]["confirm lost"], 6);
    assert_eq!(json["orders_by_status"]["DELIVERED"], 12);
    assert_eq!(json["by_storms"]["storms"], 6);
    let lost = &json["by_storms"]["kinds"]["confirm_lost"];
    let moments = |which: &str| lost[which].as_array().expect("a list").len();
    assert_eq!(moments("struck") + moments("missed"), 3, "{lost}");
}

#[test]
fn a_sweep_that_breaks_names_its_faults_and_how_to_see_them_again() {
    let text = format!("{GOOD}[expect]\ndebits = 1\nmails = {{ ordersuccess = 1 }}\n");
    let path = write("swept", &text);
    // A power cut between the mail and its commit has it mailed again, which this file forbids.
    let ended = sim(&["sweep", &path, "--kind", "crash", "--storms", "0"]);
    assert_eq!(ended.code, 1, "{}", ended.complaints);
    let broken = ended.output.split("BROKEN  ").nth(1).expect("it breaks");
    assert!(broken.starts_with("expected\n"), "{broken}");
    assert!(broken.contains("with crash email after mail of ordersuccess"), "{broken}");
    let replay = broken.lines().find_map(|line| line.strip_prefix("replay  cargo sim "));
    let words: Vec<&str> = replay.expect("it is told").split(' ').collect();
    assert_eq!(sim(&words).code, 1);
}

#[test]
fn a_sweep_of_what_it_cannot_sweep_is_refused() {
    let ended = sim(&["sweep", "checkout", "--kind", "party"]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.complaints.contains("--kind party: expected one of crash"),
        "{}",
        ended.complaints
    );
    let path = write("breaks", &format!("{GOOD}[expect]\ndebits = 2\n"));
    let ended = sim(&["sweep", &path]);
    assert_eq!(ended.code, 2);
    assert!(ended.complaints.contains("by itself"), "{}", ended.complaints);
}
