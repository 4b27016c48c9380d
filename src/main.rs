//! The command `stormproof`: the shop on real machines. Everything is in the library's `cli`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Requests and messages are handled by all threads in turn, each with memory of its own: in glibc's arenas
/// what one frees is lost to the others.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    stormproof::cli::main()
}
