//! Verdicts without worlds: what is kept of them, and whether they are well.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use clap::Parser as _;

use super::ledger::{self, Ledger, MutantRow};
use super::orders::RunName;
use super::score::Score;
use super::verdict::Became;
use super::{is_asked, page, sample, told};
use crate::cli::Verdict;
use crate::cli::arguments::{Arguments, Command, Mutate, MutateTarget};
use crate::mutants::argued::{Argued, Pattern};
use crate::mutants::{Mutant, MutantKind};

fn mutant(id: &str) -> Mutant {
    Mutant {
        id: id.to_owned(),
        kind: MutantKind::Condition,
        databases: vec!["ledger-db".to_owned()],
        place: "shelf".to_owned(),
        is_migration: false,
        statement: "DELETE FROM shelf WHERE id = $1".to_owned(),
        what: "without WHERE id = $1".to_owned(),
        pairs: vec![("a".to_owned(), "b".to_owned())],
        switch: None,
    }
}

fn caught() -> Became {
    let run = RunName::Storm(7);
    Became::Caught { run, by: "private".to_owned(), what: "visit-1 is odd".to_owned() }
}

const MISSED: Became = Became::Missed { runs: 12, differed: 3 };

fn asked(line: &str) -> Mutate {
    let words = ["sim", "mutate", "sql"].into_iter().chain(line.split_whitespace());
    match Arguments::parse_from(words).command {
        Some(Command::Mutate(asked)) => asked,
        other => panic!("{other:?} is not mutate"),
    }
}

fn score(verdicts: &[(&str, Became)]) -> Score {
    let rows = verdicts.iter().map(|(id, became)| MutantRow::of(&mutant(id), 100, became.clone()));
    Score {
        target: MutateTarget::Sql,
        command: "cargo sim",
        seeds: 100,
        scenarios: 4,
        sources: 1,
        mutants: verdicts.len(),
        rows: rows.collect(),
        canary: caught(),
        unread: Vec::new(),
        argued: Argued::default(),
        recorded: BTreeMap::new(),
        wall_seconds: 0.1,
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("mutate-{name}-{}", std::process::id()));
    fs::remove_dir_all(&folder).ok();
    folder
}

