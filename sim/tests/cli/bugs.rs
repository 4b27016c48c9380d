//! Planted bugs, as far as nothing is planted.

use crate::{object, sim};

/// What was recorded of the planted bugs says what clean seeds are worth; nothing is planted here.
#[test]
fn clean_seeds_are_worth_what_the_record_says() {
    let ended = sim(&["bugs", "--clean", "300"]);
    assert_eq!((ended.code, ended.complaints.as_str()), (0, ""));
    let heading = "what 300 clean seeds of swarm mean, by the planted bugs\n";
    assert!(ended.output.starts_with(heading), "{}", ended.output);
    let found = |seeds| {
        let json = object(&sim(&["bugs", "--clean", seeds, "--json"]));
        let classes = json["classes"].as_array().expect("a list").clone();
        classes.iter().map(|class| class["likely"].as_f64().expect("a share")).sum::<f64>()
    };
    assert!(found("1") < found("30") && found("30") < found("3000"));
}

#[test]
fn bugs_that_there_are_not_are_refused() {
    for command in
        ["bugs", "run storm --bug", "explore --bug", "shrink storm --bug", "explain storm --bug"]
    {
        let words: Vec<&str> = command.split(' ').chain(["no_such_bug"]).collect();
        let ended = sim(&words);
        assert_eq!((ended.code, ended.output.as_str()), (2, ""), "{command}");
        let expected = "error: no_such_bug: no such bug: expected acks_before_processing, ";
        assert!(ended.complaints.starts_with(expected), "{}", ended.complaints);
    }
}
