//! What the macros say of mistakes, and where: each piece of code is given to the compiler, beside a
//! stand-in for the explorer, and an arrow stands under the place of every error.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// As much of `stormproof_explore` as the macros' code needs to be checked.
const EXPLORER: &str = r#"
pub trait System {}
pub struct Outcome;
pub enum Profile { Swarm, Uniform, Priority }
pub mod testing {
    use super::{Outcome, Profile, System};
    pub struct Storms<'a> {
        pub seeds: Vec<u64>,
        pub profile: Profile,
        pub faults: Option<&'a [&'a str]>,
    }
    impl Default for Storms<'_> {
        fn default() -> Self {
            Storms { seeds: Vec::new(), profile: Profile::Swarm, faults: None }
        }
    }
    pub fn storms_hold<S: System>(_: &S, _: &str, _: &Storms<'_>, _: impl FnMut(&Outcome)) {}
    pub fn scenario_holds<S: System>(_: &S, _: &str, _: &str, _: &str) {}
    pub fn all_are_named(_: &str, _: &[&str], _: &str) {}
}
"#;

/// What every piece of code begins with, in one line.
const HEAD: &str = "#![allow(unused)] use stormproof_macros::*; use stormproof_explore::*; \
                    struct Mine; impl System for Mine {} struct Foreign;\n";

#[test]
fn what_is_meant_compiles() {
    check(
        r#"
#[sim_test(system = Mine)]
fn defaults() {}
#[sim_test(faults = [], profile = Uniform, seeds = [3, 48213], system = { Mine },)]
fn everything(outcome: &Outcome) { let _: &Outcome = outcome; }
#[sim_test(system = Mine, seeds = 1..20, faults = ["crash", "reply_lost"])]
#[ignore]
#[should_panic(expected = "it does")]
/// Whatever it says.
fn r#match(_: &stormproof_explore::Outcome) {}
mod inner {
    use super::*;
    scenario_tests!(Mine, "good");
}
"#,
    );
}

#[test]
fn arguments_are_told_apart() {
    check(
        r#"
#[sim_test]
^ whose storms? expected `system = …`
fn no_system() {}
#[sim_test(seeds = 1..=2)]
^ whose storms? expected `system = …`
fn only_seeds() {}
#[sim_test(system = Mine, sedes = 1..=2)]
                          ^ `sedes`: expected `system`, `seeds`, `profile` or `faults`
fn misspelt() {}
#[sim_test(system = Mine, seeds = 1..=2, seeds = 3..=4)]
                                         ^ `seeds` is there twice
fn twice() {}
#[sim_test(Mine)]
           ^ `Mine`: expected `system`, `seeds`, `profile` or `faults`, then `=` and a value
fn no_key() {}
#[sim_test(system = Mine, profile = Priorty)]
                                    ^ profile `Priorty`: expected Swarm, Uniform or Priority
fn profile() {}
#[sim_test(system = Mine, profile = "priority")]
                                    ^ expected Swarm, Uniform or Priority
fn text() {}
#[sim_test(system = Mine, faults = "crash")]
                                   ^ expected square brackets
fn no_list() {}
#[sim_test(system = Mine, faults = [crash])]
                                    ^ expected string literal
fn no_text() {}
"#,
    );
}

#[test]
fn bodies_are_told_apart() {
    check(
        r#"
#[sim_test(system = Mine)]
fn two(outcome: &Outcome, seed: u64) {}
                          ^ one argument too many: expected `fn name(outcome: &Outcome)` or
#[sim_test(system = Mine)]
fn owned(outcome: Outcome) {}
                  ^ expected `&Outcome`, as in `fn name(outcome: &Outcome)` or `fn name()`
#[sim_test(system = Mine)]
fn changed(outcome: &mut Outcome) {}
                    ^ expected `&Outcome`, as in
#[sim_test(system = Mine)]
fn method(&self) {}
          ^ no method: expected `fn name(outcome: &Outcome)` or `fn name()`
#[sim_test(system = Mine)]
async fn later(outcome: &Outcome) {}
^ the run is over when it is judged: no `async`
#[sim_test(system = Mine)]
fn answers(outcome: &Outcome) -> Result<(), String> { Ok(()) }
                                 ^ a test of outcomes asserts and returns nothing
#[sim_test(system = Mine)]
fn any<T>(outcome: &Outcome) {}
      ^ a test has no generics
#[sim_test(system = Mine)]
struct NoFunction;
^ expected
"#,
    );
}

