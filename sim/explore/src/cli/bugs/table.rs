//! The scoreboard as text for people, and what clean seeds are worth by it.

use crate::bugs::geometric::Estimate;
use crate::bugs::record::{Meaning, Record};

use super::scoreboard::{Entry, SMALL, Scoreboard};
use super::search::Search;
use crate::Profile;
use crate::cli::shrink::Reduced;
use crate::cli::subject::Subject;
use crate::cli::terminal::{count, grouped, table};

/// The scoreboard as a table, what is wrong, and the sums.
pub fn text(scoreboard: &Scoreboard) -> String {
    let mut parts =
        vec![table("bugs", &rows(scoreboard)), table("seeds, by profile", &profiles(scoreboard))];
    let mut wrong = String::new();
    for (name, why) in &scoreboard.unplanted {
        wrong.push_str(&format!("UNPLANTED  {name}: {why}\n"));
    }
    for (name, what) in scoreboard.complaints() {
        wrong.push_str(&format!("BROKEN  {name}: {what}\n"));
    }
    for (profile, tally) in &scoreboard.controls {
        for broken in &tally.broken {
            let (seed, invariant, what) = (broken.seed, &broken.invariant, &broken.what);
            wrong.push_str(&format!(
                "BROKEN  the clean control, {} seed {seed}: {invariant}: {what}\n",
                profile.word()
            ));
        }
    }
    if !wrong.is_empty() {
        parts.push(wrong);
    }
    parts.push(sums(scoreboard));
    parts.join("\n")
}

/// One bug in a line, for those who watch.
pub fn line(entry: &Entry) -> String {
    let judged = entry.judged();
    let (seconds, _) = judged.seconds();
    format!(
        "    found in {} of {} ranges, half of the time within {} seeds, {seconds:.1} s; built in {:.0} \
         s; {}; shrunk to {}",
        judged.count().detections,
        judged.trails.len(),
        estimate(judged.count().seeds_for(0.5)),
        entry.build_seconds,
        entry.judged().caught_by().unwrap_or("nothing broke"),
        shrunk(entry.shrunk.as_ref()),
    )
}

fn rows(scoreboard: &Scoreboard) -> Vec<[String; 8]> {
    let head = [
        "name",
        "seeds",
        "95 of 100 within",
        "seconds",
        "first broken",
        "as expected",
        "shrunk to",
        "first seed",
    ];
    let row = |entry: &Entry| {
        let judged = entry.judged();
        let (seconds, seconds_max) = judged.seconds();
        let count = judged.count();
        let first = judged.found().map(|found| found.seed).next();
        [
            entry.name.clone(),
            estimate(count.seeds_for(0.5)),
            estimate(count.seeds_for(0.95)),
            format!("{seconds:.1}, at most {seconds_max:.1}"),
            entry.judged().caught_by().unwrap_or("nothing").to_owned(),
            format!("{} of {}", entry.as_expected(), count.detections),
            shrunk(entry.shrunk.as_ref()),
            first.map_or("-".to_owned(), |seed| seed.to_string()),
        ]
    };
    std::iter::once(head.map(str::to_owned)).chain(scoreboard.entries.iter().map(row)).collect()
}

/// Seeds until half of the detections, profile beside profile.
fn profiles(scoreboard: &Scoreboard) -> Vec<Vec<String>> {
    let words = scoreboard.controls.iter().map(|(profile, _)| profile.word().to_owned());
    let head = std::iter::once("name".to_owned()).chain(words);
    let cell = |search: &Search| {
        let (found, all) = (search.count().detections, search.trails.len());
        format!("{} in {found} of {all}", estimate(search.count().seeds_for(0.5)))
    };
    let row = |entry: &Entry| {
        std::iter::once(entry.name.clone()).chain(entry.searches.iter().map(cell)).collect()
    };
    std::iter::once(head.collect()).chain(scoreboard.bugs().map(row)).collect()
}

/// `1 fault, 2 orders`.
fn shrunk(reduced: Option<&Reduced>) -> String {
    let Some(reduced) = reduced else { return "-".to_owned() };
    let Reduced { after, unit, .. } = reduced;
    let number = |noun: &str| count(after.of(noun) as u64, noun);
    let more = if reduced.complete { "" } else { ", perhaps less" };
    format!("{}, {}{more}", number("fault"), number(unit))
}

