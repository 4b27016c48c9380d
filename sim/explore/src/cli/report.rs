//! The report: what was run, the verdict, and everything that was counted, on one page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::registries::{Entry, counted};
use stormproof_faults::outcome::Story;

use super::failure_slice::Breach;
use super::page::{Cell, Page};
use super::summary::Summary;
use super::tally::{COMPLETED, Group, Passes};
use super::terminal::{count, grouped, rate};

/// A seed that was run once more for its story; the error says why there is none.
pub type SeedStory = (u64, Result<Story, String>);

/// Writes the report, and the folders that it lies in.
///
/// # Errors
/// If the file cannot be written.
#[expect(clippy::disallowed_methods, reason = "a report is dated by the wall clock")]
pub fn write(path: &Path, summary: &Summary<'_>, stories: &[SeedStory]) -> Result<(), String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| fs::write(path, html(summary, stories, &date(now))))
        .map_err(|error| format!("cannot write the report to {}: {error}", path.display()))
}

/// The page as text.
fn html(summary: &Summary<'_>, stories: &[SeedStory], date: &str) -> String {
    let mut page =
        Page::new(&format!("{} · {}", summary.subject.system().command, summary.subject.name()));
    verdict(&mut page, summary);
    what_was_run(&mut page, summary, date);
    failures(&mut page, summary, stories);
    invariants(&mut page, summary);
    coverage(&mut page, summary);
    page.finish()
}

fn verdict(page: &mut Page, summary: &Summary<'_>) {
    let tally = summary.tally;
    let groups = tally.groups().len() as u64;
    if groups > 0 {
        let seeds = broken_seeds(summary);
        let text = format!(
            "Broken: {} in {} of {}.",
            count(groups, "invariant"),
            grouped(seeds),
            count(tally.seeds, "seed")
        );
        page.marked("verdict broken", &text);
    } else {
        let text = format!("Held: every invariant, in {}.", count(tally.seeds, "seed"));
        page.marked("verdict held", &text);
    }
    if !summary.gaps.is_empty() {
        let names: Vec<&str> = summary.gaps.iter().map(|gap| gap.name.as_str()).collect();
        let gaps = count(names.len() as u64, "gap");
        page.marked("gap", &format!("{gaps} of coverage: {}.", names.join(", ")));
    }
}

fn broken_seeds(summary: &Summary<'_>) -> u64 {
    let mut seeds: Vec<u64> = summary.tally.broken.iter().map(|broken| broken.seed).collect();
    seeds.dedup();
    seeds.len() as u64
}

fn what_was_run(page: &mut Page, summary: &Summary<'_>, date: &str) {
    let (tally, wall) = (summary.tally, summary.wall_seconds);
    let profile = match summary.subject.is_storm() {
        true => summary.subject.profile().word(),
        false => "as written",
    };
    let units = summary.subject.system().units();
    let done = tally.figures.number(&units);
    let speed = |amount: f64, what: &str| format!("{} {what} per second", rate(amount, wall));
    let rows = [
        ("Scenario", format!("{} ({})", summary.subject.name(), summary.subject.about())),
        ("Profile", profile.to_owned()),
        ("Seeds", format!("{} from {}", grouped(tally.seeds), summary.from)),
        ("Commit", summary.commit.unwrap_or("unknown").to_owned()),
        ("Date", date.to_owned()),
        ("Wall time", format!("{wall:.1} s, {}", speed(tally.seeds as f64, "seeds"))),
        (
            "Virtual time",
            format!("{:.0} s, {}", tally.virtual_seconds, speed(tally.virtual_seconds, "seconds")),
        ),
        (&*capitalized(&units), format!("{}, {}", grouped(done), speed(done as f64, &units))),
        ("Events", grouped(tally.events)),
        ("Fingerprint", tally.fingerprint()),
    ];
    page.heading("What was run");
    let rows = rows.map(|(name, value)| [Cell::Text(name.to_owned()), Cell::Text(value)]);
    page.table(["", ""], rows.into());
}

