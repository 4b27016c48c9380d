//! What goes in comes out, in the same order, and adds up to the same.

use sqlx::Row as _;

use super::super::{Kept, ensure};
use super::{insert, value};
use crate::Database;

/// BIGINT, TEXT and NULL, at their ends. An empty text is not NULL.
pub(super) async fn keeps_values(database: &dyn Database) -> Kept {
    let long = "säule ".repeat(20_000);
    let cases: [(Option<i64>, Option<&str>); 7] = [
        (Some(i64::MIN), Some("")),
        (Some(i64::MAX), Some("it's \"quoted\" \\ ?1 $1 :a @b %_")),
        (Some(0), Some("line\r\nline\ttab\u{1}")),
        (Some(-1), Some("日本 🫖 ß İ e\u{301} \u{10ffff}")),
        (Some(1 << 53), Some(&long)),
        (None, Some("007")),
        (Some(1_893_456_000_000_000), None),
    ];
    let mut session = database.begin().await?;
    for (number, (whole, words)) in cases.iter().enumerate() {
        value(session.connection(), &format!("kept {number}"), *whole, *words).await?;
    }
    session.commit(&[]).await?;
    let mut session = database.begin().await?;
    for (number, (whole, words)) in cases.iter().enumerate() {
        let sql = "SELECT whole, words FROM contract_values WHERE id = $1";
        let row =
            sqlx::query(sql).bind(format!("kept {number}")).fetch_one(session.connection()).await?;
        let found: (Option<i64>, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        ensure(found.0 == *whole, || format!("{whole:?} comes back as {:?}", found.0))?;
        ensure(found.1.as_deref() == *words, || {
            let beginning = |words: &str| words.chars().take(60).collect::<String>();
            let (there, back) = (words.map(beginning), found.1.as_deref().map(beginning));
            format!("{there:?} comes back as {back:?} (their beginnings)")
        })?;
    }
    Ok(())
}

/// In the order of their bytes, which is also the order of their characters' numbers: upper case
/// before lower, nothing skipped, the shorter first.
pub(super) async fn sorts_text_by_bytes(database: &dyn Database) -> Kept {
    let sorted =
        ["!", "-a", "0", "10", "9", "A", "B", "_", "a", "a b", "a-b", "aB", "ab", "b", "ä"];
    let mut session = database.begin().await?;
    for (number, id) in sorted.iter().rev().enumerate() {
        insert(session.connection(), &format!("sorted {id}"), number as i64).await?;
    }
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM contract_numbers WHERE id >= $1 AND id < $2 ORDER BY id",
    )
    .bind("sorted ")
    .bind("sorted!")
    .fetch_all(session.connection())
    .await?;
    let found: Vec<_> = found.iter().map(|id| id.trim_start_matches("sorted ")).collect();
    ensure(found == sorted, || format!("sorted as {found:?}"))
}

/// COUNT is BIGINT everywhere; SUM is only after a CAST. LIMIT takes an argument, and NULL is no
/// number to a sum.
pub(super) async fn counts_and_sums_alike(database: &dyn Database) -> Kept {
    let mut session = database.begin().await?;
    for (number, whole) in [Some(4), None, Some(-1), Some(i64::from(u32::MAX))].iter().enumerate() {
        value(session.connection(), &format!("summed {number}"), *whole, None).await?;
    }
    let row = sqlx::query(
        "SELECT COUNT(*), COUNT(whole), CAST(SUM(whole) AS BIGINT), MAX(whole), 7 / 2 * MIN(whole) \
         FROM contract_values WHERE id >= 'summed' AND id < 'summee'",
    )
    .fetch_one(session.connection())
    .await?;
    let mut found: Vec<i64> = Vec::new();
    for place in 0..5 {
        found.push(row.try_get(place)?);
    }
    let expected = [4, 3, 4 - 1 + i64::from(u32::MAX), i64::from(u32::MAX), -3];
    ensure(found == expected, || format!("{found:?}, not {expected:?}"))?;
    let sql = "SELECT id FROM contract_values WHERE id >= 'summed' AND id < 'summee' \
               ORDER BY id LIMIT $1";
    let some = sqlx::query(sql).bind(2_i64).fetch_all(session.connection()).await?;
    ensure(some.len() == 2, || format!("LIMIT 2 gives {} rows", some.len()))
}
