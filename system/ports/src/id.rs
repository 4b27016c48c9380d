//! Identifiers that grow with time, made of a node's own clock and randomness.

use crate::Ports;
use crate::time::Time;

/// A fresh id: a UUID of version 7 (RFC 9562 §5.7) made of this node's clock and its `id` stream,
/// never of process-wide state.
pub fn fresh(ports: &Ports) -> String {
    let mut random = [0; 10];
    ports.rng.fill("id", &mut random);
    let milliseconds = u64::try_from(ports.clock.now().0 / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid().to_string()
}

/// What sorts before every id that [`fresh`] makes from `time` on.
pub fn earliest(time: Time) -> String {
    let milliseconds = u64::try_from(time.0 / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid().to_string()
}
