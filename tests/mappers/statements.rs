//! No statement is left out: what the checks had SQLite prepare is compared with what the sources
//! of the shop hold.
//!
//! The sources are read as far as SQL is written in them: string literals that begin with a verb
//! of SQL, `{}` for what is filled in, and macros that put a statement together by `concat!`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::Check;

const CHECKS: [&[Check]; 14] = [
    super::accounts::CHECKS,
    super::bank::CHECKS,
    super::catalogue::CHECKS,
    super::delivery::CHECKS,
    super::email::CHECKS,
    super::idempotency::CHECKS,
    super::messaging::CHECKS,
    super::orders::CHECKS,
    super::reconciliations::CHECKS,
    super::retention::CHECKS,
    super::sagas::CHECKS,
    super::support::CHECKS,
    super::unreadable::CHECKS,
    super::warehouse::CHECKS,
];

const VERBS: [&str; 4] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];

/// What the checks had SQLite prepare, by service.
static PREPARED: LazyLock<BTreeMap<&'static str, BTreeSet<String>>> = LazyLock::new(|| {
    let mut prepared: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for check in CHECKS.into_iter().flatten() {
        let made = super::sqlite(check.service(), check.work());
        prepared.entry(check.service).or_default().extend(made);
    }
    prepared
});

/// The same without what the checks themselves have asked.
pub fn of_the_sources() -> BTreeMap<&'static str, BTreeSet<String>> {
    let written: Vec<String> =
        written().into_iter().flat_map(|(_, statements)| statements).collect();
    let is_whole = |statement: &&String| VERBS.iter().any(|verb| statement.starts_with(verb));
    let written: Vec<&String> = written.iter().filter(is_whole).collect();
    let mut prepared = PREPARED.clone();
    for statements in prepared.values_mut() {
        statements.retain(|sql| written.iter().any(|statement| fits(statement, sql)));
    }
    prepared
}

#[test]
fn every_statement_of_the_sources_is_checked() {
    let mut unchecked = Vec::new();
    for (source, statements) in written() {
        let is_checked =
            |statement: &String| PREPARED.values().flatten().any(|sql| fits(statement, sql));
        let missing = statements.into_iter().filter(|statement| !is_checked(statement));
        unchecked.extend(missing.map(|statement| format!("{}: {statement}", source.display())));
    }
    assert!(unchecked.is_empty(), "no check runs\n{}", unchecked.join("\n"));
}

/// The statements of the shop's sources, file by file.
fn written() -> Vec<(PathBuf, Vec<String>)> {
    let mut written = Vec::new();
    for source in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("system")) {
        let text = fs::read_to_string(&source).expect("the source can be read");
        let calls = text.matches("sqlx::query").count();
        if calls == 0 {
            continue;
        }
        let statements = statements(&text);
        assert!(statements.len() >= calls, "{}: {calls} queries, {statements:?}", source.display());
        written.push((source, statements));
    }
    written
}

