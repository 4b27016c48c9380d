//! The bytes of one file, in pages that copies share until one of them writes.
//!
//! Sharing is what makes an image cheap: it copies pointers. What of the bytes is durable is
//! `undo.rs`'s affair.

use std::sync::Arc;

/// Bytes per shared page: that of the databases (`session.rs`), so that a database page is one page
/// here.
pub(super) const PAGE_BYTES: usize = 1024;

type Page = [u8; PAGE_BYTES];

/// A file's bytes. Cloning copies a pointer per page.
#[derive(Clone, Default)]
pub(super) struct Contents {
    pages: Vec<Arc<Page>>,
    length: usize,
}

impl Contents {
    /// The file's size in bytes.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Fills `buffer` from `offset` on; what lies past the end reads as zeros. Answers how many
    /// bytes were really there.
    pub(super) fn read(&self, offset: usize, buffer: &mut [u8]) -> usize {
        let available = self.length.saturating_sub(offset).min(buffer.len());
        let (present, missing) = buffer.split_at_mut(available);
        missing.fill(0);
        for (page, start, part) in spans(offset, present.len()) {
            let target = part.start - offset..part.end - offset;
            let count = target.len();
            present[target].copy_from_slice(&self.pages[page][start..start + count]);
        }
        available
    }

    /// Writes `bytes` at `offset`, growing the file as needed; a gap reads as zeros.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        self.reserve_pages(end.div_ceil(PAGE_BYTES));
        for (page, start, part) in spans(offset, bytes.len()) {
            let source = &bytes[part.start - offset..part.end - offset];
            Arc::make_mut(&mut self.pages[page])[start..start + source.len()]
                .copy_from_slice(source);
        }
        self.length = self.length.max(end);
    }

    /// Sets the file's size, dropping what lies past it or adding zeros.
    pub(super) fn truncate(&mut self, length: usize) {
        let pages = length.div_ceil(PAGE_BYTES);
        self.pages.truncate(pages);
        self.reserve_pages(pages);
        // Bytes past the end must read as zeros should the file grow again.
        let tail = length % PAGE_BYTES;
        if length < self.length
            && tail != 0
            && let Some(last) = self.pages.last_mut()
        {
            Arc::make_mut(last)[tail..].fill(0);
        }
        self.length = length;
    }

    /// Mixes every byte into `hash`.
    pub(super) fn mix_into(&self, mut hash: u64) -> u64 {
        hash = mix(hash, self.length as u64);
        for page in &self.pages {
            hash = mix_bytes(hash, &page[..]);
        }
        hash
    }

    fn reserve_pages(&mut self, count: usize) {
        while self.pages.len() < count {
            self.pages.push(Arc::new([0; PAGE_BYTES]));
        }
    }
}

/// Cuts `length` bytes at `offset` along page borders: page number, start inside that page, and
/// the file range covered.
fn spans(
    offset: usize,
    length: usize,
) -> impl Iterator<Item = (usize, usize, std::ops::Range<usize>)> {
    let end = offset + length;
    let mut at = offset;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let (page, start) = (at / PAGE_BYTES, at % PAGE_BYTES);
        let until = end.min((page + 1) * PAGE_BYTES);
        let part = at..until;
        at = until;
        Some((page, start, part))
    })
}

/// One step of a hash that is the same in every process and build; not for hostile input.
pub(super) fn mix(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

/// [`mix`] over bytes, eight at a time, and their count.
pub(super) fn mix_bytes(mut hash: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    hash = mix(hash, u64::from_le_bytes(last));
    mix(hash, bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_written_across_pages() {
        let mut contents = Contents::default();
        let bytes: Vec<u8> = (0..10_000u32).map(|number| number as u8).collect();
        contents.write(5_000, &bytes);
        assert_eq!((contents.length(), contents.pages.len()), (15_000, 15));

        let mut buffer = vec![9; 10_010];
        assert_eq!(contents.read(4_995, &mut buffer), 10_005);
        assert_eq!(buffer[..5], [0; 5]);
        assert_eq!(buffer[5..10_005], bytes[..]);
        assert_eq!(buffer[10_005..], [0; 5]);
    }

    #[test]
    fn a_cut_tail_reads_as_zeros_when_the_file_grows_again() {
        let mut contents = Contents::default();
        contents.write(0, &[7; 100]);
        contents.truncate(10);
        contents.truncate(50);
        let mut buffer = [1; 50];
        assert_eq!(contents.read(0, &mut buffer), 50);
        assert_eq!(buffer[..10], [7; 10]);
        assert_eq!(buffer[10..], [0; 40]);
    }

    #[test]
    fn a_copy_keeps_its_bytes() {
        let mut contents = Contents::default();
        contents.write(0, &[1; 9_000]);
        let copy = contents.clone();
        contents.write(4_096, &[2; 10]);
        let mut bytes = [0; 9_000];
        copy.read(0, &mut bytes);
        assert_eq!(bytes, [1; 9_000]);
    }
}
