//! The explorer of the clinic: `cargo clinic`.

use std::process::ExitCode;

use clinic::system::Clinic;

fn main() -> ExitCode {
    stormproof_explore::cli::main(&Clinic { forgets_requests: false })
}
