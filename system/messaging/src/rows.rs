//! Statements about several rows at once, in a few sizes only: each text is prepared once a connection.

use std::sync::OnceLock;

/// The most rows of one `INSERT`.
pub(crate) const ROWS_MAX: usize = 8;

/// The most ids of one statement.
pub(crate) const IDS_MAX: usize = 64;

/// An `INSERT` of rows of so many columns.
pub(crate) struct Insert {
    /// With `{}` for the rows.
    template: &'static str,
    columns: usize,
    texts: OnceLock<Vec<String>>,
}

impl Insert {
    pub(crate) const fn new(template: &'static str, columns: usize) -> Insert {
        Insert { template, columns, texts: OnceLock::new() }
    }

    /// The text for `rows` rows, from 1 to [`ROWS_MAX`].
    pub(crate) fn text(&'static self, rows: usize) -> &'static str {
        let texts = self.texts.get_or_init(|| (1..=ROWS_MAX).map(|rows| self.of(rows)).collect());
        &texts[rows - 1]
    }

    fn of(&self, rows: usize) -> String {
        let row = |row: usize| {
            let places = 1 + row * self.columns..=(row + 1) * self.columns;
            format!("({})", places.map(|it| format!("${it}")).collect::<Vec<_>>().join(", "))
        };
        self.template.replace("{}", &(0..rows).map(row).collect::<Vec<_>>().join(", "))
    }
}

/// A statement about rows with one of some ids, which are its last parameters.
pub(crate) struct ByIds {
    /// With `{}` for the ids.
    template: &'static str,
    /// The number of the first id's parameter.
    first: usize,
    texts: OnceLock<Vec<String>>,
}

impl ByIds {
    pub(crate) const fn new(template: &'static str, first: usize) -> ByIds {
        ByIds { template, first, texts: OnceLock::new() }
    }

    /// The text for at least `ids` ids, from 1 to [`IDS_MAX`], and how many it has: what is missing is
    /// filled up with one that is there.
    pub(crate) fn text(&'static self, ids: usize) -> (&'static str, usize) {
        let size = ids.next_power_of_two();
        let texts = self.texts.get_or_init(|| {
            let sizes = (0..=IDS_MAX.ilog2()).map(|it| 1_usize << it);
            sizes.map(|size| self.of(size)).collect()
        });
        (&texts[size.ilog2() as usize], size)
    }

    fn of(&self, ids: usize) -> String {
        let places = self.first..self.first + ids;
        self.template
            .replace("{}", &places.map(|it| format!("${it}")).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_its_text() {
        static INSERT: Insert = Insert::new("INSERT INTO seat (row, number) VALUES {}", 2);
        assert_eq!(INSERT.text(1), "INSERT INTO seat (row, number) VALUES ($1, $2)");
        assert_eq!(INSERT.text(2), "INSERT INTO seat (row, number) VALUES ($1, $2), ($3, $4)");
        assert!(INSERT.text(ROWS_MAX).ends_with("($15, $16)"));
        static FREE: ByIds = ByIds::new("UPDATE seat SET taken = $1 WHERE id IN ({})", 2);
        assert_eq!(FREE.text(1), ("UPDATE seat SET taken = $1 WHERE id IN ($2)", 1));
        assert_eq!(FREE.text(3), ("UPDATE seat SET taken = $1 WHERE id IN ($2, $3, $4, $5)", 4));
        assert_eq!(FREE.text(IDS_MAX).1, IDS_MAX);
    }
}
