//! Storms and scenario files as tests: [`macro@sim_test`] and [`scenario_tests!`].
//!
//! What they say is parsed here and becomes calls of `stormproof_explore::testing`, which draws, runs
//! and judges. Use them from `stormproof_explore`, whose page shows both.

#![deny(missing_docs)]

mod scenario_tests;
mod sim_test;

use proc_macro::TokenStream;
use syn::Error;

/// Makes a `#[test]` that draws a storm from each seed, runs it, requires that every invariant holds,
/// and calls the function with what came of it.
///
/// | argument | meaning | if it is missing |
/// |---|---|---|
/// | `system = MySystem` | whose storms: an expression | an error |
/// | `seeds = 1..=20` | anything that `u64`s can be collected from | `1..=20` |
/// | `profile = Priority` | how they are drawn: `Swarm`, `Uniform` or `Priority` | `Swarm` |
/// | `faults = ["crash", "reply_lost"]` | only these kinds are drawn, by their keys in scenario files | all |
///
/// The function is `fn name(outcome: &Outcome)` or `fn name()`. Its other attributes, such as
/// `#[ignore]` and `#[should_panic]`, are the test's.
#[proc_macro_attribute]
pub fn sim_test(arguments: TokenStream, function: TokenStream) -> TokenStream {
    let test = sim_test::test(arguments.into(), function.into());
    test.unwrap_or_else(Error::into_compile_error).into()
}

/// Makes a `#[test]` of each scenario file (`*.toml`) of a folder, which is counted from the
/// package's: `scenario_tests!(MySystem, "scenarios")`.
///
/// A test bears the file's stem, made an identifier. A file that changes is compiled in anew; one
/// more is seen when the tests are compiled, so one test more fails if a file was added since. The
/// tests of two folders of which both have a file of one name belong into modules of their own.
#[proc_macro]
pub fn scenario_tests(input: TokenStream) -> TokenStream {
    let tests = scenario_tests::tests(input.into());
    tests.unwrap_or_else(Error::into_compile_error).into()
}
