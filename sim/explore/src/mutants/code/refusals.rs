//! What the compiler will not have, and which mutants are to blame.

use std::ops::Range;

use serde::Deserialize;

use super::rewrite::Rewritten;

/// An error of the compiler, with the places that it points at, the one that it is about first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What it says, as people read it.
    pub message: String,
    /// Where it points.
    pub places: Vec<SourceRange>,
}

/// Where a complaint points: bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRange {
    /// From the workspace on.
    pub file: String,
    /// From where to where in it.
    pub bytes: Range<usize>,
}

/// A line of `cargo build --message-format=json`, as much of it as is asked for.
#[derive(Deserialize)]
struct CargoLine {
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    rendered: Option<String>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
}

/// The errors among what cargo says.
pub fn complaints(output: &str) -> Vec<Complaint> {
    let messages =
        output.lines().filter_map(|line| serde_json::from_str::<CargoLine>(line).ok()?.message);
    let errors = messages.filter(|message| message.level.starts_with("error"));
    let complaint = |mut message: Message| {
        message.spans.sort_by_key(|span| !span.is_primary);
        let place = |span: Span| SourceRange {
            file: span.file_name,
            bytes: span.byte_start..span.byte_end,
        };
        let places = message.spans.into_iter().map(place).collect();
        Complaint { message: message.rendered.unwrap_or_default(), places }
    };
    errors.map(complaint).collect()
}

/// The mutants in a file that a complaint is about: one into whose own text it points, or else all that stand
/// around the innermost place at which it points.
pub fn guilty(rewritten: &Rewritten, file: &str, complaint: &Complaint) -> Vec<u32> {
    let places = || complaint.places.iter().filter(|place| place.file == file);
    let holds = |outer: &Range<usize>, inner: &Range<usize>| {
        outer.start <= inner.start && inner.end <= outer.end
    };
    let own = places().find_map(|place| {
        rewritten
            .own
            .iter()
            .find(|(range, _)| holds(range, &place.bytes))
            .map(|(_, switch)| *switch)
    });
    if let Some(switch) = own {
        return vec![switch];
    }
    let innermost = places().find_map(|place| {
        rewritten.around.iter().rev().find(|(range, _)| holds(range, &place.bytes))
    });
    innermost.map(|(_, switches)| switches.clone()).unwrap_or_default()
}

/// A mutant near the place that a complaint is about, where nothing stands around it.
pub fn nearest(rewritten: &Rewritten, file: &str, complaint: &Complaint) -> Option<u32> {
    let place = complaint.places.iter().find(|place| place.file == file)?;
    let after = rewritten.around.iter().find(|(range, _)| range.start >= place.bytes.start);
    after.or(rewritten.around.last())?.1.first().copied()
}
