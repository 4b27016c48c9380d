//! Runs of a wayward service, each in processes of this test's binary.

mod wayward;

use serde_json::Value;

use super::*;
use crate::Document as _;
use wayward::{Booking, Cause, Wayward};

/// What the processes run: this test's binary, as another program would run itself.
#[test]
#[ignore = "not a test: examines what another process asks for"]
fn examine_as_told() {
    examine(&Wayward).expect("its standard input is read");
}

fn start(number: usize) -> Command {
    let test = concat!(module_path!(), "::examine_as_told");
    let (_, test) = test.split_once("::").expect("a crate and a module");
    let mut command = Command::new(std::env::current_exe().expect("a running test knows its file"));
    command.env("RUST_BACKTRACE", "0");
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    elsewhere(&mut command, number);
    command
}

fn examined(cause: Cause) -> Examinations {
    let document = Booking { seed: 7, cause };
    let job = Job::of(&document, Options { trace: true, ..Options::default() });
    let diagnosis = comparison::examine(&start, &job).expect("this program can be started");
    let seeds = vec![Diagnosis { seed: document.seed(), ..diagnosis }];
    Examinations { scenario: "booking".to_owned(), seeds, wall_seconds: 0.1 }
}

/// The file and the line that bears this remark.
fn line(remark: &str) -> String {
    let text = include_str!("wayward.rs");
    let remark = format!("// here: {remark}");
    let place = text.lines().position(|line| line.ends_with(&remark)).expect("it is there");
    format!("sim/explore/src/cli/doctor/tests/wayward.rs:{}", place + 1)
}

/// The text, which must contain all of `words`.
fn tells(examinations: &Examinations, words: &[&str]) -> String {
    let text = account::text("booking", examinations);
    for words in words {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    text
}

#[test]
fn the_doctor_lets_go_what_depends_on_the_seed_alone() {
    let examinations = examined(Cause::TheSeed);
    let text = tells(
        &examinations,
        &["booking · seed 7 · the same, byte for byte · 3 runs in 2 processes · "],
    );
    if examinations.seeds[0].blind.is_none() {
        assert!(
            text.contains("\nthe same in two processes · no escape seen · 1 seed · "),
            "{text}"
        );
    }
    assert_eq!(examinations.verdict(), Verdict::Held, "{text}");
    assert!(examinations.seeds[0].events > 10, "{text}");
}

#[test]
fn the_doctor_names_the_line_whose_words_differ_between_processes() {
    let examinations = examined(Cause::HashMap);
    assert_eq!(examinations.verdict(), Verdict::Broken);
    let words = line("the words");
    let by = format!("        by           {words}\n");
    let text =
        tells(&examinations, &["DIFFERS booking · seed 7 · event ", &by, "made before the world"]);
    let is_version = |line: &&str| line.contains("  ledger  story [");
    let versions: Vec<&str> = text.lines().filter(is_version).collect();
    assert!(versions.len() == 2 && versions[0][20..] != versions[1][20..], "{text}");
    let parting = examinations.seeds[0].difference.as_ref().expect("they differ");
    assert_eq!((parting.between_processes, parting.repeats), (true, Some(true)));
    let event: Value = serde_json::from_str(&parting.versions[0]).expect("a line of the trace");
    assert_eq!((&event["node"], &event["kind"]), (&"ledger".into(), &"story".into()));
}

#[test]
fn the_doctor_finds_what_a_run_leaves_behind() {
    let examinations = examined(Cause::Static);
    assert_eq!(examinations.verdict(), Verdict::Broken);
    let words = line("the words");
    tells(
        &examinations,
        &[
            "  first run    ",
            "story 0\n",
            "  second run   ",
            "story 3\n",
            &words,
            "such as a static",
        ],
    );
}

#[test]
fn the_doctor_names_the_line_that_asks_the_machine() {
    for (cause, remark, way) in [
        (Cause::ProcessNumber, "the number", "ESCAPES the process's number · 3 times · first at "),
        (
            Cause::Urandom,
            "the file",
            "ESCAPES a file of the machine: /dev/urandom · 3 times · first at ",
        ),
    ] {
        let examinations = examined(cause);
        assert_eq!(examinations.verdict(), Verdict::Broken);
        let text = tells(&examinations, &["DIFFERS ", &line("the words")]);
        let blind = examinations.seeds[0].blind.is_some();
        let escape = text.contains(way) && text.contains(&line(remark));
        assert!(escape || blind && text.contains("escapes not looked for"), "{text}");
    }
}

#[test]
fn the_doctor_names_the_line_that_a_world_refuses() {
    let examinations = examined(Cause::Spawned);
    assert_eq!(examinations.verdict(), Verdict::Broken);
    tells(
        &examinations,
        &[
            "DIED    booking · seed 7 · 2 of 2 runs\n",
            "a world has one thread",
            &line("the thread"),
        ],
    );
}

#[test]
fn the_doctor_hears_of_a_process_that_dies() {
    let start = |_| Command::new("false");
    let document = Booking { seed: 7, cause: Cause::TheSeed };
    let job = Job::of(&document, Options::default());
    let diagnosis = comparison::examine(&start, &job).expect("it starts");
    let death = diagnosis.death.expect("it died");
    assert!(death.how.contains("exit status: 1"), "{death:?}");
    assert_eq!((diagnosis.died, diagnosis.runs), (2, 2));
}

#[test]
fn the_doctor_draws_storms() {
    let loaded =
        Loaded::find(&Wayward, "storm", crate::Profile::default()).expect("storms are drawn");
    let examinations =
        Examinations::of(&loaded, &[1, 2], &start).expect("this program can be started");
    assert_eq!(examinations.verdict(), Verdict::Held);
    let json = serde_json::to_value(&examinations).expect("plain data");
    let seeds: Vec<&Value> = json["seeds"].as_array().expect("a list").iter().collect();
    assert_eq!(
        seeds.iter().map(|it| &it["seed"]).collect::<Vec<_>>(),
        [&Value::from(1), &2.into()]
    );
    assert!(seeds.iter().all(|it| it["difference"].is_null() && it["runs"] == 3), "{json}");
}
