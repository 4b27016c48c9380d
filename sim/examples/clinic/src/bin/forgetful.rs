//! The explorer of a clinic with a bug: `cargo forgetful`.

fn main() -> std::process::ExitCode {
    stormproof_explore::cli::main(&clinic::system::Clinic { forgets_requests: true })
}
