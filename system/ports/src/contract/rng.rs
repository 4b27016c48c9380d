//! What every source of randomness owes.

use std::collections::BTreeSet;

use super::{Check, Kept, ensure};
use crate::Rng;

/// Every check of this port.
pub const CHECKS: [Check; 4] = [
    Check::new("rng fills every byte", |ports| Box::pin(fills_every_byte(&*ports.rng))),
    Check::new("rng does not repeat itself", |ports| Box::pin(does_not_repeat_itself(&*ports.rng))),
    Check::new("rng keeps streams apart", |ports| Box::pin(keeps_streams_apart(&*ports.rng))),
    Check::new("rng draws evenly", |ports| Box::pin(draws_evenly(&*ports.rng))),
];

/// Each byte of 64 differs from 0 at least once in 32 fills: by chance it does not in one run of
/// 2^250.
async fn fills_every_byte(rng: &dyn Rng) -> Kept {
    for length in [0, 1, 7, 8, 64] {
        let mut seen = vec![0_u8; length];
        for _ in 0..32 {
            let mut bytes = vec![0; length];
            rng.fill("salt", &mut bytes);
            seen.iter_mut().zip(bytes).for_each(|(seen, byte)| *seen |= byte);
        }
        let untouched = seen.iter().position(|byte| *byte == 0);
        ensure(untouched.is_none(), || format!("byte {untouched:?} of {length} is never filled"))?;
    }
    Ok(())
}

async fn does_not_repeat_itself(rng: &dyn Rng) -> Kept {
    let draws: BTreeSet<_> = (0..1000).map(|_| draw(rng, "id")).collect();
    ensure(draws.len() == 1000, || format!("{} of 1000 draws are distinct", draws.len()))
}

/// Whoever knows what one stream gave knows nothing of another.
async fn keeps_streams_apart(rng: &dyn Rng) -> Kept {
    let (ids, salts): (BTreeSet<_>, BTreeSet<_>) =
        (0..100).map(|_| (draw(rng, "id"), draw(rng, "salt"))).unzip();
    let shared = ids.intersection(&salts).count();
    ensure(shared == 0, || format!("{shared} of 100 draws are those of another stream"))
}

/// 4000 draws below 8 fall 500 times on each; 350 or 650 would be seven standard deviations off.
async fn draws_evenly(rng: &dyn Rng) -> Kept {
    let mut counts = [0; 8];
    for _ in 0..4000 {
        counts[rng.below("jitter", 8) as usize] += 1;
    }
    let even = counts.iter().all(|count| (350..650).contains(count));
    ensure(even && rng.below("jitter", 0) == 0, || format!("draws below 8: {counts:?}"))
}

fn draw(rng: &dyn Rng, stream: &'static str) -> [u8; 16] {
    let mut bytes = [0; 16];
    rng.fill(stream, &mut bytes);
    bytes
}
