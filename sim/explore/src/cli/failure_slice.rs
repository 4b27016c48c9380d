//! What led to a breach: of a run's story, the lines about the subject that it is told of and the
//! faults that struck, up to the breach.
//!
//! A storm's story has hundreds of lines. These are the ones to read first.

use stormproof_faults::outcome::{Story, StoryLine};

use super::tally::Group;

/// More lines than a page are nobody's first look.
const LINES_MAX: usize = 60;
/// Of those that are too many, so many are kept from the beginning.
const FIRST: usize = 12;
/// Where a breach is told of no subject, the lines just before it.
const BEFORE: usize = 25;
/// A breach is seen at the commit; a few milliseconds later its author has told what it did.
const DEED: f64 = 0.002;

/// A breach, as it is told.
#[derive(Clone, Copy, Debug)]
pub struct Breach<'a> {
    pub invariant: &'a str,
    pub what: &'a str,
    /// What it is told of, by its name in the story: `visit-3`.
    pub subject: Option<&'a str>,
    /// Virtual seconds, as the story counts them.
    pub at: f64,
}

impl<'a> Breach<'a> {
    /// What the first seed of a group saw first.
    pub fn of(group: &'a Group) -> Breach<'a> {
        let what = group.what.first().map_or("", String::as_str);
        let Group { invariant, subject, at, .. } = group;
        Breach { invariant, what, subject: subject.as_deref(), at: *at }
    }

    /// Of a story, what led to it; the last line is the breach itself.
    pub fn slice(&self, story: &Story) -> Vec<String> {
        let until = self.at + DEED;
        let lines = story.lines.iter().filter(|line| line.at_ms as f64 / 1000.0 <= until);
        let before: Vec<&StoryLine> = lines.collect();
        let chosen: Vec<&StoryLine> = match self.subject {
            Some(subject) => {
                let tells = |line: &&StoryLine| story.is_of(line, subject) || line.is_fault();
                before.into_iter().filter(tells).collect()
            }
            None => {
                let from = before.len().saturating_sub(BEFORE);
                let (long_ago, just_before) = before.split_at(from);
                let faults = long_ago.iter().filter(|line| line.is_fault());
                faults.chain(just_before).copied().collect()
            }
        };
        let mut lines: Vec<String> = chosen.into_iter().map(|line| story.tell(line)).collect();
        if lines.len() > LINES_MAX {
            let left_out = lines.len() - LINES_MAX;
            let told = format!("         … {left_out} more lines");
            lines.splice(FIRST..FIRST + left_out, [told]);
        }
        lines.push(format!("{:>8.3}  BROKEN      {}: {}", self.at, self.invariant, self.what));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at_ms: u64, who: &str, subject: &str, words: &str) -> StoryLine {
        StoryLine { at_ms, who: who.into(), subject: subject.into(), words: words.into() }
    }

    fn story() -> Story {
        let lines = vec![
            line(10, "guest-1", "", "books 2 seats"),
            line(20, "store-1", "visit-1", "takes the booking: 2 seats, 20.00"),
            line(30, "store-1", "visit-11", "takes the booking: 1 seat, 10.00"),
            line(40, "fault", "", "reply lost store -> bank: charge fires"),
            line(5041, "bank", "visit-1", "charges 20.00"),
            line(5050, "bank", "visit-11", "charges 10.00"),
            line(6001, "bank", "visit-1", "charges 20.00"),
            line(7000, "email", "visit-1", "mails the success of the booking: 20.00"),
        ];
        Story { lines, several: true, ending: Some("at rest at 7.1 · 2 DELIVERED".to_owned()) }
    }

    fn breach<'a>(what: &'a str, subject: Option<&'a str>) -> Breach<'a> {
        Breach { invariant: "one charge, one payback", what, subject, at: 6.0 }
    }

    #[test]
    fn a_subject_and_the_faults_are_told_up_to_the_breach() {
        let story = story();
        let lines = breach("visit-1 charged twice", Some("visit-1")).slice(&story);
        let expected = [1, 3, 4, 6].map(|place: usize| story.tell(&story.lines[place]));
        assert_eq!(lines[..4], expected);
        assert_eq!(
            lines[4],
            "   6.000  BROKEN      one charge, one payback: visit-1 charged twice"
        );
        assert_eq!(lines.len(), 5);
    }

    #[test]
    fn without_a_subject_what_happened_last_is_told() {
        assert_eq!(breach("the sum became 3", None).slice(&story()).len(), 8);
    }

    #[test]
    fn long_stories_are_told_by_their_ends() {
        let times = (0..5).flat_map(|_| 0..40);
        let lines = times.map(|time| line(time * 100, "fault", "", "cut bank <-> store fires"));
        let story = Story { lines: lines.collect(), ..Story::default() };
        let lines = breach("visit-1 is odd", Some("visit-1")).slice(&story);
        assert_eq!(lines.len(), LINES_MAX + 2);
        assert_eq!(lines[FIRST], "         … 140 more lines");
    }
}
