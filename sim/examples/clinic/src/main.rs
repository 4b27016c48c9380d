//! The explorer of the clinic: `cargo clinic`.

fn main() -> std::process::ExitCode {
    stormproof_explore::cli::main(&clinic::system::Clinic { forgets_requests: false })
}
