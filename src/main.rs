//! The command `stormproof`: the shop on real machines. Everything is in the library's `cli`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Requests and messages are handled by all threads in turn, each with memory of its own: in glibc's arenas
/// what one frees is lost to the others.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    keep_small_pages();
    stormproof::cli::main()
}

/// Asks the kernel for no huge pages, for which the allocator would: of each of 2 MiB, a small process uses a
/// part and holds the whole.
fn keep_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        eprintln!(
            "stormproof: takes more memory than it needs, for huge pages cannot be switched off: {error}"
        );
    }
}
