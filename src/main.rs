//! The command `stormproof`: the shop on real machines. Everything is in the library's `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    stormproof::cli::main()
}
