//! The way back from what a file holds to what of it is durable.
//!
//! A sync is cheap and a power cut may cost: what was there before each write since the last sync is
//! kept, in a buffer that is used again, and a cut writes it back, the last first. Bytes past the
//! durable end need no way back.

use std::ops::Range;

use super::contents::Contents;

/// What was overwritten or cut off since the last sync.
#[derive(Default)]
pub(super) struct Undo {
    /// The file's size at the last sync.
    durable_length: usize,
    /// Where each piece of `bytes` was.
    pieces: Vec<Range<usize>>,
    bytes: Vec<u8>,
}

impl Undo {
    /// Nothing to undo: all of `contents` is durable.
    pub(super) fn of(contents: &Contents) -> Undo {
        Undo { durable_length: contents.length(), ..Undo::default() }
    }

    /// Keeps what `contents` holds at `place`, which is about to be overwritten or cut off.
    pub(super) fn remember(&mut self, contents: &Contents, place: Range<usize>) {
        let end = place.end.min(contents.length()).min(self.durable_length);
        if place.start < end {
            let kept = self.bytes.len();
            self.bytes.resize(kept + end - place.start, 0);
            contents.read(place.start, &mut self.bytes[kept..]);
            self.pieces.push(place.start..end);
        }
    }

    /// The file was synced: there is no way back.
    pub(super) fn forget(&mut self, contents: &Contents) {
        self.durable_length = contents.length();
        self.pieces.clear();
        self.bytes.clear();
    }

    /// Makes `contents` what it was at the last sync.
    pub(super) fn roll_back(&mut self, contents: &mut Contents) {
        while let Some(place) = self.pieces.pop() {
            let kept = self.bytes.len() - place.len();
            contents.write(place.start, &self.bytes[kept..]);
            self.bytes.truncate(kept);
        }
        contents.truncate(self.durable_length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file under random writes, cuts and syncs, each time compared with a copy made at the sync.
    #[test]
    fn the_way_back_leads_to_the_last_sync() {
        let mut state = 7_u64;
        let mut below = |end: usize| {
            state = super::super::contents::mix(state, 0x5EED);
            state as usize % end
        };
        let mut contents = Contents::default();
        let (mut undo, mut durable) = (Undo::of(&contents), Contents::default());
        let mut cuts = 0;
        for round in 0..5_000_u32 {
            match below(20) {
                0 => {
                    undo.roll_back(&mut contents);
                    assert_eq!(contents.mix_into(0), durable.mix_into(0), "round {round}");
                    cuts += 1;
                }
                1..4 => {
                    undo.forget(&contents);
                    durable = contents.clone();
                }
                4..6 => {
                    let length = below(9_000);
                    undo.remember(&contents, length..contents.length());
                    contents.truncate(length);
                }
                _ => {
                    let (offset, bytes) = (below(8_000), vec![round as u8 | 1; below(3_000)]);
                    undo.remember(&contents, offset..offset + bytes.len());
                    contents.write(offset, &bytes);
                }
            }
        }
        assert!(cuts > 100, "{cuts}");
    }
}