fn failures(page: &mut Page, summary: &Summary<'_>, stories: &[SeedStory]) {
    let groups = summary.tally.groups();
    if !groups.is_empty() {
        page.heading("What broke");
        page.paragraph(
            "Each rule that broke, with what led to it under the first seed that broke it. Times are \
             virtual seconds from the storm's beginning, then who acts, then what it does; \"fault\" \
             is the simulator striking.",
        );
    }
    let mut told = BTreeSet::new();
    for group in &groups {
        failure(page, summary, group, stories, &mut told);
    }
    for (seed, story) in stories {
        let title = format!("The whole story of {}", summary.place(*seed));
        match story {
            Ok(story) => page.folded(&title, &story.to_string()),
            Err(how) => page.folded(&title, &format!("There is none: {how}")),
        }
    }
}

/// One invariant: what it says, what was seen, what led to it, and how to look closer. What is already
/// `told` of a seed and a subject is not told again.
fn failure<'a>(
    page: &mut Page,
    summary: &Summary<'_>,
    group: &'a Group,
    stories: &[SeedStory],
    told: &mut BTreeSet<(u64, Option<&'a str>)>,
) {
    let (subject, first) = (summary.subject, group.first);
    page.subheading(&group.invariant);
    let mut known = summary.registries.invariants.iter();
    if let Some(entry) = known.find(|entry| entry.name == group.invariant) {
        page.paragraph(&format!("The rule: {}.", entry.says));
    }
    if summary.tally.seeds > 1 {
        let (seeds, all) = (grouped(group.seeds), count(summary.tally.seeds, "seed"));
        page.paragraph(&format!("Broken by {seeds} of {all}, by seed {first} first:"));
    }
    page.marked("broken", &group.what.join("; "));
    let breach = Breach::of(group);
    if !told.insert((first, breach.subject)) {
        page.paragraph("What led to it is told above.");
        return;
    }
    let story = stories.iter().find(|(seed, _)| *seed == first);
    if let Some((_, Ok(story))) = story {
        match breach.subject {
            Some(subject) => page.paragraph(&format!("{subject} and the faults, until then:")),
            None => page.paragraph("The faults, and what happened last:"),
        }
        page.verbatim(&breach.slice(story).join("\n"));
    }
    page.paragraph("To see it again, to make it small, and to ask what it takes:");
    let commands = [subject.replay(first), subject.shrink(first), subject.explain(first)];
    page.verbatim(&commands.join("\n"));
}

fn invariants(page: &mut Page, summary: &Summary<'_>) {
    let tally = summary.tally;
    // A run that died has not been judged.
    let judged = tally.seeds - tally.died;
    let mut broken: BTreeMap<String, u64> =
        tally.groups().into_iter().map(|group| (group.invariant, group.seeds)).collect();
    let cell = |seeds: u64| if seeds > 0 { Cell::Broken(seeds) } else { Cell::Number(0) };
    let mut rows = Vec::new();
    for entry in summary.registries.invariants.iter().cloned() {
        let seeds = broken.remove(&entry.name).unwrap_or(0);
        let when = entry.when.unwrap_or_default();
        rows.push([
            Cell::Text(entry.name),
            Cell::Text(entry.says),
            Cell::Text(when),
            Cell::Number(judged),
            cell(seeds),
        ]);
    }
    // What scenarios expect, and that runs come to an end, stands in no registry.
    for (name, seeds) in broken {
        let judged = if name == COMPLETED { tally.seeds } else { judged };
        rows.push([
            Cell::Text(name),
            Cell::Text(String::new()),
            Cell::Text(String::new()),
            Cell::Number(judged),
            cell(seeds),
        ]);
    }
    page.heading("Invariants");
    page.table(["Invariant", "Says", "When", "Seeds judged", "Seeds broken"], rows);
}

