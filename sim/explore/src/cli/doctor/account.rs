//! What `doctor` found, in words.

use stormproof_world::history::Event;
use stormproof_world::witness::Way;

use super::Examinations;
use super::code::{CodeLine, Culprit};
use super::comparison::{Diagnosis, Parting};
use super::examination::{Death, Escaped};
use crate::ZERO;
use crate::cli::terminal::{count, grouped};

/// The whole text; `name` is the scenario's.
pub fn text(name: &str, examinations: &Examinations) -> String {
    let mut text = String::new();
    for diagnosis in &examinations.seeds {
        text.push_str(&of_seed(name, diagnosis));
    }
    for escaped in &examinations.escapes() {
        text.push_str(&escape(escaped));
    }
    let first = |list: fn(&Diagnosis) -> &[String]| {
        let lists = examinations.seeds.iter().map(list);
        lists.into_iter().find(|list| !list.is_empty()).unwrap_or_default().join(", ")
    };
    let threads = first(|diagnosis| &diagnosis.threads);
    if !threads.is_empty() {
        text.push_str(&format!(
            "ESCAPES threads that outlive the run: {threads}\n        who started them was not seen: \
             it was before the world began, or another thread\n"
        ));
    }
    let more = examinations.seeds.iter().map(|diagnosis| diagnosis.more_escapes).max();
    if let Some(more @ 1..) = more {
        text.push_str(&format!(
            "        and {} more, whose places were not kept\n",
            count(more, "escape")
        ));
    }
    let drivers = first(|diagnosis| &diagnosis.drivers);
    if !drivers.is_empty() {
        text.push_str(&format!(
            "sqlx has drivers of real databases in this program: {drivers}. A connection to one leaves \
             the world; its socket or file would stand above\n"
        ));
    }
    text.push_str(&verdict(examinations));
    text
}

fn verdict(examinations: &Examinations) -> String {
    let blind = examinations.seeds.iter().find_map(|diagnosis| diagnosis.blind.as_deref());
    let differ = examinations.seeds.iter().filter(|it| it.difference.is_some()).count() as u64;
    let died = examinations.seeds.iter().filter(|it| it.death.is_some()).count() as u64;
    let escapes = examinations.escapes().len() as u64;
    let mut words = Vec::new();
    if died > 0 {
        words.push(format!("{} died", count(died, "seed")));
    }
    match (differ, died) {
        (0, 0) => words.push("the same in two processes".to_owned()),
        (0, _) => {}
        _ => words.push(format!("not deterministic: {} of two versions", count(differ, "seed"))),
    }
    words.push(match (blind, escapes) {
        (Some(_), _) => "escapes not looked for".to_owned(),
        (None, 0) => "no escape seen".to_owned(),
        (None, _) => format!("{} with an escape", count(escapes, "place")),
    });
    let seeds = count(examinations.seeds.len() as u64, "seed");
    let mut text =
        format!("{} · {seeds} · {:.1} s\n\n", words.join(" · "), examinations.wall_seconds);
    match blind {
        Some(why) => text.push_str(&format!("Escapes: {why}.\n")),
        None => text.push_str(
            "An escape is a system call by a world's thread: for random numbers, the time, a sleep, a \
             file (but in /proc and\n/sys), a socket, this process's number, a thread or a process.\n",
        ),
    }
    text.push_str(
        "Not seen: what is asked of the machine without a system call (addresses in memory, statics, \
         the environment, a\nprocessor's counters), and all that happens before a world begins. It shows \
         where runs differ, or not at all.\nNo escapes: Instant::now, SystemTime::now and libc's \
         getrandom, and so a HashMap that is made in a world. A world\nanswers them by its seed.\n",
    );
    text
}

fn of_seed(name: &str, diagnosis: &Diagnosis) -> String {
    let Diagnosis { seed, events, runs, difference, death, died, .. } = diagnosis;
    let title = format!("{name} · seed {seed}");
    let mut text = String::new();
    if let Some(death) = death {
        text.push_str(&format!("DIED    {title} · {died} of {runs} runs\n{}", of_death(death)));
    }
    match difference {
        Some(parting) => text.push_str(&parts(&title, *events, parting)),
        None if death.is_none() => text.push_str(&format!(
            "{title} · the same, byte for byte · {} in 2 processes · {} events\n",
            count(*runs, "run"),
            grouped(*events)
        )),
        None => {}
    }
    text
}

fn of_death(death: &Death) -> String {
    let mut text = String::new();
    for line in death.how.lines() {
        text.push_str(&format!("        {line}\n"));
    }
    if let Some(refused) = &death.refused {
        text.push_str(&format!("        {refused}\n"));
    }
    text.push_str(&by(&death.by));
    text
}

