//! Something of each table of a database.

use std::sync::Arc;

/// Something of each table that was met, found by the table's name. They are few, and names of other lengths need
/// not be read.
pub(super) struct ByName<T>(Vec<(Arc<str>, T)>);

impl<T> Default for ByName<T> {
    fn default() -> ByName<T> {
        ByName(Vec::new())
    }
}

impl<T> ByName<T> {
    /// Where that of a table is; `None`: there is none.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(other, _)| **other == *name)
    }

    /// Adds that of a table that has none; where it is.
    pub(super) fn push(&mut self, name: &str, it: T) -> usize {
        self.0.push((name.into(), it));
        self.0.len() - 1
    }

    pub(super) fn at(&mut self, place: usize) -> &mut T {
        &mut self.0[place].1
    }

    /// That of a table, made if there is none.
    pub(super) fn of(&mut self, name: &str) -> &mut T
    where
        T: Default,
    {
        let place = self.place(name).unwrap_or_else(|| self.push(name, T::default()));
        self.at(place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &T)> {
        self.0.iter().map(|(name, it)| (name, it))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, it)| it)
    }
}