/// `12 (7–25)`.
fn estimate(estimate: Estimate<f64>) -> String {
    let whole = |seeds: f64| match seeds.is_finite() {
        true => grouped(seeds as u64),
        false => "∞".to_owned(),
    };
    let Estimate { likely, low, high } = estimate;
    format!("{} ({}–{})", whole(likely), whole(low), whole(high))
}

fn sums(scoreboard: &Scoreboard) -> String {
    let all = scoreboard.bugs().count();
    let found = scoreboard.bugs().filter(|entry| entry.judged().count().detections > 0).count();
    let detections: u64 = scoreboard.bugs().map(|entry| entry.judged().count().detections).sum();
    let expected: u64 = scoreboard.bugs().map(Entry::as_expected).sum();
    let slowest = scoreboard.bugs().map(|entry| entry.judged().seconds().1).fold(0.0, f64::max);
    let built = scoreboard.entries.iter().map(|entry| entry.build_seconds).sum::<f64>();
    let shrunk = scoreboard.bugs().filter(|entry| entry.shrunk.is_some()).count();
    let small = scoreboard.bugs().filter(|entry| entry.is_small()).count();
    let mut text = format!(
        "{found} of {} found · the expected invariant in {} of {detections} detections · at most \
         {slowest:.1} s of exploring, {built:.0} s of building\n",
        count(all as u64, "bug"),
        grouped(expected),
    );
    if let Some(Reduced { unit, .. }) = scoreboard.bugs().find_map(|it| it.shrunk.as_ref()) {
        text.push_str(&format!(
            "{small} of {shrunk} shrunk to at most {} faults and {} {unit}s, in target/sim/shrunk/\n",
            SMALL.0, SMALL.1
        ));
    }
    for (profile, control) in &scoreboard.controls {
        let mut broken: Vec<u64> = control.broken.iter().map(|broken| broken.seed).collect();
        broken.dedup();
        let (broken, seeds) = (grouped(broken.len() as u64), count(control.seeds, "clean seed"));
        text.push_str(&format!("control: {broken} broken in {seeds} of {}\n", profile.word()));
    }
    text
}

/// What so many clean seeds of a profile are worth, class by class.
pub fn meaning(record: &Record, profile: Profile, seeds: u64) -> String {
    let head =
        ["class", "bugs", "found", "hardest to find", "found", "at least"].map(str::to_owned);
    let row = |row: Meaning| {
        [
            row.class.to_owned(),
            row.bugs.to_string(),
            percent(row.likely),
            row.hardest,
            percent(row.hardest_likely),
            percent(row.hardest_low),
        ]
    };
    let rows = record.meaning(profile.word(), seeds).into_iter().map(row);
    let (seeds, profile) = (count(seeds, "clean seed"), profile.word());
    let heading = format!("what {seeds} of {profile} mean, by the planted bugs");
    table(&heading, &std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// The chance in one line: that of all planted bugs, and that of the one hardest to find.
pub fn worth(record: &Record, subject: &Subject, seeds: u64) -> Option<String> {
    let meaning = record.meaning(subject.profile().word(), seeds);
    let bugs: usize = meaning.iter().map(|row| row.bugs).sum();
    let hardest = meaning.iter().min_by(|a, b| a.hardest_likely.total_cmp(&b.hardest_likely))?;
    let likely = meaning.iter().map(|row| row.likely * row.bugs as f64).sum::<f64>() / bugs as f64;
    Some(format!(
        "so many seeds find {} of the {bugs} recorded bugs, the hardest ({}) in {} of 100 cases\n",
        percent(likely),
        hardest.hardest,
        percent(hardest.hardest_likely).trim_end_matches(" %"),
    ))
}

/// `97 %`, and never 100 % of what is not certain.
fn percent(share: f64) -> String {
    let percent = (share * 100.0).clamp(0.0, 100.0);
    match percent {
        99.95..100.0 => "99.9 %".to_owned(),
        99.0..99.95 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_read_at_a_glance() {
        let of = |likely, low, high| estimate(Estimate { likely, low, high });
        assert_eq!(of(12.0, 7.0, 1025.0), "12 (7–1,025)");
        assert_eq!(of(f64::INFINITY, 7.0, f64::INFINITY), "∞ (7–∞)");
    }

    #[test]
    fn nothing_uncertain_is_told_as_certain() {
        let texts = [0.0, 0.5, 0.987, 0.9951, 0.99999, 1.0].map(percent);
        assert_eq!(texts, ["0 %", "50 %", "99 %", "99.5 %", "99.9 %", "100 %"]);
    }
}
