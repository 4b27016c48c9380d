//! `cargo sim`: the seeded world at the command line. Everything is in [`cli`].

mod cli;

use std::process::ExitCode;

/// A world makes thousands of small allocations per order, all on one thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
