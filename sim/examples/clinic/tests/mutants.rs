//! The clinic's SQL with one thing changed in it: who notices?

use std::path::Path;
use std::process::Command;

/// A slot that is given without a look at who has it, and a key that is none: the calendar's are noticed.
#[test]
fn mutants_of_the_calendar_are_noticed() {
    let mutate = ["mutate", "sql", "--only", "appointments", "--seeds", "10", "--results"];
    let results = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants.jsonl");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ended = Command::new(env!("CARGO_BIN_EXE_explore"))
        .args(mutate)
        .arg(results)
        .current_dir(here)
        .output();
    let ended = ended.expect("it is built");
    let text = String::from_utf8_lossy(&ended.stdout);
    let complaints = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{text}{complaints}");
    assert!(text.contains("control: all runs hold · canary: "), "{text}");
    assert!(text.contains("0 statements not read"), "{text}");
    let line = |begin: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(begin));
        line.unwrap_or_else(|| panic!("no {begin}: {text}")).split_whitespace().collect::<Vec<_>>()
    };
    // Every one of them, in some storm or scenario: kind, mutants, by scenarios, by storms.
    for kind in ["comparison", "condition"] {
        let cells = line(kind);
        let number = |place: usize| cells[place].parse::<usize>().expect("a count");
        assert!(number(1) > 0 && number(1) == number(2) + number(3), "{text}");
    }
}