#[test]
fn mutants_are_chosen_by_kind_text_and_chance() {
    let (a, b, c) = (mutant("a"), mutant("b"), mutant("c"));
    let is_asked = |line: &str| is_asked(&asked(line), &a);
    assert!(is_asked("") && is_asked("--kind order condition") && is_asked("--only shelf"));
    assert!(is_asked("--only DELETE") && is_asked("--only a"));
    assert!(!is_asked("--kind order") && !is_asked("--only part"));
    let drawn = |line: &str| {
        let drawn = sample(vec![&a, &b, &c], &asked(line));
        drawn.iter().map(|mutant| mutant.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(drawn(""), ["a", "b", "c"]);
    assert_eq!(drawn("--sample 5").len(), 3);
    let two = drawn("--sample 2 --sample-seed 3");
    assert_eq!((two.len(), &two), (2, &drawn("--sample 2 --sample-seed 3")));
    let all: std::collections::BTreeSet<_> =
        (1..20).map(|seed| drawn(&format!("--sample 1 --sample-seed {seed}"))).collect();
    assert_eq!(all.len(), 3, "each has its turn");
}

#[test]
fn what_was_judged_is_not_judged_again() {
    let folder = folder("ledger");
    let (a, b, c) = (mutant("a"), mutant("b"), mutant("c"));
    let path = folder.join(MutateTarget::Sql.record());
    let mut ledger = Ledger::open(path.clone(), false).expect("a new folder");
    ledger.note(MutantRow::of(&a, 100, caught())).expect("written");
    ledger.note(MutantRow::of(&b, 100, MISSED)).expect("written");
    drop(ledger);
    // What was cut off in the middle of a line is no line.
    let text = fs::read_to_string(&path).expect("there") + "{\"id\":\"c\",\"ki";
    fs::write(&path, text).expect("written");
    let ledger = Ledger::open(path.clone(), true).expect("there");
    let knows = |mutant, seeds| ledger.knows(mutant, seeds);
    assert!(knows(&a, 100) && knows(&b, 100) && !knows(&c, 100));
    // More seeds may find what fewer have not. It was found in storm 7.
    assert!(knows(&a, 1000) && !knows(&b, 1000) && knows(&b, 10) && !knows(&a, 6));
    assert_eq!(ledger.rows(&[&b, &c]), [MutantRow::of(&b, 100, MISSED)]);
    let ledger = Ledger::open(path, false).expect("there");
    assert!(!ledger.knows(&a, 100));
    fs::remove_dir_all(&folder).expect("there");
}

#[test]
fn a_record_keeps_what_was_not_run_and_forgets_what_is_no_more() {
    let row = |id, became: &Became| MutantRow::of(&mutant(id), 100, became.clone());
    let recorded = ["a", "b", "gone"].map(|id| (id.to_owned(), row(id, &MISSED)));
    let rows = ledger::merged(
        &recorded.into(),
        &[row("b", &caught())],
        &[&mutant("a"), &mutant("b"), &mutant("c")],
    );
    assert_eq!(rows, [row("a", &MISSED), row("b", &caught())]);
}

#[test]
fn what_was_noticed_is_told_apart_from_what_was_not() {
    let unseen = Became::Missed { runs: 12, differed: 0 };
    let refused = Became::Refused { why: "no such column".to_owned() };
    let verdicts =
        [("a", caught()), ("b", MISSED), ("c", unseen), ("d", refused), ("e", Became::NotReached)];
    let score = score(&verdicts);
    assert_eq!((score.verdict(), score.complaints()), (Verdict::Held, Vec::new()));
    let text = told::text(&score);
    assert!(text.contains("MISSED  b condition: without WHERE id = $1\n"), "{text}");
    assert!(text.contains("ledger-db shelf · 3 of 12 runs went another way"), "{text}");
    assert!(text.contains("1 of 3 noticed"), "{text}");
    assert!(text.contains("control: all runs hold · canary: private in storm 7"), "{text}");
    let page = page::page(&score, &score.rows);
    assert!(page.contains("| condition | 5 | 0 | 1 | 1 | 0 | 2 | 1 | 1 |"), "{page}");
}

#[test]
fn a_canary_that_nobody_sees_is_complained_of() {
    let score = Score { canary: MISSED, ..score(&[("a", caught())]) };
    assert_eq!(score.verdict(), Verdict::Broken);
    assert!(told::text(&score).contains("BROKEN  the canary was not found"));
}

#[test]
fn little_may_be_argued_and_nothing_that_is_noticed() {
    let pattern = |statement: &str| Pattern {
        kind: None,
        statement: statement.to_owned(),
        what: None,
        because: "nobody deletes".to_owned(),
    };
    let argued = || Argued { patterns: vec![pattern("DELETE")] };
    let many = Score { argued: argued(), ..score(&[("a", MISSED), ("b", MISSED)]) };
    assert!(many.complaints()[0].starts_with("2 of 2 mutants are argued away"));
    assert_eq!(many.counts(&many.rows).argued, 2);
    // A part of all says nothing of the share.
    assert_eq!(Score { mutants: 40, ..many }.complaints(), Vec::<String>::new());
    let noticed = Score { argued: argued(), ..score(&[("a", caught())]) };
    assert!(noticed.complaints()[0].contains("is argued to be no mistake"));
}

#[test]
fn what_was_noticed_once_must_be_noticed_again() {
    let recorded = BTreeMap::from([("a".to_owned(), MutantRow::of(&mutant("a"), 100, caught()))]);
    let again = Score { recorded, ..score(&[("a", MISSED)]) };
    assert_eq!(again.verdict(), Verdict::Broken);
    // With fewer seeds it may be missed.
    let row = MutantRow::of(&mutant("a"), 10, MISSED);
    assert_eq!(Score { rows: vec![row], ..again }.verdict(), Verdict::Held);
}
