//! Draws a run as a Mermaid sequence diagram, from the events of its trace.
//!
//! Who talks to whom is in the events themselves; words of the story stand beside them as notes.

use std::collections::BTreeMap;

use crate::history::{Event, Kind};

/// More lines than this are no picture any more: what is in the middle is left out.
const LINES_MAX: usize = 160;

/// What ends the picture.
pub struct Ending<'a> {
    /// Virtual seconds since the world began: nothing later is drawn.
    pub at: f64,
    /// How all ended.
    pub words: &'a str,
}

/// The diagram of what happened from `zero` (seconds) until the ending.
pub fn draw(events: &[Event], zero: f64, ending: &Ending<'_>) -> String {
    let mut drawing = Drawing { zero, ..Drawing::default() };
    let publishes = events.iter().filter(|event| event.kind == Kind::Publish);
    let authors: BTreeMap<&str, &str> = publishes
        .filter_map(|event| Some((event.what.get(1)?.as_str(), event.node.as_str())))
        .collect();
    // Callees are named by their service; then their replicas are, too.
    let calls = events.iter().filter(|event| event.kind == Kind::Call);
    drawing.callees = calls.filter_map(|event| event.what.first().cloned()).collect();
    for event in events.iter().filter(|event| zero <= event.at && event.at <= ending.at) {
        drawing.event(event, &authors);
    }
    drawing.note_of_all(ending.words);
    drawing.finish()
}

#[derive(Default)]
struct Drawing {
    zero: f64,
    callees: Vec<String>,
    /// In the order of their first appearance.
    people: Vec<String>,
    lines: Vec<DiagramLine>,
}

enum DiagramLine {
    Text(String),
    /// Across everybody, who are known at the end only.
    OfAll(String),
}

impl Drawing {
    fn event(&mut self, event: &Event, authors: &BTreeMap<&str, &str>) {
        let word = |place: usize| event.what.get(place).map_or("", String::as_str);
        match event.kind {
            Kind::Call => {
                let (from, to) = (self.person(&event.node), self.person(word(0)));
                self.text(format!("{from}->>{to}: {}", plain(&event.id)));
            }
            Kind::Answer => {
                let (from, to) = (self.person(word(0)), self.person(&event.node));
                let arrow =
                    if matches!(word(1), "unknown" | "unavailable") { "--x" } else { "-->>" };
                self.text(format!("{from}{arrow}{to}: {}", plain(word(1))));
            }
            Kind::Deliver => {
                let author = authors.get(word(1)).copied().unwrap_or("broker");
                let (from, to) = (self.person(author), self.person(&event.node));
                self.text(
                    format!("{from}-){to}: {} {}", plain(word(0)), word(2)).trim().to_owned(),
                );
            }
            Kind::Mail => {
                let (from, to) = (self.person(&event.node), self.person("mail"));
                self.text(format!("{from}-){to}: {}", plain(word(0))));
            }
            Kind::Story => {
                let person = self.person(&event.node);
                let at = event.at - self.zero;
                self.text(format!("Note over {person}: {at:.3} {}", plain(word(0))));
            }
            Kind::Fault => {
                let at = event.at - self.zero;
                self.note_of_all(&format!("{at:.3} fault: {}", word(0)));
            }
            Kind::Commit | Kind::Publish | Kind::Confirm | Kind::Settle | Kind::Up | Kind::Down => {
            }
        }
    }

    fn text(&mut self, line: String) {
        self.lines.push(DiagramLine::Text(line));
    }

    fn note_of_all(&mut self, words: &str) {
        self.lines.push(DiagramLine::OfAll(plain(words)));
    }

    /// The short name of somebody in the picture; replicas stand together where their service does.
    fn person(&mut self, node: &str) -> String {
        let service = node.rsplit_once('-').map(|(service, _)| service);
        let known = |service: &&str| self.callees.iter().any(|callee| callee == service);
        let name = service.filter(known).unwrap_or(node);
        let place = match self.people.iter().position(|known| known == name) {
            Some(place) => place,
            None => {
                self.people.push(name.to_owned());
                self.people.len() - 1
            }
        };
        format!("p{place}")
    }

    fn finish(mut self) -> String {
        if self.lines.len() > LINES_MAX {
            let half = LINES_MAX / 2;
            let surplus = self.lines.len() - LINES_MAX;
            let left_out = DiagramLine::OfAll(format!("… {surplus} more …"));
            self.lines.splice(half..half + surplus, [left_out]);
        }
        if self.people.is_empty() {
            self.people.push("nobody".to_owned());
        }
        let mut text = "sequenceDiagram\n".to_owned();
        for (place, name) in self.people.iter().enumerate() {
            text.push_str(&format!("    participant p{place} as {name}\n"));
        }
        let everybody = match self.people.len() {
            1 => "p0".to_owned(),
            count => format!("p0,p{}", count - 1),
        };
        for line in &self.lines {
            match line {
                DiagramLine::Text(line) => text.push_str(&format!("    {line}\n")),
                DiagramLine::OfAll(words) => {
                    text.push_str(&format!("    Note over {everybody}: {words}\n"));
                }
            }
        }
        text
    }
}

/// Words without what Mermaid reads as its own.
fn plain(words: &str) -> String {
    words.replace(';', ",").replace('#', "").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: f64, node: &str, kind: Kind, id: &str, what: &[&str]) -> Event {
        Event {
            at,
            chain: String::new(),
            id: id.to_owned(),
            kind,
            node: node.to_owned(),
            what: what.iter().map(|part| (*part).to_owned()).collect(),
        }
    }

    #[test]
    fn everybody_is_drawn_once_and_only_the_storm() {
        let events = [
            event(0.5, "user-1", Kind::Call, "login", &["ledger"]),
            event(1.0, "user-1", Kind::Call, "ask", &["ledger"]),
            event(1.1, "ledger-2", Kind::Story, "o", &["takes; the call"]),
            event(1.2, "ledger-1", Kind::Call, "book", &["vault"]),
            event(1.3, "fault", Kind::Fault, "", &["cut vault -> ledger fires"]),
            event(6.2, "ledger-1", Kind::Answer, "book", &["vault", "unknown"]),
            event(6.3, "vault", Kind::Publish, "o", &["mailer.letters", "m1"]),
            event(6.4, "mailer", Kind::Deliver, "o", &["mailer.letters", "m1", "again"]),
            event(9.0, "ledger-1", Kind::Call, "book", &["vault"]),
        ];
        let ending = Ending { at: 8.0, words: "BROKEN one book" };
        assert_eq!(
            draw(&events, 1.0, &ending),
            "sequenceDiagram\n    participant p0 as user-1\n    participant p1 as ledger\n    \
             participant p2 as vault\n    participant p3 as mailer\n    p0->>p1: ask\n    \
             Note over p1: 0.100 takes, the call\n    p1->>p2: book\n    \
             Note over p0,p3: 0.300 fault: cut vault -> ledger fires\n    p2--xp1: unknown\n    \
             p2-)p3: mailer.letters again\n    Note over p0,p3: BROKEN one book\n"
        );
    }

    #[test]
    fn long_stories_lose_their_middle() {
        let call = |at: u32| event(f64::from(at), "ledger", Kind::Call, "book", &["vault"]);
        let events: Vec<Event> = (1..1000).map(call).collect();
        let text = draw(&events, 1.0, &Ending { at: 5000.0, words: "end" });
        assert!(text.lines().count() < LINES_MAX + 6, "{text}");
        assert!(text.contains("… 840 more …") && text.ends_with("end\n"), "{text}");
    }
}