/// The shop's Rust sources below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is part of the tree") {
        let path = entry.expect("the folder can be listed").path();
        // What databases and transactions owe their callers is checked by statements of its own.
        if path.ends_with("ports") || path.ends_with("contract.rs") {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Whether `sql` is `statement` with something for each `{}`, or holds it if it is but a part of one.
fn fits(statement: &str, sql: &str) -> bool {
    if !VERBS.iter().any(|verb| statement.starts_with(verb)) {
        return sql.contains(statement);
    }
    let pieces: Vec<&str> = statement.split("{}").collect();
    let [first, between @ .., last] = &pieces[..] else { return sql == statement };
    let Some(mut rest) = sql.strip_prefix(first) else { return false };
    for piece in between {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// A piece of Rust, as much as has to be told apart here.
#[derive(Debug, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Mark(char),
}

use Token::{Mark, Text, Word};

/// A macro that puts statements together: its variables, and what it concatenates.
struct Template<'t> {
    variables: Vec<&'t str>,
    concat: &'t [Token],
}

/// The statements that `source` holds.
fn statements(source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let mut templates: BTreeMap<&str, Template<'_>> = BTreeMap::new();
    let mut statements = Vec::new();
    let mut place = 0;
    while place < tokens.len() {
        match &tokens[place..] {
            [Word(word), Mark('!'), Word(name), ..] if word == "macro_rules" => {
                let concat = position(&tokens, place, |token| *token == Word("concat".into()));
                let end = position(&tokens, concat, |token| *token == Mark(')'));
                let variables = variables(&tokens[place..concat]);
                templates.insert(name, Template { variables, concat: &tokens[concat..end] });
                place = end;
            }
            [Word(name), Mark('!'), Mark('('), Text(_), ..]
                if templates.contains_key(name.as_str()) =>
            {
                let end = position(&tokens, place, |token| *token == Mark(')'));
                statements.push(expand(&templates[name.as_str()], &tokens[place..end]));
                place = end;
            }
            [Text(text), ..] if VERBS.iter().any(|verb| text.starts_with(verb)) => {
                statements.push(text.clone());
            }
            _ => {}
        }
        place += 1;
    }
    statements
}

fn position(tokens: &[Token], from: usize, is: impl Fn(&Token) -> bool) -> usize {
    let place = tokens[from..].iter().position(is);
    from + place.expect("a macro that makes statements is `concat!(…)`, of literals")
}

/// The names after a `$`.
fn variables(tokens: &[Token]) -> Vec<&str> {
    let names = tokens.windows(2).filter_map(|pair| match pair {
        [Mark('$'), Word(name)] => Some(name.as_str()),
        _ => None,
    });
    names.collect()
}

/// A template with the literals of `call` for its variables.
fn expand(template: &Template<'_>, call: &[Token]) -> String {
    let literals = call.iter().filter_map(|token| match token {
        Text(text) => Some(text.as_str()),
        _ => None,
    });
    let arguments: Vec<&str> = literals.collect();
    let mut statement = String::new();
    for token in template.concat {
        match token {
            Text(text) => statement.push_str(text),
            Word(name) => {
                let variable = template.variables.iter().position(|variable| variable == name);
                statement.push_str(variable.map_or("", |place| arguments[place]));
            }
            Mark(_) => {}
        }
    }
    statement
}

fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if first == '"' {
            let (text, after) = literal(&rest[1..]);
            tokens.push(Text(text));
            rest = after;
        } else if let Some(after) = rest.strip_prefix("'\"'") {
            rest = after;
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            tokens.push(Word(word.to_owned()));
            rest = after;
        } else {
            if !first.is_whitespace() {
                tokens.push(Mark(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

/// A string literal after its opening quote, and what follows it.
fn literal(source: &str) -> (String, &str) {
    let mut text = String::new();
    let mut rest = source;
    loop {
        let place = rest.find(['"', '\\']).expect("a string literal ends");
        text.push_str(&rest[..place]);
        rest = &rest[place + 1..];
        if source.as_bytes()[source.len() - rest.len() - 1] == b'"' {
            return (text, rest);
        }
        match rest.strip_prefix('\n') {
            // A line that goes on: the break and the indentation are no part of it.
            Some(after) => rest = after.trim_start(),
            None => {
                text.push(rest.chars().next().expect("an escape escapes something"));
                rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
            }
        }
    }
}

#[test]
fn statements_are_found_as_they_are_run() {
    let source = r#"
        // "SELECT nothing"
        macro_rules! select { ($rest:literal) => { concat!("SELECT a ", $rest, " LIMIT 1") }; }
        macro_rules! sum { ($a:literal, $b:literal) => { concat!("(SELECT ", $b, "+", $a, ")") }; }
        fn one() { query(select!("WHERE b")); query("UPDATE c \
            SET d = \"e\""); say("select f"); format!("DELETE FROM g WHERE h IN ({})", 1);
            sum!("i", "j") }
    "#;
    let expected = [
        "SELECT a WHERE b LIMIT 1",
        "UPDATE c SET d = \"e\"",
        "DELETE FROM g WHERE h IN ({})",
        "(SELECT j+i)",
    ];
    assert_eq!(statements(source), expected);
    for (statement, sql, expected) in [
        ("SELECT a", "SELECT a", true),
        ("SELECT a", "SELECT a, b", false),
        ("SELECT a IN ({})", "SELECT a IN ($1, $2)", true),
        ("SELECT a IN ({})", "SELECT b IN ($1)", false),
        ("SELECT {}, {} FROM c", "SELECT a, b FROM c", true),
        ("SELECT {}, {} FROM c", "SELECT a FROM c", false),
        ("(SELECT a)", "SELECT b, (SELECT a)", true),
    ] {
        assert_eq!(fits(statement, sql), expected, "{statement} / {sql}");
    }
}
