//! SQL texts, compiled as far as they were run, and the cache that keeps those used last.

use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Arc;

use libsqlite3_sys as ffi;
use sqlx_core::Error;

use super::authorizer::SetColumn;
use super::contents::mix_bytes;
use super::mvcc::Effects;
use super::statement::Statement;

/// How many texts a connection keeps prepared.
const CACHED_TEXTS_MAX: usize = 256;

/// An SQL text and the statements in it, each compiled when its turn comes: a later one may need
/// the table an earlier one creates.
pub(super) struct Text {
    text: Box<str>,
    compiled_to: usize,
    statements: Vec<Statement>,
    keep: bool,
    /// When it was asked for last, and first since the cache was handed on.
    used: u64,
    asked: u64,
    /// What it does to rows, if somebody has asked.
    pub(super) effects: Option<Arc<Effects>>,
}

impl Text {
    pub(super) fn new(text: &str, keep: bool) -> Text {
        let statements = Vec::with_capacity(1);
        let text = text.into();
        Text { text, compiled_to: 0, statements, keep, used: 0, asked: 0, effects: None }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The columns that its first statement sets, once that is compiled.
    pub(super) fn sets(&self) -> impl Iterator<Item = &SetColumn> {
        self.statements.first().into_iter().flat_map(|statement| &statement.sets)
    }

    /// The statement at `place`, or `None` past the last.
    ///
    /// # Safety
    /// `database` must be the open connection of all earlier calls, and outlive `self`.
    pub(super) unsafe fn statement(
        &mut self,
        database: NonNull<ffi::sqlite3>,
        place: usize,
    ) -> Result<Option<&mut Statement>, Error> {
        while self.statements.len() <= place && self.compiled_to < self.text.len() {
            let rest = &self.text[self.compiled_to..];
            // SAFETY: the caller vouches for the connection.
            let (statement, length) = unsafe { Statement::prepare(database, rest, self.keep)? };
            self.compiled_to += length;
            self.statements.extend(statement);
        }
        Ok(self.statements.get_mut(place))
    }

    /// The statement at `place`, known to be compiled.
    pub(super) fn compiled(&mut self, place: usize) -> &mut Statement {
        &mut self.statements[place]
    }
}

/// The texts used last, prepared. Ordered by a hash that is the same in every process.
#[derive(Default)]
pub(super) struct Cache {
    slots: Vec<Text>,
    places: BTreeMap<u64, usize>,
    uses: u64,
    /// How many there were when it was handed on.
    uses_before: u64,
}

impl Cache {
    /// The slot that holds `text`, which may not be compiled yet. It stays where it is until the
    /// next call.
    pub(super) fn slot_of(&mut self, text: &str) -> usize {
        self.uses += 1;
        let hash = mix_bytes(0, text.as_bytes());
        let slot = match self.places.get(&hash) {
            Some(&slot) => {
                if *self.slots[slot].text != *text {
                    self.slots[slot] = Text::new(text, true);
                }
                slot
            }
            None => self.add(hash, Text::new(text, true)),
        };
        let text = &mut self.slots[slot];
        text.used = self.uses;
        if text.asked <= self.uses_before {
            text.asked = self.uses;
        }
        slot
    }

    pub(super) fn text(&mut self, slot: usize) -> &mut Text {
        &mut self.slots[slot]
    }

    /// How many texts were asked for and are kept.
    pub(super) fn len(&self) -> usize {
        self.asked().count()
    }

    /// The texts themselves, in the order in which they were asked for first.
    pub(super) fn texts(&self) -> Vec<&str> {
        let mut texts: Vec<&Text> = self.asked().collect();
        texts.sort_by_key(|text| text.asked);
        texts.into_iter().map(|text| &*text.text).collect()
    }

    fn asked(&self) -> impl Iterator<Item = &Text> {
        self.slots.iter().filter(|text| text.asked > self.uses_before)
    }

    /// It goes to somebody else, who has asked for nothing yet; what is compiled stays so.
    pub(super) fn hand_on(&mut self) {
        self.uses_before = self.uses;
    }

    /// The texts that are compiled, whoever has asked for them.
    #[cfg(test)]
    pub(super) fn compiled(&self) -> Vec<&str> {
        let compiled = self.slots.iter().filter(|text| !text.statements.is_empty());
        compiled.map(|text| &*text.text).collect()
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.slots.clear();
    }

    fn add(&mut self, hash: u64, text: Text) -> usize {
        let slot = self.slots.len();
        if slot < CACHED_TEXTS_MAX {
            self.slots.push(text);
            self.places.insert(hash, slot);
            return slot;
        }
        let (&oldest, &slot) = self
            .places
            .iter()
            .min_by_key(|(_, slot)| self.slots[**slot].used)
            .expect("the cache is full, so it is not empty");
        self.places.remove(&oldest);
        self.slots[slot] = text;
        self.places.insert(hash, slot);
        slot
    }
}
