//! A source with switches in it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use super::sites::{Site, SiteChange};

/// A source in which mutants wait behind switches, and where they are in it.
pub struct Rewritten {
    pub text: String,
    /// What is there for one mutant alone.
    pub own: Vec<(Range<usize>, u32)>,
    /// What mutants were put around, with all that belongs to them; inner ones come later.
    pub around: Vec<(Range<usize>, Vec<u32>)>,
}

/// Which bytes something stands around, and the rank among those that stand around the same.
type Around = (usize, Reverse<usize>, u8);

/// What stands around a piece of the text.
#[derive(Default)]
struct Wrap {
    /// Each with the switch that it belongs to, if to one.
    before: Vec<(Option<u32>, String)>,
    after: String,
    switches: Vec<u32>,
}

/// Puts switches, of the module that is named, before the places of `text`.
pub fn rewrite<'a>(
    text: &str,
    switches: &str,
    sites: impl Iterator<Item = (u32, &'a Site)>,
) -> Rewritten {
    // By begin, then the longest first: what stands around others is opened first.
    let mut groups: BTreeMap<Around, Vec<(u32, &Site)>> = BTreeMap::new();
    for (switch, site) in sites {
        let key = (site.range.start, Reverse(site.range.end), site.way.rank());
        groups.entry(key).or_default().push((switch, site));
    }
    let mut output = Rewritten { text: String::new(), own: Vec::new(), around: Vec::new() };
    // Ends in the source, what closes there, and where it is noted.
    let mut open: Vec<(usize, String, usize)> = Vec::new();
    let mut at = 0;
    for ((start, Reverse(end), _), group) in groups {
        output.close(text, &mut at, &mut open, start);
        output.copy(text, &mut at, start);
        let wrap = wrap(switches, &group);
        let begin = output.text.len();
        for (switch, piece) in wrap.before {
            let from = output.text.len();
            output.text.push_str(&piece);
            output.own.extend(switch.map(|switch| (from..output.text.len(), switch)));
        }
        output.around.push((begin..begin, wrap.switches));
        open.push((end, wrap.after, output.around.len() - 1));
    }
    output.close(text, &mut at, &mut open, text.len());
    output.copy(text, &mut at, text.len());
    output
}

impl Rewritten {
    fn copy(&mut self, text: &str, at: &mut usize, to: usize) {
        self.text.push_str(&text[*at..to]);
        *at = to;
    }

    /// Closes what ends at or before `to`. What has no length ends where it begins.
    fn close(
        &mut self,
        text: &str,
        at: &mut usize,
        open: &mut Vec<(usize, String, usize)>,
        to: usize,
    ) {
        while let Some((end, after, place)) = open.pop_if(|(end, ..)| *end <= to) {
            self.copy(text, at, end);
            self.text.push_str(&after);
            self.around[place].0.end = self.text.len();
        }
    }
}

/// What stands around the place of some sites that are of one way.
fn wrap(switches: &str, group: &[(u32, &Site)]) -> Wrap {
    let mut wrap =
        Wrap { switches: group.iter().map(|(switch, _)| *switch).collect(), ..Wrap::default() };
    let asks = |switch: &u32| format!("{switches}::on({switch})");
    let is_expression = matches!(group[0].1.way, SiteChange::Instead(_));
    if is_expression {
        wrap.before.push((None, "(".to_owned()));
        wrap.after.push(')');
    }
    for (switch, site) in group {
        let on = asks(switch);
        let (before, after) = match &site.way {
            SiteChange::Instead(other) | SiteChange::Reordered(other) => {
                (format!("if {on} {{ {other} }} else "), "")
            }
            SiteChange::Answers(value) => (format!(" if {on} {{ return {value}; }} "), ""),
            SiteChange::Skipped => (format!("if !{on} {{ "), " }"),
            SiteChange::Unmatched => (format!(" if !{on}"), ""),
            SiteChange::Unguarded => (format!("!{on} && ("), ")"),
        };
        wrap.before.push((Some(*switch), before));
        wrap.after.insert_str(0, after);
    }
    if matches!(group[0].1.way, SiteChange::Instead(_) | SiteChange::Reordered(_)) {
        wrap.before.push((None, "{ ".to_owned()));
        wrap.after.insert_str(0, " }");
    }
    wrap
}
