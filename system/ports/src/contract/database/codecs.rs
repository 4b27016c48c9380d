//! What the codecs of [`crate::sql`] write comes back, and what is none of theirs is an error that
//! says so.

use std::collections::BTreeMap;

use sqlx::AnyConnection;
use uuid::Uuid;

use super::super::{Broken, Kept, ensure};
use super::value;
use crate::Database;
use crate::sql::{Flag, JsonText, UuidText};
use crate::time::Time;

type Map = BTreeMap<String, Vec<Option<i64>>>;

/// A row of `contract_values` as somebody's own type.
#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Coded<W, T> {
    whole: W,
    words: T,
}

pub(super) async fn keeps_codecs(database: &dyn Database) -> Kept {
    let uuid = Uuid::from_u128(0x0190_a3f7_ffff_7000_8000_0000_0000_000b);
    let map = Map::from([("it's \"ä\"".to_owned(), vec![Some(i64::MIN), None])]);
    let (time, json) = (Time(1_893_456_000_000_001), JsonText(map));
    let mut session = database.begin().await?;
    let sql = session.connection();
    write(sql, "coded 1", Some(time), Some(UuidText(uuid))).await?;
    write(sql, "coded 2", Some(Flag(true)), Some(json.clone())).await?;
    write(sql, "coded 3", None::<Flag>, None::<UuidText>).await?;
    session.commit(&[]).await?;

    let mut session = database.begin().await?;
    let sql = session.connection();
    let first: Coded<Time, UuidText> = read(sql, "coded 1").await?;
    let expected = Coded { whole: time, words: UuidText(uuid) };
    ensure(first == expected, || format!("{first:?}, not {expected:?}"))?;
    let second: Coded<Flag, JsonText<Map>> = read(sql, "coded 2").await?;
    let expected = Coded { whole: Flag(true), words: json };
    ensure(second == expected, || format!("{second:?}, not {expected:?}"))?;
    let third: Coded<Option<Time>, Option<JsonText<Map>>> = read(sql, "coded 3").await?;
    let expected = Coded { whole: None, words: None };
    ensure(third == expected, || format!("{third:?}, not {expected:?}"))?;
    // Found by its value, and as plain text: what is kept is the same on every engine.
    let id: String = sqlx::query_scalar("SELECT id FROM contract_values WHERE words = $1")
        .bind(UuidText(uuid))
        .fetch_one(&mut *sql)
        .await?;
    let plain: Coded<i64, String> = read(sql, &id).await?;
    let expected = Coded { whole: time.0, words: uuid.to_string() };
    ensure(plain == expected, || format!("{plain:?}, not {expected:?}"))
}

/// Errors name the column, what it holds and what was expected.
pub(super) async fn tells_what_no_codec_wrote(database: &dyn Database) -> Kept {
    let mut session = database.begin().await?;
    let sql = session.connection();
    value(sql, "uncoded", Some(2), Some("[1, 2")).await?;
    let told = [
        says(read::<Coded<Flag, String>>(sql, "uncoded").await, &["whole", "BIGINT", "0 or 1"]),
        says(read::<Coded<i64, UuidText>>(sql, "uncoded").await, &["words", "TEXT", "a UUID"]),
        says(
            read::<Coded<i64, JsonText<Map>>>(sql, "uncoded").await,
            &["words", "TEXT", "BTreeMap"],
        ),
        says(
            read::<Coded<UuidText, String>>(sql, "uncoded").await,
            &["whole", "UuidText", "BIGINT"],
        ),
        says(read::<Coded<i64, Time>>(sql, "uncoded").await, &["words", "Time", "TEXT"]),
    ];
    told.into_iter().collect()
}

fn says<T: std::fmt::Debug>(read: sqlx::Result<T>, words: &[&str]) -> Kept {
    let told = match read {
        Ok(value) => return Err(Broken(format!("read as {value:?}"))),
        Err(error) => error.to_string(),
    };
    let missing = words.iter().find(|word| !told.contains(**word));
    ensure(missing.is_none(), || format!("{told:?} does not say {missing:?}"))
}

async fn write<'q, W, T>(
    sql: &mut AnyConnection,
    id: &'q str,
    whole: Option<W>,
    words: Option<T>,
) -> sqlx::Result<()>
where
    W: sqlx::Encode<'q, sqlx::Any> + sqlx::Type<sqlx::Any> + 'q,
    T: sqlx::Encode<'q, sqlx::Any> + sqlx::Type<sqlx::Any> + 'q,
{
    let insert = "INSERT INTO contract_values (id, whole, words) VALUES ($1, $2, $3)";
    sqlx::query(insert).bind(id).bind(whole).bind(words).execute(sql).await.map(drop)
}

async fn read<T>(sql: &mut AnyConnection, id: &str) -> sqlx::Result<T>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::any::AnyRow> + Send + Unpin,
{
    let select = "SELECT whole, words FROM contract_values WHERE id = $1";
    sqlx::query_as(select).bind(id.to_owned()).fetch_one(sql).await
}
