//! A unified diff, and applying it: exact lines, wherever they have moved to, and nothing guessed.
//!
//! Written here because neither `git` nor `patch` is sure to be there, and because a patch that
//! applies "with fuzz" is no longer the mistake that was measured.

use std::ops::Range;

use stormproof_faults::mistake::{Mistake, Source};

/// What a patch changes, file by file.
#[derive(Clone, Debug, PartialEq)]
pub struct Diff {
    /// The patch's own file, for mistakes.
    file: String,
    changes: Vec<Change>,
}

/// What it changes in one file.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    /// From the workspace's folder on.
    path: String,
    /// The file is not there before.
    is_new: bool,
    hunks: Vec<Hunk>,
}

/// Lines that follow each other.
#[derive(Clone, Debug, PartialEq)]
struct Hunk {
    /// Where it stands in the patch, from 1.
    line: usize,
    /// Where it stood in the file, from 0.
    start: usize,
    before: Vec<String>,
    after: Vec<String>,
}

/// Where the diff begins in a patch; what is before is its header.
pub fn begins(text: &str) -> Option<usize> {
    const OLD: &str = "--- ";
    if text.starts_with(OLD) { Some(0) } else { Some(text.find(&format!("\n{OLD}"))? + 1) }
}

impl Diff {
    /// Reads the diff of a patch, from the byte `begin` on.
    ///
    /// # Errors
    /// If it is no unified diff.
    pub fn parse(file: &str, text: &str, begin: usize) -> Result<Diff, Mistake> {
        let mut reader = DiffReader { source: Source { file, text }, place: begin..begin };
        let mut changes = Vec::new();
        while let Some(line) = reader.next() {
            changes.push(reader.change(line)?);
        }
        Ok(Diff { file: file.to_owned(), changes })
    }

    /// The files that it changes, from the workspace's folder on.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.changes.iter().map(|change| change.path.as_str())
    }

    /// The changed files, each with its new text. `read` gives the text of a file as it is, or
    /// `None` if there is no such file.
    ///
    /// # Errors
    /// If the lines that are to be changed are not there.
    pub fn apply(
        &self,
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<(String, String)>, Mistake> {
        let apply = |change: &Change| {
            let wrong = |line, what: String| Mistake {
                file: self.file.clone(),
                place: Some((line, 1)),
                what,
            };
            let text = match (read(&change.path), change.is_new) {
                (Some(text), false) => text,
                (None, true) => String::new(),
                (there, _) => {
                    let is = if there.is_some() { "is there already" } else { "is not there" };
                    return Err(wrong(change.hunks[0].line, format!("{} {is}", change.path)));
                }
            };
            let mut lines: Vec<&str> = text.lines().collect();
            let mut drift = 0;
            for hunk in &change.hunks {
                let place = hunk.place(&lines, drift).ok_or_else(|| {
                    let first = hunk.before.first().map_or("", |line| line.trim());
                    let path = &change.path;
                    wrong(hunk.line, format!("does not apply: {path} has no such lines: {first}"))
                })?;
                let moved = place.abs_diff(hunk.start);
                let after = hunk.after.iter().map(String::as_str);
                lines.splice(place..place + hunk.before.len(), after);
                let growth = hunk.after.len() as isize - hunk.before.len() as isize;
                let sign = if place >= hunk.start { 1 } else { -1 };
                drift = sign * moved as isize + growth;
            }
            Ok((change.path.clone(), lines.join("\n") + "\n"))
        };
        self.changes.iter().map(apply).collect()
    }
}

impl Hunk {
    /// Where its lines are: of several places the one nearest to where they should be.
    fn place(&self, lines: &[&str], drift: isize) -> Option<usize> {
        let should = self.start.saturating_add_signed(drift);
        let fits = |place: &usize| {
            let there = lines[*place..].iter().take(self.before.len());
            there.eq(self.before.iter())
        };
        let last = lines.len().checked_sub(self.before.len())?;
        (0..=last).filter(fits).min_by_key(|place| place.abs_diff(should))
    }
}

/// Walks over the lines of a patch.
struct DiffReader<'a> {
    source: Source<'a>,
    /// The line that was read last.
    place: Range<usize>,
}

