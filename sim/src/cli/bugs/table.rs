//! The league as text for people, and what clean seeds are worth by it.

use stormproof_sim::bugs::geometric::Estimate;
use stormproof_sim::bugs::record::{Meaning, Record};

use super::league::{Entry, League};
use crate::cli::terminal::{count, grouped, table};

/// The league as a table, what is wrong, and the sums.
pub fn text(league: &League) -> String {
    let mut parts = vec![table("bugs", &rows(league))];
    let mut wrong = String::new();
    for (name, why) in &league.unplanted {
        wrong.push_str(&format!("UNPLANTED  {name}: {why}\n"));
    }
    for (name, what) in league.complaints() {
        wrong.push_str(&format!("BROKEN  {name}: {what}\n"));
    }
    for broken in &league.control.broken {
        let (seed, invariant, what) = (broken.seed, &broken.invariant, &broken.what);
        wrong.push_str(&format!("BROKEN  the clean control, seed {seed}: {invariant}: {what}\n"));
    }
    if !wrong.is_empty() {
        parts.push(wrong);
    }
    parts.push(sums(league));
    parts.join("\n")
}

/// One bug in a line, for those who watch.
pub fn line(entry: &Entry) -> String {
    let (seconds, _) = entry.seconds();
    let seeds = entry.count().seeds_for(0.5);
    format!(
        "    found in {} of {} ranges, half of the time within {} seeds, {seconds:.1} s; built in {:.0} \
         s; {}",
        entry.count().detections,
        entry.trails.len(),
        estimate(seeds),
        entry.build_seconds,
        entry.caught_by().unwrap_or("nothing broke"),
    )
}

fn rows(league: &League) -> Vec<[String; 7]> {
    let head = [
        "name",
        "seeds",
        "95 of 100 within",
        "seconds",
        "first broken",
        "as expected",
        "first seed",
    ];
    let row = |entry: &Entry| {
        let (seconds, seconds_max) = entry.seconds();
        let count = entry.count();
        let first = entry.found().map(|found| found.seed).next();
        [
            entry.name.clone(),
            estimate(count.seeds_for(0.5)),
            estimate(count.seeds_for(0.95)),
            format!("{seconds:.1}, at most {seconds_max:.1}"),
            entry.caught_by().unwrap_or("nothing").to_owned(),
            format!("{} of {}", entry.as_expected(), count.detections),
            first.map_or("-".to_owned(), |seed| seed.to_string()),
        ]
    };
    std::iter::once(head.map(str::to_owned)).chain(league.entries.iter().map(row)).collect()
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

fn sums(league: &League) -> String {
    let all = league.bugs().count();
    let found = league.bugs().filter(|entry| entry.count().detections > 0).count();
    let detections: u64 = league.bugs().map(|entry| entry.count().detections).sum();
    let expected: u64 = league.bugs().map(Entry::as_expected).sum();
    let slowest = league.bugs().map(|entry| entry.seconds().1).fold(0.0, f64::max);
    let built = league.entries.iter().map(|entry| entry.build_seconds).sum::<f64>();
    let control = &league.control;
    let mut broken: Vec<u64> = control.broken.iter().map(|broken| broken.seed).collect();
    broken.dedup();
    format!(
        "{found} of {} found · the expected invariant in {} of {detections} detections · at most \
         {slowest:.1} s of exploring, {built:.0} s of building\ncontrol: {} broken in {}\n",
        count(all as u64, "bug"),
        grouped(expected),
        grouped(broken.len() as u64),
        count(control.seeds, "clean seed"),
    )
}

/// What so many clean seeds are worth, class by class.
pub fn meaning(record: &Record, seeds: u64) -> String {
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
    let rows = record.meaning(seeds).into_iter().map(row);
    let heading = format!("what {} mean, by the planted bugs", count(seeds, "clean seed"));
    table(&heading, &std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// The chance in one line: that of all planted bugs, and that of the one hardest to find.
pub fn worth(record: &Record, seeds: u64) -> Option<String> {
    let meaning = record.meaning(seeds);
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
