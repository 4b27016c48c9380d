//! From a stack to the lines of code that somebody can do something about: those of the services.
//!
//! What lies below them is left out: std, crates that were fetched, and the packages of this explorer.
//! Where a line is, only debug information says; `debug = "line-tables-only"` is enough.

use std::backtrace::Backtrace;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A line of code on a stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CodeLine {
    /// From the workspace's folder on, if it lies there.
    pub file: String,
    pub line: u32,
    /// Empty for a closure and for an async function: line tables have no names for them.
    pub function: String,
}

/// Whose code was at work.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Culprit {
    /// The services' lines, the innermost first; empty, if none was on the stack.
    pub own: Vec<CodeLine>,
    /// Else the innermost line that is not std's.
    pub nearest: Option<CodeLine>,
}

/// More lines say no more of where to look.
const LINES_MAX: usize = 4;

/// Where the sources of std and of fetched crates lie, on whatever machine.
const FETCHED: [&str; 4] = ["/rustc/", "/rustlib/src/", "/registry/src/", "cargo/git/"];

/// The packages that services stand on, from this workspace's folder on.
const GROUND: [&str; 7] = [
    "sim/explore",
    "sim/faults",
    "sim/sqlite",
    "sim/world",
    "system/broker",
    "system/messaging",
    "system/ports",
];

/// Crates below services that may lie anywhere: a workspace can keep its own copies.
const CRATES: [&str; 16] = [
    "alloc",
    "async_task",
    "axum",
    "core",
    "futures_executor",
    "futures_util",
    "hyper",
    "hyper_util",
    "madsim",
    "scoped_futures",
    "sqlx",
    "sqlx_core",
    "std",
    "tokio",
    "tower",
    "tracing",
];

impl Culprit {
    /// The culprit on a stack. Paths are told from `workspace` on.
    pub fn on(stack: &Backtrace, workspace: &Path) -> Culprit {
        Culprit::read(&stack.to_string(), workspace)
    }

    /// The same, of a stack as std prints it.
    fn read(stack: &str, workspace: &Path) -> Culprit {
        let here = std::env::current_dir().unwrap_or_default();
        let lines: Vec<CodeLine> = lines(stack, &here).collect();
        let shown = |line: &CodeLine| {
            let file = Path::new(&line.file);
            let inside = file.strip_prefix(workspace).or(file.strip_prefix(&here));
            CodeLine { file: inside.unwrap_or(file).display().to_string(), ..line.clone() }
        };
        let mut own: Vec<CodeLine> = lines.iter().filter(|line| is_own(line)).map(shown).collect();
        own.dedup();
        own.truncate(LINES_MAX);
        let nearest = lines.iter().find(|line| !is_of_std(line) && !looks(line));
        let nearest = if own.is_empty() { nearest.map(shown) } else { None };
        Culprit { own, nearest }
    }

    /// The line to look at first.
    pub fn line(&self) -> Option<&CodeLine> {
        self.own.first().or(self.nearest.as_ref())
    }
}

impl fmt::Display for CodeLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)?;
        match self.function.as_str() {
            "" => Ok(()),
            function => write!(formatter, " in {function}"),
        }
    }
}

/// The lines of a stack as std prints it: a function, and below it `at file:line:column`.
fn lines<'a>(stack: &'a str, here: &'a Path) -> impl Iterator<Item = CodeLine> + 'a {
    let mut function = "";
    stack.lines().map(str::trim).filter_map(move |text| {
        let Some(place) = text.strip_prefix("at ") else {
            let numbered =
                text.split_once(": ").filter(|(number, _)| number.parse::<u32>().is_ok());
            function = numbered.map_or(text, |(_, function)| function);
            return None;
        };
        let (rest, last) = place.rsplit_once(':')?;
        let (file, line) = match rest.rsplit_once(':') {
            Some((file, line)) if line.parse::<u32>().is_ok() => (file, line),
            _ => (rest, last),
        };
        let file = match file.strip_prefix("./") {
            Some(inside) => here.join(inside).display().to_string(),
            None => file.to_owned(),
        };
        Some(CodeLine { file, line: line.parse().ok()?, function: named(function) })
    })
}

