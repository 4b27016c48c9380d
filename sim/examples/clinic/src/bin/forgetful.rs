//! The explorer of a clinic with the planted bug: `cargo forgetful`.

use std::process::ExitCode;

use clinic::system::Clinic;

fn main() -> ExitCode {
    stormproof_explore::cli::main(&Clinic { forgets_requests: true })
}
