//! Which rows a statement was about to change when it was refused, or when it chose to do nothing.
//!
//! A key that is taken may be of a row that another transaction is changing: then PostgreSQL waits before it
//! decides. So the statement is run once more in a form that replaces whatever has the key, and undone;
//! the rows that it changes are those that matter.

const ON_CONFLICT: &str = "ON CONFLICT";

/// Whether a statement may find a key taken and go on.
pub(super) fn may_skip(text: &str) -> bool {
    text.contains(ON_CONFLICT)
}

/// The statement with what is in its way replaced.
pub(super) fn forced(text: &str) -> String {
    let text = text.split(ON_CONFLICT).next().unwrap_or(text).trim_start();
    match text.split_once(char::is_whitespace) {
        Some((verb @ ("INSERT" | "UPDATE"), rest)) => format!("{verb} OR REPLACE {rest}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_replaced() {
        assert_eq!(forced("UPDATE t SET a = $1"), "UPDATE OR REPLACE t SET a = $1");
        let insert = "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO NOTHING RETURNING a";
        assert_eq!(forced(insert), "INSERT OR REPLACE INTO t (a) VALUES ($1) ");
        assert!(may_skip(insert) && !may_skip("INSERT INTO t (a) VALUES ($1)"));
        assert_eq!(forced("DELETE FROM t"), "DELETE FROM t");
    }
}
