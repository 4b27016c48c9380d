//! What led to a breach: of a run's story, the lines about the order that it is told of and the
//! faults that struck, up to the breach.
//!
//! A storm's story has hundreds of lines. These are the ones to read first.

use super::tally::Group;

/// More lines than a page are nobody's first look.
const LINES_MAX: usize = 60;
/// Of those that are too many, so many are kept from the beginning.
const FIRST: usize = 12;
/// Where a breach is told of no order, the lines just before it.
const BEFORE: usize = 25;
/// A breach is seen at the commit; a few milliseconds later its author has told what it did.
const DEED: f64 = 0.002;

/// A breach, as it is told.
#[derive(Clone, Copy, Debug)]
pub struct Breach<'a> {
    pub invariant: &'a str,
    pub what: &'a str,
    /// Virtual seconds, as the story counts them.
    pub at: f64,
}

/// A line of a story, taken apart.
struct Line<'a> {
    at: f64,
    who: &'a str,
    words: &'a str,
}

impl<'a> Breach<'a> {
    /// What the first seed of a group saw first.
    pub fn of(group: &'a Group) -> Breach<'a> {
        let what = group.what.first().map_or("", String::as_str);
        Breach { invariant: &group.invariant, what, at: group.at }
    }

    /// The order that it is told of: `order-3`.
    pub fn order(&self) -> Option<&'a str> {
        let words = self.what.split(|it: char| !(it.is_alphanumeric() || it == '-'));
        words.into_iter().find(|word| is_order(word))
    }

    /// Of a story, what led to it; the last line is the breach itself.
    pub fn slice(&self, story: &[String]) -> Vec<String> {
        let before = story.iter().filter_map(|text| Some((text, Line::of(text)?)));
        let before: Vec<_> = before.filter(|(_, line)| line.at <= self.at + DEED).collect();
        let mut lines: Vec<String> = match self.order() {
            Some(order) => {
                let tells = |(_, line): &&(&String, Line<'_>)| line.is_of(order) || line.is_fault();
                before.iter().filter(tells).map(|(text, _)| (*text).clone()).collect()
            }
            None => {
                let from = before.len().saturating_sub(BEFORE);
                let (long_ago, just_before) = before.split_at(from);
                let faults = long_ago.iter().filter(|(_, line)| line.is_fault());
                faults.chain(just_before).map(|(text, _)| (*text).clone()).collect()
            }
        };
        if lines.len() > LINES_MAX {
            let left_out = lines.len() - LINES_MAX;
            let told = format!("         … {left_out} more lines");
            lines.splice(FIRST..FIRST + left_out, [told]);
        }
        lines.push(format!("{:>8.3}  BROKEN      {}: {}", self.at, self.invariant, self.what));
        lines
    }
}

impl<'a> Line<'a> {
    /// `None`: no line of a story, but its end or a heading.
    fn of(text: &'a str) -> Option<Line<'a>> {
        let (at, rest) = text.trim_start().split_once(' ')?;
        let (who, words) = rest.trim_start().split_once(' ')?;
        Some(Line { at: at.parse().ok()?, who, words: words.trim_start() })
    }

    fn is_of(&self, order: &str) -> bool {
        self.words.split(' ').any(|word| word.trim_matches([',', ':', '.']) == order)
    }

    fn is_fault(&self) -> bool {
        self.who == "fault"
    }
}

fn is_order(word: &str) -> bool {
    let number = word.strip_prefix("order-");
    number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = "\
storm · seed 7
   0.010  customer-1  orders 2 teapot
   0.020  store-1     order-1 takes the order: 2 teapot, 20.00
   0.030  store-1     order-11 takes the order: 1 mug, 10.00
   0.040  fault       reply lost store -> bank: debit fires
   5.041  bank        order-1 debits 20.00
   5.050  bank        order-11 debits 10.00
   6.001  bank        order-1 debits 20.00
   7.000  email       order-1 mails the success of the order: 20.00
at rest at 7.1 · 2 DELIVERED";

    fn breach(what: &str) -> Breach<'_> {
        Breach { invariant: "one debit, one refund", what, at: 6.0 }
    }

    fn failure_slice(story: &[String], what: &str) -> Vec<String> {
        breach(what).slice(story)
    }

    #[test]
    fn an_order_and_the_faults_are_told_up_to_the_breach() {
        let story: Vec<String> = STORY.lines().map(str::to_owned).collect();
        let lines = failure_slice(&story, "order-1 debited twice");
        let expected = [&story[2], &story[4], &story[5], &story[7]].map(String::as_str);
        assert_eq!(lines[..4], expected);
        assert_eq!(lines[4], "   6.000  BROKEN      one debit, one refund: order-1 debited twice");
        assert_eq!(lines.len(), 5);
    }

    #[test]
    fn without_an_order_what_happened_last_is_told() {
        let story: Vec<String> = STORY.lines().map(str::to_owned).collect();
        assert_eq!(breach("the sum became 3").order(), None);
        assert_eq!(failure_slice(&story, "the sum became 3").len(), 8);
    }

    #[test]
    fn long_stories_are_told_by_their_ends() {
        let line = |number| format!("{number:>8.3}  fault       cut bank <-> store fires");
        let story: Vec<String> =
            (0..5).flat_map(|_| (0..40).map(|it| line(f64::from(it) / 10.0))).collect();
        let lines = failure_slice(&story, "order-1 is odd");
        assert_eq!(lines.len(), LINES_MAX + 2);
        assert_eq!(lines[FIRST], "         … 140 more lines");
    }
}
