//! Determinism: the same scenario and seed give the same run, line by line, wherever and whenever
//! it is run; and what does not happen moves nothing.

use std::process::Command;

use stormproof_faults::outcome::{Outcome, Story};
use stormproof_shop::scenario::tables::Document;
use stormproof_shop::scenario::{PeopleKind, Scenario};
use stormproof_sim::swarm::{self, Profile};
use stormproof_sim::{Options, simulate};

const TRACED: Options =
    Options { story: true, trace: true, passages: false, reseed: None, serial: false };
/// Storms that are drawn and compared.
const SEEDS: [u64; 3] = [11, 48213, 12];

const CANCELLED: &str = r#"
about = "An order is delivered, another is cancelled before the pick-up."
[world]
replicas = { store = 2 }
stock = [ { sku = "teapot", warehouse = "sydney", units = 3 } ]
storm = "2m"
[[customer]]
script = [ { order = { teapot = 2 } } ]
[[customer]]
script = [ { order = { teapot = 1 } }, { wait_until = "RECEIVED", cancel = "last" } ]
"#;

/// Faults that never come: at moments that are passed less often, at calls that nobody makes, and
/// after the world's end.
const NEVER: [&str; 8] = [
    "crash = \"store\"\nwhen = \"after commit of order PAID\"\nnth = 90\nrestart = \"3s\"",
    "pause = \"bank\"\nwhen = \"before commit of debit VOIDED\"\nfor = \"45s\"",
    "stop = \"email\"\nat = \"100s\"\nrestart = \"1s\"",
    "cut = \"bank <-> store\"\nfrom = \"100s\"\nuntil = \"110s\"",
    "slow_link = \"store -> bank\"\nby = \"1s\"\nfrom = \"100s\"\nuntil = \"110s\"",
    "reply_lost = \"store -> bank\"\nof = \"void\"",
    "message_late = \"email.lost.queue\"\nby = \"5s\"",
    "serialization_failure = \"bank-db\"\nfrom = \"100s\"",
];

#[test]
fn the_same_pair_is_the_same_run() {
    let first = SEEDS.map(storm);
    // Each one again after others, and twice in a row.
    for (seed, first) in SEEDS.iter().zip(&first).rev() {
        same(first, &storm(*seed));
        same(first, &storm(*seed));
    }
}

/// Another process, with another environment.
#[test]
fn another_process_gives_the_same_run() {
    let this = std::env::current_exe().expect("a running test knows its file");
    let output = Command::new(this)
        .args(["--exact", "determinism::tell", "--ignored", "--nocapture", "--test-threads=1"])
        .current_dir(std::env::temp_dir())
        .env_clear()
        .envs([("TZ", "Pacific/Auckland"), ("LANG", "de_DE.UTF-8"), ("HOME", "/nowhere")])
        .output()
        .expect("this file can be started");
    let text = String::from_utf8(output.stdout).expect("traces are UTF-8");
    let told: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(TOLD)).collect();
    let expected = lines(&storm(SEEDS[1]));
    let parted = told.iter().zip(&expected).find(|(told, expected)| *told != expected);
    assert_eq!(parted, None);
    assert_eq!(told.len(), expected.len(), "{text}");
}

const TOLD: &str = "told: ";

/// What [`another_process_gives_the_same_run`] starts.
#[test]
#[ignore = "not a test: writes a run for another process to read"]
#[expect(clippy::print_stdout, reason = "the other process reads what is printed")]
fn tell() {
    // The test's name stands on a line that is not ended yet.
    println!();
    for line in lines(&storm(SEEDS[1])) {
        println!("{TOLD}{line}");
    }
}

#[test]
fn other_seeds_are_other_runs() {
    let scenario = read(CANCELLED);
    let runs = (1..=8).map(|seed| simulate(&scenario, seed, Options::default()).fingerprint);
    let mut runs: Vec<_> = runs.collect();
    runs.sort();
    runs.dedup();
    assert_eq!(runs.len(), 8);
}