impl<'a> DiffReader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let rest = &self.source.text[self.place.end..];
        let line = rest.split_inclusive('\n').next()?;
        self.place = self.place.end..self.place.end + line.len();
        Some(line.strip_suffix('\n').unwrap_or(line))
    }

    fn peek(&self) -> Option<&'a str> {
        self.source.text[self.place.end..].lines().next()
    }

    fn wrong<T>(&self, what: impl Into<String>) -> Result<T, Mistake> {
        Err(self.source.mistake(&self.place, what))
    }

    /// One file's change, whose first line has been read.
    fn change(&mut self, old: &str) -> Result<Change, Mistake> {
        let Some(old) = old.strip_prefix("--- ") else {
            return self.wrong("expected `--- a/<file>` or `--- /dev/null`");
        };
        let is_new = old == "/dev/null";
        if !is_new && !old.starts_with("a/") {
            return self.wrong("expected `--- a/<file>` or `--- /dev/null`");
        }
        let new = self.next().and_then(|line| line.strip_prefix("+++ b/"));
        let Some(path) = new.filter(|path| is_new || old.strip_prefix("a/") == Some(path)) else {
            return self.wrong("expected `+++ b/<file>`, the same file: none is moved or deleted");
        };
        let mut hunks = Vec::new();
        while self.peek().is_some_and(|line| line.starts_with("@@")) {
            self.next();
            hunks.push(self.hunk()?);
        }
        if hunks.is_empty() {
            return self.wrong("expected `@@ -<line>,<count> +<line>,<count> @@`");
        }
        Ok(Change { path: path.to_owned(), is_new, hunks })
    }

    /// A hunk, whose first line has been read.
    fn hunk(&mut self) -> Result<Hunk, Mistake> {
        let head = &self.source.text[self.place.clone()];
        let Some((start, before_count, after_count)) = ranges(head) else {
            return self.wrong("expected `@@ -<line>,<count> +<line>,<count> @@`");
        };
        let (line, _) = self.source.line(&self.place);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        while before.len() < before_count || after.len() < after_count {
            let row = self.next();
            match row.and_then(|row| Some((row.get(..1)?, row.get(1..)?.to_owned()))) {
                Some((" ", kept)) => {
                    before.push(kept.clone());
                    after.push(kept);
                }
                Some(("-", taken)) => before.push(taken),
                Some(("+", put)) => after.push(put),
                _ => return self.wrong("expected a line that begins with ` `, `-` or `+`"),
            }
        }
        if (before.len(), after.len()) != (before_count, after_count) {
            return self
                .wrong(format!("expected {before_count} lines before, {after_count} after"));
        }
        Ok(Hunk { line, start, before, after })
    }
}

/// `@@ -12,3 +12,4 @@`: where it starts, from 0, and the numbers of lines before and after.
fn ranges(head: &str) -> Option<(usize, usize, usize)> {
    let mut words = head.split(' ');
    let (Some("@@"), Some(old), Some(new), Some(end)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    let range = |word: &str| {
        let (start, count) = word.split_once(',').unwrap_or((word, "1"));
        Some((start.parse::<usize>().ok()?, count.parse::<usize>().ok()?))
    };
    let ((start, before), (_, after)) =
        (range(old.strip_prefix('-')?)?, range(new.strip_prefix('+')?)?);
    (end.trim_end() == "@@").then_some((start.saturating_sub(1), before, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "about = \"x\"\n\n--- a/desk.rs\n+++ b/desk.rs\n@@ -2,3 +2,3 @@ fn desk() {\n \
        two\n-three\n+THREE\n four\n@@ -6,2 +6,3 @@\n six\n+six and a half\n seven\n";

    fn parse(text: &str) -> Result<Diff, Mistake> {
        Diff::parse("x.patch", text, begins(text).expect("it has a diff"))
    }

    fn applied(text: &'static str) -> Result<String, String> {
        let diff = parse(PATCH).expect("well formed");
        let files = diff.apply(|path| (path == "desk.rs").then(|| text.to_owned()));
        files.map(|mut files| files.remove(0).1).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn lines_are_changed_where_they_are() {
        let expected = "one\ntwo\nTHREE\nfour\nfive\nsix\nsix and a half\nseven\n";
        assert_eq!(applied("one\ntwo\nthree\nfour\nfive\nsix\nseven\n").as_deref(), Ok(expected));
        assert_eq!(
            applied("zero\nhalf\none\ntwo\nthree\nfour\nfive\nsix\nseven\n"),
            Ok(format!("zero\nhalf\n{expected}"))
        );
        assert_eq!(parse(PATCH).expect("well formed").paths().collect::<Vec<_>>(), ["desk.rs"]);
    }

    #[test]
    fn of_two_places_the_nearer_one_is_meant() {
        let text = "two\nthree\nfour\n-\n-\n-\n-\n-\ntwo\nthree\nfour\nsix\nseven\n";
        assert!(applied(text).expect("applies").starts_with("two\nTHREE\nfour\n-\n"));
    }

    #[test]
    fn what_is_not_there_is_not_changed() {
        let mistake = applied("one\ntwo\n3\nfour\nsix\nseven\n").expect_err("refused");
        assert_eq!(mistake, "x.patch:5:1: does not apply: desk.rs has no such lines: two");
        let diff = parse(PATCH).expect("well formed");
        let mistake = diff.apply(|_| None).expect_err("refused").to_string();
        assert_eq!(mistake, "x.patch:5:1: desk.rs is not there");
    }

    #[test]
    fn new_files_are_made() {
        let diff = parse("--- /dev/null\n+++ b/new.rs\n@@ -0,0 +1,2 @@\n+one\n+two\n");
        let diff = diff.expect("well formed");
        let expected = vec![("new.rs".to_owned(), "one\ntwo\n".to_owned())];
        assert_eq!(diff.apply(|_| None), Ok(expected));
        assert!(diff.apply(|_| Some(String::new())).is_err());
    }

    #[test]
    fn mistakes_say_where() {
        for (old, new, expected) in [
            ("+++ b/desk.rs", "+++ b/other.rs", "x.patch:4:1: expected `+++ b/<file>`"),
            ("@@ -2,3 +2,3 @@", "@@ -2,3 2,3 @@", "x.patch:5:1: expected `@@ -<line>"),
            ("@@ -2,3 +2,3 @@", "@@ -2,4 +2,4 @@", "x.patch:10:1: expected a line that begins"),
            ("-three\n", "three\n", "x.patch:7:1: expected a line that begins"),
            ("--- a/", "--- ", "x.patch:3:1: expected `--- a/<file>`"),
        ] {
            let mistake = parse(&PATCH.replace(old, new)).expect_err("refused").to_string();
            assert!(mistake.starts_with(expected), "{mistake}");
        }
    }
}
