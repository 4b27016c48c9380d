//! Rows, and what is most often asked of them.

use stormproof_ports::sql::Value;

/// The rows of a query; `None`: nobody can see them now.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows(pub Option<Vec<Vec<Value>>>);

impl Rows {
    /// No row is there twice.
    ///
    /// # Errors
    /// The first that is.
    pub fn unique(&self) -> Result<(), String> {
        let rows = self.0.as_deref().unwrap_or_default();
        let twice = rows.iter().enumerate().find(|(place, row)| rows[..*place].contains(row));
        twice.map_or(Ok(()), |(_, row)| Err(format!("{} is there twice", words(row))))
    }

    /// There are none.
    ///
    /// # Errors
    /// The first that is there, and how many.
    pub fn none(&self) -> Result<(), String> {
        match self.0.as_deref().unwrap_or_default() {
            [] => Ok(()),
            [row] => Err(format!("{} is there", words(row))),
            [row, ..] => {
                let all = self.0.as_ref().map_or(0, Vec::len);
                Err(format!("{} is there, and {} more", words(row), all - 1))
            }
        }
    }

    /// The same rows are in both, in whatever order. What nobody can see is not compared.
    ///
    /// # Errors
    /// The first that is in one of them only.
    pub fn same(&self, other: Rows) -> Result<(), String> {
        let (Some(one), Some(other)) = (&self.0, &other.0) else { return Ok(()) };
        let only = |these: &[Vec<Value>], those: &[Vec<Value>]| {
            let count = |rows: &[Vec<Value>], row| rows.iter().filter(|it| *it == row).count();
            let mut rows = these.iter();
            rows.find(|row| count(these, *row) > count(those, *row)).map(|row| words(row))
        };
        match (only(one, other), only(other, one)) {
            (None, None) => Ok(()),
            (Some(row), _) => Err(format!("{row} is in the first only")),
            (None, Some(row)) => Err(format!("{row} is in the second only")),
        }
    }
}

fn words(row: &[Value]) -> String {
    let word = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
    };
    row.iter().map(word).collect::<Vec<_>>().join(" ")
}