fn parts(title: &str, events: u64, parting: &Parting) -> String {
    let [one, other] = &parting.versions;
    let place = match parting.event {
        Some(number) => format!("event {} of {}", grouped(number), grouped(events)),
        None => "the same events, and not the same outcome".to_owned(),
    };
    let who = match parting.between_processes {
        true => ["one process", "the other"],
        false => ["first run", "second run"],
    };
    let mut text = format!("DIFFERS {title} · {place}\n");
    let mut shown = [one, other].map(|line| event(line));
    if shown[0] == shown[1] {
        shown = [one.clone(), other.clone()];
    }
    let shown = cut(&shown);
    for (who, shown) in who.iter().zip(shown) {
        text.push_str(&format!("        {who:<12} {shown}\n"));
    }
    let [mine, theirs] = &parting.culprits;
    text.push_str(&by(mine));
    if mine.line() != theirs.line() {
        text.push_str(&format!("        in the other version\n{}", by(theirs)));
    }
    if let Some((number, culprit)) = &parting.before {
        text.push_str(&format!(
            "        no service was at work there; before it one was, at event {}\n{}",
            grouped(*number),
            by(culprit)
        ));
    }
    if parting.event.is_some() && mine.line().or(theirs.line()).is_none() {
        text.push_str("        whose code it was could not be seen: further runs part elsewhere\n");
    }
    for line in reason(parting) {
        text.push_str(&format!("        {line}\n"));
    }
    text
}

/// What such a difference can come from.
fn reason(parting: &Parting) -> &'static [&'static str] {
    match (parting.between_processes, parting.repeats) {
        (false, _) => &[
            "Two processes agree, but a second run in one of them does not: something is left of the \
             first, such as a static",
        ],
        (true, Some(true)) => &[
            "Each process repeats its own version, so it is something that a process has of its own: \
             addresses in memory, the",
            "order of a HashMap that was made before the world, the process's number, the environment",
        ],
        (true, Some(false)) => &[
            "Not even one process repeats its version: chance or time of the machine, or something that \
             is left of the run before",
        ],
        (true, None) => &[],
    }
}

/// Two versions, as far as they are needed to see that they differ.
fn cut(versions: &[String; 2]) -> [String; 2] {
    const BEFORE: usize = 40;
    const LONGEST: usize = 140;
    let [one, other] = versions;
    let common = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    versions.each_ref().map(|version| {
        let length = version.chars().count();
        if length <= LONGEST {
            return version.clone();
        }
        let from = if common < LONGEST / 2 { 0 } else { common - BEFORE };
        let part: String = version.chars().skip(from).take(LONGEST).collect();
        let [before, after] =
            [from > 0, from + LONGEST < length].map(|it| if it { "…" } else { "" });
        format!("{before}{part}{after}")
    })
}

/// An event of a trace for people; other lines stay as they are.
fn event(line: &str) -> String {
    let Ok(event) = serde_json::from_str::<Event>(line) else { return line.to_owned() };
    let kind = format!("{:?}", event.kind).to_lowercase();
    let words = [&[kind, event.id][..], &event.what].concat();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
    format!("{:.3}  {}  {}", event.at - ZERO.as_secs_f64(), event.node, words.join(" "))
}

fn escape(escaped: &Escaped) -> String {
    let Escaped { way, which, by: culprit, times, at } = escaped;
    let which = which.as_ref().map_or(String::new(), |which| format!(": {which}"));
    let at = at.map_or(String::new(), |at| format!(" · first at {at:.3}"));
    let (what, instead) = words(*way);
    format!(
        "ESCAPES {what}{which} · {}{at}\n{}        instead: {instead}\n",
        count(*times, "time"),
        by(culprit)
    )
}

/// What it is, and what a service does instead.
fn words(way: Way) -> (&'static str, &'static str) {
    match way {
        Way::Entropy => ("random numbers of the machine", "ports.rng.fill, id::fresh"),
        Way::Clock => ("the machine's time", "ports.clock.now"),
        Way::Sleep => ("a sleep in the machine's time", "ports.clock.sleep"),
        Way::File => ("a file of the machine", "a table, or what the service is made with"),
        Way::Socket => ("the machine's network", "ports.http, ports.queue, ports.mailer"),
        Way::ProcessId => ("the process's number", "ports.node, id::fresh"),
        Way::Thread => ("a thread or process of the machine", "ports.compute.run, or a worker"),
    }
}

/// Whose code it was, a line each.
fn by(culprit: &Culprit) -> String {
    let line = |(place, line): (usize, &CodeLine)| match place {
        0 => format!("        by           {line}\n"),
        _ => format!("                     {line}\n"),
    };
    let own: String = culprit.own.iter().enumerate().map(line).collect();
    match &culprit.nearest {
        Some(nearest) => format!("        by           {nearest} (no service's code)\n"),
        None => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_versions_the_part_that_differs_is_shown() {
        let version = |end| format!("{}{end}{}", "same ".repeat(40), " rest".repeat(40));
        let [one, other] = cut(&[version("this"), version("that")]);
        assert!(one.starts_with("…me same ") && one.ends_with(" re…"), "{one}");
        assert!(
            one.contains("same this rest") && other.contains("same that rest"),
            "{one} {other}"
        );
        let short = ["0.004  ledger  story one".to_owned(), "0.004  ledger  story two".to_owned()];
        assert_eq!(cut(&short), short);
    }

    #[test]
    fn an_event_is_told_in_the_storms_own_time() {
        let line = r#"{"at":1.013,"chain":"00","id":"book","kind":"answer","node":"user","what":["ledger","204"]}"#;
        assert_eq!(event(line), "0.013  user  answer book ledger 204");
        assert_eq!(event("(the end)"), "(the end)");
    }
}
