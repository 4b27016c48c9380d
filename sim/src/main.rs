//! `cargo sim`: the seeded world at the command line. Everything is in [`cli`].

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
