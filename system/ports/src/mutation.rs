//! Switches of a copy of the code in which mistakes wait, one behind each.
//!
//! No code of a service asks them. `cargo sim mutate code` builds a copy that does, sets one switch, and sees
//! who notices. They are the whole process's: what runs with a switch set runs in a process of its own.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The highest number of a switch.
pub const SWITCH_MAX: u32 = 64 * WORDS as u32 - 1;

/// The switch that sets all.
const EVERY: u32 = u32::MAX;

const WORDS: usize = 1024;

/// The one that is set; 0: none.
static SET: AtomicU32 = AtomicU32::new(0);

/// Those that were asked, a bit each.
static ASKED: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];

/// Whether the mistake behind a switch is made.
///
/// # Panics
/// If the number is above [`SWITCH_MAX`].
#[inline]
pub fn on(switch: u32) -> bool {
    let (word, bit) = (&ASKED[switch as usize / 64], 1 << (switch % 64));
    if word.load(Ordering::Relaxed) & bit == 0 {
        word.fetch_or(bit, Ordering::Relaxed);
    }
    let set = SET.load(Ordering::Relaxed);
    set == switch || set == EVERY
}

/// As long as it lives, a switch is set, or every one.
#[derive(Debug)]
#[must_use]
pub struct SwitchSet(());

/// Sets one switch.
pub fn set(switch: u32) -> SwitchSet {
    SET.store(switch, Ordering::Relaxed);
    SwitchSet(())
}

/// Sets every switch there is.
pub fn set_every() -> SwitchSet {
    set(EVERY)
}

impl Drop for SwitchSet {
    fn drop(&mut self) {
        SET.store(0, Ordering::Relaxed);
    }
}

/// The switches that were asked since the last time, set or not.
pub fn take_asked() -> BTreeSet<u32> {
    let mut asked = BTreeSet::new();
    for (word, first) in ASKED.iter().zip((0..).step_by(64)) {
        let bits = word.swap(0, Ordering::Relaxed);
        asked.extend((0..64).filter(|bit| bits & (1 << bit) != 0).map(|bit| first + bit));
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_switch_is_set_at_a_time_and_all_that_were_asked_are_known() {
        take_asked();
        assert!(!on(3) && !on(700));
        let one = set(700);
        assert!(!on(3) && on(700));
        drop(one);
        assert!(!on(700));
        let every = set_every();
        assert!(on(3) && on(SWITCH_MAX));
        drop(every);
        assert!(!on(3));
        assert_eq!(take_asked(), BTreeSet::from([3, 700, SWITCH_MAX]));
        assert_eq!(take_asked(), BTreeSet::new());
    }
}