#[test]
fn who_watches_changes_nothing() {
    let traced = simulate(&read(CANCELLED), 7, TRACED);
    let untraced = simulate(&read(CANCELLED), 7, Options::default());
    assert_eq!(untraced, Outcome { story: Story::default(), trace: Vec::new(), ..traced });
}

#[test]
fn faults_that_never_come_move_nothing() {
    let without = simulate(&read(CANCELLED), 7, TRACED);
    assert_eq!(without.broken, []);
    for fault in NEVER {
        let scenario = read(&format!("{CANCELLED}\n[[fault]]\n{fault}"));
        let with = simulate(&scenario, 7, TRACED);
        assert_eq!(with.unfired.len(), 1, "it came: {fault}");
        let all_fired = Outcome { unfired: Vec::new(), unfired_places: Vec::new(), ..with };
        same(&without, &all_fired);
    }
}

/// A storm without one of its faults is the same storm until that fault's time. Shrinking lives on
/// this: what a fault has nothing to do with does not change when it goes.
#[test]
fn a_fault_taken_away_moves_nothing_before_its_time() {
    let mut compared = 0;
    for seed in SEEDS {
        let whole = swarm::document(seed, Profile::Uniform);
        let trace = run(&whole).trace;
        for place in 0..whole.faults.len() {
            let fault = &whole.faults[place].value;
            // What people do is their own task, which is there from the beginning.
            if fault.kinds.iter().any(|(row, _)| PeopleKind::of_key(row.key).is_some()) {
                continue;
            }
            let Some(at) = fault.at.as_ref().or(fault.from.as_ref()) else { continue };
            let mut document = whole.clone();
            document.faults.remove(place);
            let part = run(&document).trace;
            let common = trace.iter().zip(&part).take_while(|(one, other)| one == other).count();
            for parted in [trace.get(common), part.get(common)].into_iter().flatten() {
                let early = seconds(parted) < at.value.0.as_secs_f64();
                assert!(!early, "seed {seed}, fault {place} of {}: {parted}", whole.to_toml());
            }
            compared += 1;
        }
    }
    assert!(compared >= 12, "only {compared} faults");
}

/// How faults are drawn moves neither the world nor the customers.
#[test]
fn streams_do_not_disturb_each_other() {
    for seed in 1..=50 {
        let [swarm, uniform] =
            [Profile::Swarm, Profile::Uniform].map(|profile| swarm::document(seed, profile));
        assert_eq!((&swarm.world, &swarm.customers), (&uniform.world, &uniform.customers));
    }
}

fn read(toml: &str) -> Scenario {
    Scenario::parse("determinism.toml", toml).unwrap_or_else(|mistake| panic!("{mistake}\n{toml}"))
}

fn storm(seed: u64) -> Outcome {
    simulate(&swarm::draw(seed, Profile::Swarm), seed, TRACED)
}

fn run(document: &Document) -> Outcome {
    simulate(&read(&document.to_toml()), document.seed, TRACED)
}

/// The first line that differs is easier to read than two traces.
fn same(one: &Outcome, other: &Outcome) {
    let (one, other) = (lines(one), lines(other));
    let parted = one.iter().zip(&other).position(|(one, other)| one != other);
    let parted = parted.map(|line| (line + 1, &one[line], &other[line]));
    assert_eq!(parted, None);
    assert_eq!(one.len(), other.len());
}

/// Every event, then the story, then everything else.
fn lines(outcome: &Outcome) -> Vec<String> {
    let Outcome { trace, story, .. } = outcome;
    let rest = Outcome { trace: Vec::new(), story: Story::default(), ..outcome.clone() };
    let rest = format!("{rest:?}");
    trace.iter().cloned().chain(story.told()).chain([rest]).collect()
}

/// The storm's time at which a line of a trace was written.
fn seconds(line: &str) -> f64 {
    let (_, rest) = line.split_once("\"at\":").expect("every event has its time");
    let end = rest.find([',', '}']).expect("and more than that");
    rest[..end].parse::<f64>().expect("in seconds") - 1.0
}
