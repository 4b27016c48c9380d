//! `cargo sim`: the shop in the seeded world, at the command line.

use std::process::ExitCode;

use stormproof_sim::Shop;

/// A world makes thousands of small allocations per order, all on one thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    stormproof_explore::cli::main(&Shop)
}
