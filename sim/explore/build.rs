//! Tells the program how it was built, for its counts of instructions.

#[expect(clippy::disallowed_methods, reason = "a build is no run")]
fn main() {
    let level = std::env::var("OPT_LEVEL").expect("cargo says how far it optimises");
    println!("cargo::rustc-env=OPT_LEVEL={level}");
    println!("cargo::rerun-if-changed=build.rs");
}
