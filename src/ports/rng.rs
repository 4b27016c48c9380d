//! Randomness from the operating system.

use rand::TryRngCore as _;
use rand::rngs::OsRng;
use stormproof_ports::Rng;

/// The operating system's generator. It serves every stream: its draws are independent of each
/// other, so that one stream never moves another.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, _stream: &'static str, bytes: &mut [u8]) {
        OsRng.try_fill_bytes(bytes).expect("an operating system that runs us has entropy");
    }
}
