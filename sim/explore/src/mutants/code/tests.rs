//! Sources in, copies with switches out.

use std::fs;

use super::refusals::{Complaint, complaints};
use super::{Code, MutantKind};
use crate::bugs::MutatedCrate;

/// The code of one file, below a folder of its own.
fn code(name: &str, text: &str) -> Code {
    let folder =
        std::env::temp_dir().join(format!("stormproof-code-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for tests");
    fs::write(folder.join("lib.rs"), text).expect("it is ours");
    let code = Code::read(&folder, &[MutatedCrate { root: "lib.rs", spared: &[] }]);
    fs::remove_dir_all(&folder).expect("it is ours");
    code.expect("it is Rust")
}

fn copy(code: &Code) -> String {
    String::from_utf8(code.copied().remove("lib.rs").expect("the file")).expect("it is text")
}

/// The words of all mutants of a kind.
fn words(code: &Code, kind: MutantKind) -> Vec<&str> {
    let all = &code.mutants;
    all.iter().filter(|mutant| mutant.kind == kind).map(|mutant| mutant.what.as_str()).collect()
}

#[test]
fn every_kind_has_its_places() {
    let code = code(
        "kinds",
        "enum Status { Open, Frozen, Closed }\n\
         const N: i64 = 1 + 2;\n\
         impl Shelf {\n\
             fn take(&mut self, n: i64) -> Result<bool, Error> {\n\
                 if self.is_open() && n > self.left { return Err(Error::new(Status::Closed)); }\n\
                 self.count();\n\
                 self.left -= n;\n\
                 match n { 0 if !self.full => Ok(false), 1 => Ok(true), _ => Ok(self.left == 7) }\n\
             }\n\
         }\n\
         #[cfg(test)]\nmod tests { fn not_this() { 1 + 1; } }\n",
    );
    assert_eq!(
        words(&code, MutantKind::Answer),
        ["answers Ok(true) at once", "answers Ok(false) at once"]
    );
    assert_eq!(
        words(&code, MutantKind::Connective),
        ["self.is_open() || n > self.left for self.is_open() && n > self.left"]
    );
    assert_eq!(
        words(&code, MutantKind::Comparison),
        [
            "n >= self.left for n > self.left",
            "n < self.left for n > self.left",
            "self.left != 7 for self.left == 7"
        ]
    );
    assert_eq!(words(&code, MutantKind::Variant), ["Status::Open for Status::Closed"]);
    assert_eq!(
        words(&code, MutantKind::Effect),
        [
            "without return Err(Error::new(Status::Closed));",
            "without self.count();",
            "without self.left -= n;"
        ]
    );
    assert_eq!(words(&code, MutantKind::Swap), ["self.left -= n; before self.count();"]);
    assert_eq!(words(&code, MutantKind::Arithmetic), ["self.left += n for self.left -= n"]);
    assert_eq!(words(&code, MutantKind::Negation), ["self.full for !self.full"]);
    assert_eq!(words(&code, MutantKind::Arm), ["never 0 if !self.full", "never 1"]);
    assert_eq!(words(&code, MutantKind::Number), ["8 for 7"]);
    let all = &code.mutants;
    assert!(all.iter().all(|mutant| mutant.statement == "Shelf::take" && mutant.place == "lib.rs"));
}

#[test]
fn what_binds_stays_where_it_is() {
    let code = code(
        "lets",
        "fn f(a: Option<i64>) -> bool { if let Some(b) = a && b > 1 { g(b) } else { false } }",
    );
    assert_eq!(words(&code, MutantKind::Connective), Vec::<&str>::new());
    assert_eq!(words(&code, MutantKind::Comparison).len(), 2);
}

#[test]
fn a_copy_asks_its_switches_and_is_the_same_code_without_them() {
    let code = code("copy", "fn f(a: i64) -> bool { g(a); h(); a + 1 > 2 }");
    let copy = copy(&code);
    let file = syn::parse_file(&copy);
    assert!(file.is_ok(), "{copy}");
    // What stands in the last place of each is what was there.
    let plain = self::code("plain", "fn f() { g(); h(); }");
    let on = |switch: u32| format!("::stormproof_ports::mutation::on({switch})");
    let expected = format!(
        "fn f() {{ if {} {{ return (); }} if {} {{ h(); g(); }} else {{ \
         if !{} {{ g(); }} if !{} {{ h(); }} }} }}",
        on(1),
        on(3),
        on(2),
        on(4)
    );
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&self::copy(&plain)), expected);
    let all = &code.mutants;
    for mutant in all {
        let asked = format!("::stormproof_ports::mutation::on({})", mutant.switch.expect("code"));
        assert_eq!(copy.matches(&asked).count(), 1, "{}: {copy}", mutant.what);
    }
}

#[test]
fn who_does_not_compile_is_taken_out_and_nobody_else() {
    let mut code = code("refused", "fn f(a: i64) -> i64 { g(a); a + 1 }");
    let copy = copy(&code);
    let at = copy.find("a - 1").expect("a mutant");
    let line = format!(
        r#"{{"reason":"compiler-message","message":{{"level":"error","rendered":"no","spans":[
           {{"file_name":"lib.rs","byte_start":{at},"byte_end":{},"is_primary":true}}]}}}}"#,
        at + 5
    );
    let heard: Vec<Complaint> = complaints(&line.replace('\n', ""));
    assert_eq!(heard.len(), 1);
    assert_eq!(code.refuse(&heard), 1);
    assert!(!self::copy(&code).contains("a - 1"));
    assert!(self::copy(&code).contains("{ 2 } else { 1 }"), "{}", self::copy(&code));
    // A warning is no refusal, and what is about no mutant refuses none.
    assert_eq!(complaints(&line.replace('\n', "").replace("error", "warning")), []);
    let elsewhere = line.replace('\n', "").replace("lib.rs", "other.rs");
    assert_eq!(code.refuse(&complaints(&elsewhere)), 0);
}