/// What only types tell is told of the place that is wrong, not of the macro.
#[test]
fn types_are_told_where_they_are_written() {
    check(
        r#"
#[sim_test(system = Mine)]
fn text(outcome: &str) {}
                 ^ mismatched types
#[sim_test(system = Foreign)]
                    ^ the trait bound `Foreign: stormproof_explore::System` is not satisfied
fn foreign() {}
#[sim_test(system = Mine, seeds = 7)]
                                  ^ `{integer}` is not an iterator
fn no_seeds() {}
scenario_tests!(Foreign, "good");
                ^ the trait bound `Foreign: stormproof_explore::System` is not satisfied
"#,
    );
}

#[test]
fn folders_are_told_apart() {
    check(
        r#"
scenario_tests!(Mine, "nowhere");
                      ^ nowhere: No such file or directory
scenario_tests!(Mine, "empty");
                      ^ empty: no scenario files (`*.toml`) in it
scenario_tests!(Mine, "twice");
                      ^ "a-b" and "a_b" would be one test: `a_b`
scenario_tests!(Mine);
^ expected `,`
scenario_tests!(Mine, scenarios);
                      ^ expected string literal
"#,
    );
}

/// The scenario files that the macro finds.
const FILES: [&str; 5] =
    ["good/calm.toml", "good/Storm-7.toml", "empty/calm.md", "twice/a-b.toml", "twice/a_b.toml"];

/// Where code is compiled: a package's folder with folders of scenario files, and the stand-in.
static PACKAGE: LazyLock<PathBuf> = LazyLock::new(|| {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mistakes");
    for file in FILES.map(|file| package.join(file)) {
        fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("a folder");
        fs::write(file, "").expect("a file");
    }
    let file = package.join("explorer.rs");
    fs::write(&file, EXPLORER).expect("a file");
    let mut rustc = rustc(&package);
    rustc.args(["--crate-type=rlib", "--crate-name=stormproof_explore"]).arg(&file);
    let output = rustc.output().expect("the compiler that compiled this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    package
});

fn rustc(package: &Path) -> Command {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let mut command = Command::new(rustc);
    command.args(["--edition=2024", "--error-format=short", "--color=never", "--out-dir"]);
    command.arg(package).current_dir(package).env("CARGO_MANIFEST_DIR", package);
    command
}

/// The macros: the newest of their builds is the one that cargo made for this test.
fn macros() -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    let test = std::env::current_exe().expect("a test has a file");
    let beside = test.parent().expect("it lies in a folder").read_dir().expect("it can be listed");
    let beside = beside.filter_map(|entry| Some(entry.ok()?.path()));
    let builds = beside.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&format!("{DLL_PREFIX}stormproof_macros-")) && name.ends_with(DLL_SUFFIX)
    });
    let built = |path: &PathBuf| path.metadata().and_then(|it| it.modified()).ok();
    builds.max_by_key(built).expect("the test depends on them")
}

/// Compiles `marked` code and compares the errors with its arrows: each is in the line above, at its
/// column, and says what follows it.
fn check(marked: &str) {
    let mut code = HEAD.to_owned();
    let mut expected = Vec::new();
    for line in marked.trim_start().lines() {
        match line.split_once('^').filter(|(before, _)| before.trim().is_empty()) {
            Some((before, what)) => {
                let place = format!(":{}:{}: ", code.lines().count(), before.len() + 1);
                expected.push((place, what.trim()));
            }
            None => code.extend([line, "\n"]),
        }
    }
    let told = errors(&code);
    let told: Vec<&str> = told.lines().filter(|line| line.contains(": error")).collect();
    for (place, what) in &expected {
        let is_told = |line: &&&str| line.contains(place.as_str()) && line.contains(what);
        assert!(
            told.iter().any(|line| is_told(&line)),
            "{place}{what} is not in {told:#?}\n{code}"
        );
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}\n{code}");
}

/// What the compiler says, a line each.
fn errors(code: &str) -> String {
    let package = &*PACKAGE;
    let name = std::thread::current().name().expect("tests have names").to_owned();
    let file = package.join(&name).with_extension("rs");
    fs::write(&file, code).expect("a file");
    let mut rustc = rustc(package);
    rustc.args(["--test", "--emit=metadata", "--crate-name", &name]).arg(&file);
    let explorer = package.join("libstormproof_explore.rlib");
    for (name, path) in [("stormproof_explore", explorer), ("stormproof_macros", macros())] {
        rustc.arg("--extern").arg(format!("{name}={}", path.display()));
    }
    let output = rustc.output().expect("the compiler that compiled this test");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