fn coverage(page: &mut Page, summary: &Summary<'_>) {
    let tally = summary.tally;
    let is_gap = |name: &str| summary.gaps.iter().any(|gap| gap.name == name);
    let counted = |registry: &[Entry], counts| {
        let rows = counted(registry, counts).into_iter();
        rows.map(|(name, number)| match is_gap(&name) {
            true => [Cell::Text(name), Cell::Gap(number)],
            false => [Cell::Text(name), Cell::Number(number)],
        })
        .collect::<Vec<_>>()
    };
    page.heading("Faults fired");
    page.table(["Fault", "Times"], counted(&summary.registries.faults, &tally.faults_fired));
    if !tally.unfired.is_empty() && !summary.subject.is_storm() {
        page.heading("Faults that did not fire");
        let rows = tally.unfired.iter();
        let rows = rows.map(|(fault, seeds)| [Cell::Text(fault.clone()), Cell::Gap(*seeds)]);
        page.table(["Fault", "Seeds"], rows.collect());
    }
    page.heading("Sometimes");
    page.paragraph("What has to happen now and then, or the seeds do not try hard enough.");
    page.table(["What", "Times"], counted(&summary.registries.sometimes, &tally.sometimes));
    for (name, numbers) in tally.figures.tables() {
        let (what, by) = name.split_once("_by_").unwrap_or((name, "name"));
        page.heading(&capitalized(&name.replace('_', " ")));
        let rows = numbers.iter();
        let rows = rows.map(|(name, number)| [Cell::Text(name.clone()), Cell::Number(*number)]);
        page.table([&*capitalized(by), &*capitalized(what)], rows.collect());
    }
    page.heading("Moments");
    page.paragraph("The points of a step that a fault can aim at, and how often they were passed.");
    let known = &summary.registries.moments;
    let told = tally.moments.iter().map(|(moment, passes)| (moment.to_string(), *passes));
    let told: BTreeMap<String, Passes> = told.collect();
    let passed = known.iter().filter(|entry| told.contains_key(&entry.name)).count();
    page.paragraph(&format!("{passed} of the {} known ones were passed.", known.len()));
    let unpassed = known.iter().map(|entry| (entry.name.clone(), Passes::default()));
    let mut moments: BTreeMap<String, Passes> = unpassed.collect();
    moments.extend(told);
    let rows = moments.into_iter().map(|(name, passes)| {
        [Cell::Text(name), Cell::Number(passes.passes), Cell::Number(passes.seeds)]
    });
    page.table(["Moment", "Passes", "Seeds"], rows.collect());
}

/// With a capital letter.
fn capitalized(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// `2026-01-31 13:05 UTC`, of seconds since the Unix epoch.
fn date(seconds: u64) -> String {
    let (days, minutes) = (seconds / 86_400, seconds % 86_400 / 60);
    // Years are counted from March, so that the leap day is the last of its year; four hundred of
    // them have 146,097 days. Day 0 of this count is 0000-03-01.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;
    use crate::cli::gaps::Gap;
    use crate::cli::subject::{Finding, Subject};
    use crate::cli::tally::Tally;
    use crate::cli::testing::{ABOUT, broken, outcome, registries};

    #[test]
    fn dates_are_those_of_the_calendar() {
        let dates = [0, 951_827_696, 1_709_251_199, 1_735_689_600].map(date);
        assert_eq!(
            dates,
            [
                "1970-01-01 00:00 UTC",
                "2000-02-29 12:34 UTC",
                "2024-02-29 23:59 UTC",
                "2025-01-01 00:00 UTC"
            ]
        );
    }

    #[test]
    fn the_report_shows_what_broke_and_what_is_missing() {
        let subject = Subject::storm(ABOUT, Profile::Swarm);
        let mut tally = Tally::new(1);
        tally.add(1, Finding::Ended(Box::new(outcome(1))));
        tally.add(2, Finding::Ended(Box::new(broken(2, "one charge, one payback"))));
        tally.add(3, Finding::Died("signal: 9".to_owned()));
        let gaps = [Gap { gap: "never seen", name: "void lost".to_owned() }];
        let commit = Some("3fce3b5");
        let summary = Summary {
            subject: &subject,
            registries: &registries(),
            from: 1,
            tally: &tally,
            gaps: &gaps,
            commit,
            wall_seconds: 1.5,
        };
        let stories = [
            (2, Ok(Story { ending: Some("bank charges <42.00>".to_owned()), ..Story::default() })),
            (3, Err("signal: 9".to_owned())),
        ];
        let html = html(&summary, &stories, "2026-01-31 13:05 UTC");
        for expected in [
            "Broken: 2 invariants in 2 of 3 seeds.",
            "1 gap of coverage: void lost.",
            "visit-1 charged &lt;twice&gt; under 2",
            "charges &lt;42.00&gt;",
            "   8.015  BROKEN      one charge, one payback: visit-1 charged",
            "The rule: ",
            "cargo sim explain storm --seed 2",
            "There is none: signal: 9",
            "cargo sim run storm --seed 2",
            "3fce3b5",
            "2026-01-31 13:05 UTC",
            "<td>store: after commit of order PAID</td><td class=\"number\">4</td>\
             <td class=\"number\">2</td>",
            "<td class=\"number gap\">0 · gap</td>",
        ] {
            assert!(html.contains(expected), "{expected} is missing in {html}");
        }
    }
}