/// A function's name without what only the compiler adds.
fn named(function: &str) -> String {
    let mut name = String::new();
    for part in function.split("::") {
        let is_hash = part.len() == 17
            && part.starts_with('h')
            && part[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
        if part.starts_with('{') || is_hash {
            continue;
        }
        if !name.is_empty() {
            name.push_str("::");
        }
        name.push_str(part);
    }
    name
}

fn is_own(line: &CodeLine) -> bool {
    let is_fetched = FETCHED.iter().any(|part| line.file.contains(part));
    // Line tables may have a function's name without its path.
    let is_of = |function: &str| function.contains("::") && CRATES.contains(&crate_of(function));
    !is_fetched && !is_ground(&line.file) && !is_of(&line.function)
}

fn is_of_std(line: &CodeLine) -> bool {
    FETCHED[..2].iter().any(|part| line.file.contains(part))
}

/// Whether it is the one who looks, and not one who is seen.
fn looks(line: &CodeLine) -> bool {
    line.file.contains("/world/src/witness/") || line.file.ends_with("/world/src/history.rs")
}

/// Whether a file belongs to the ground that services stand on. The tests in there stand on it, too.
fn is_ground(file: &str) -> bool {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.ancestors().nth(2).unwrap_or(package);
    let file = Path::new(file);
    let file = file.strip_prefix(root).unwrap_or(file);
    let is_test = |part: &std::ffi::OsStr| part == "tests" || part == "tests.rs";
    GROUND.iter().any(|folder| file.starts_with(folder)) && !file.iter().any(is_test)
}

/// The crate that a function's path begins with; for a method of a trait, that of its type.
fn crate_of(function: &str) -> &str {
    let mut words = function.split(|it: char| !(it.is_alphanumeric() || it == '_'));
    let is_name = |word: &&str| !matches!(*word, "" | "dyn" | "impl" | "mut");
    words.find(is_name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stack as std prints it; `~` is where the workspace lies.
    const STACK: &str = "\
   0: std::backtrace::Backtrace::create
             at /rustc/59807616/library/std/src/backtrace.rs:331:13
   1: stormproof_world::witness::event
             at ~/sim/world/src/witness/mod.rs:120:30
   2: stormproof_world::history::History::record
             at ~/sim/world/src/history.rs:150:9
   3: <stormproof_world::ports::database::SimSession as Session>::commit::{{closure}}
             at ~/sim/world/src/ports/database.rs:294:9
   4: clinic::calendar::book::{{closure}}::h0123456789abcdef
             at ~/clinic/src/calendar.rs:41:22
      clinic::calendar::book::{{closure}}
             at ~/clinic/src/calendar.rs:41:22
   5: <F as axum::handler::Handler<(M,T1),S>>::call::{{closure}}
             at /home/a/.cargo/registry/src/index/axum-0.8.1/src/handler/mod.rs:239:50
   6: tower::util::oneshot
             at ~/vendor/tower/src/util.rs:9:1
   7: {async_fn#0}
             at ~/clinic/src/lib.rs:7
   8: __libc_start_main
";

    #[test]
    fn the_services_own_lines_are_found() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("a root");
        let stack = STACK.replace('~', &workspace.display().to_string());
        let culprit = Culprit::read(&stack, workspace);
        let told: Vec<String> = culprit.own.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["clinic/src/calendar.rs:41 in clinic::calendar::book", "clinic/src/lib.rs:7"]
        );
        let without: String = stack.lines().take(8).map(|line| format!("{line}\n")).collect();
        let world = Culprit::read(&without, workspace);
        assert_eq!(world.own, []);
        let nearest = world.nearest.expect("the world's");
        assert_eq!((&*nearest.file, nearest.line), ("sim/world/src/ports/database.rs", 294));
    }

    #[test]
    fn crates_are_read_out_of_functions() {
        assert_eq!(crate_of("tokio::task::spawn"), "tokio");
        assert_eq!(crate_of("<&mut hyper::Body as http_body::Body>::poll_frame"), "hyper");
        assert_eq!(crate_of("<alloc::boxed::Box<F> as core::ops::FnOnce>::call_once"), "alloc");
        assert_eq!(crate_of("<dyn sqlx_core::any::Backend>::begin"), "sqlx_core");
    }
}
