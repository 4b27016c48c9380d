//! The shop at the doctor's.

use crate::{object, sim};

#[test]
fn the_shop_is_deterministic_and_leaves_its_world_nowhere() {
    for words in [&["doctor", "payment_reply_lost"][..], &["doctor", "storm", "--seed", "7"]] {
        let ended = sim(words);
        assert_eq!((ended.code, ended.complaints.as_str()), (0, ""), "{}", ended.output);
        let first = ended.output.lines().next().expect("a line");
        let same = " · seed 7 · the same, byte for byte · 3 runs in 2 processes · ";
        assert!(first.starts_with(&format!("{}{same}", words[1])), "{}", ended.output);
        assert!(!ended.output.contains("ESCAPES"), "{}", ended.output);
    }
}

#[test]
fn what_the_doctor_found_is_one_object() {
    let ended = sim(&["doctor", "order_delivered", "--json"]);
    let json = object(&ended);
    assert_eq!((ended.code, ended.complaints.as_str()), (0, ""));
    assert_eq!(json["scenario"], "order_delivered");
    let seed = &json["seeds"][0];
    assert!(seed["events"].as_u64() >= Some(20) && seed["difference"].is_null(), "{json}");
    assert_eq!(seed["escapes"], serde_json::json!([]));
}
