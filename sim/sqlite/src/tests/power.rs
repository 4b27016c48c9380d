//! Random transactions, cut at every disk operation they make: what was acknowledged must be
//! there after the power is back, what was rolled back must not, and the file must be sound.

use std::collections::BTreeMap;

use super::*;

/// Numbers enough to vary a test.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = contents::mix(self.0.wrapping_add(1), 0x5EED);
        self.0 % end
    }
}

type Rows = BTreeMap<i64, i64>;

/// What a run knows: the rows acknowledged, and those a commit without an answer would leave.
struct Outcome {
    acknowledged: Rows,
    perhaps: Rows,
}

async fn transact(
    connection: &mut AnyConnection,
    random: &mut Random,
    rows: &mut Rows,
    perhaps: &mut Rows,
) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut next = rows.clone();
    for _ in 0..=random.below(4) {
        let (id, value) = (random.below(20) as i64, random.below(1_000) as i64);
        if random.below(4) == 0 {
            let delete = query("DELETE FROM entry WHERE id = $1").bind(id);
            delete.execute(&mut *transaction).await?;
            next.remove(&id);
        } else {
            // Some rows take pages of their own, so that a commit is many operations.
            let padding = "x".repeat(random.below(3_000) as usize);
            query(
                "INSERT INTO entry (id, value, padding) VALUES ($1, $2, $3)
                ON CONFLICT (id) DO UPDATE SET value = $2, padding = $3",
            )
            .bind(id)
            .bind(value)
            .bind(padding)
            .execute(&mut *transaction)
            .await?;
            next.insert(id, value);
        }
    }
    if random.below(5) == 0 {
        return transaction.rollback().await;
    }
    perhaps.clone_from(&next);
    transaction.commit().await?;
    *rows = next;
    Ok(())
}

async fn work(
    disk: &Disk,
    seed: u64,
    settings: &'static str,
    outcome: &mut Outcome,
) -> sqlx::Result<()> {
    let mut random = Random(seed);
    let mut connection = open(disk, "test.db").await?;
    connection.execute(settings).await?;
    connection
        .execute(
            "CREATE TABLE IF NOT EXISTS entry
            (id BIGINT PRIMARY KEY, value BIGINT NOT NULL, padding TEXT NOT NULL)",
        )
        .await?;
    for _ in 0..6 {
        transact(&mut connection, &mut random, &mut outcome.acknowledged, &mut outcome.perhaps)
            .await?;
    }
    connection.close().await
}

fn rows_on(disk: &Disk) -> sqlx::Result<Rows> {
    let mut connection = now(open(disk, "test.db"))?;
    let check: String = now(query_scalar("PRAGMA integrity_check").fetch_one(&mut connection))?;
    assert_eq!(check, "ok");
    let table = "SELECT name FROM sqlite_schema WHERE name = 'entry'";
    if now(query(table).fetch_optional(&mut connection))?.is_none() {
        return Ok(Rows::new());
    }
    let rows: Vec<(i64, i64)> =
        now(query_as("SELECT id, value FROM entry").fetch_all(&mut connection))?;
    Ok(rows.into_iter().collect())
}

/// Runs `seed`, cut at its `operation`-th operation. Answers whether it was cut, and whether the
/// rows found afterwards are such as may be.
fn cut_run(seed: u64, operation: u64, settings: &'static str) -> (bool, bool) {
    let disk = Disk::new("test");
    disk.cut_after(operation);
    let mut outcome = Outcome { acknowledged: Rows::new(), perhaps: Rows::new() };
    let result = now(work(&disk, seed, settings, &mut outcome));
    let cut = disk.is_failing();
    assert!(result.is_ok() || cut, "seed {seed}: {result:?}");
    disk.power_cut();
    let found = rows_on(&disk).expect("the database opens after a power cut");
    (cut, found == outcome.acknowledged || cut && found == outcome.perhaps)
}

/// Cuts the run of a seed at every `stride`-th operation it makes; answers how often.
fn cut_everywhere(seed: u64, stride: usize, settings: &'static str) -> usize {
    for (cuts, operation) in (1 + seed % stride as u64..).step_by(stride).enumerate() {
        let (cut, sound) = cut_run(seed, operation, settings);
        assert!(sound, "seed {seed}, operation {operation}, {settings:?}");
        if !cut {
            return cuts;
        }
    }
    unreachable!("a run has an end")
}

#[test]
fn no_acknowledged_commit_is_lost() {
    install();
    let cuts: usize = (0..20).map(|seed| cut_everywhere(seed, 1, "")).sum();
    let more: usize = (20..300).map(|seed| cut_everywhere(seed, 17, "")).sum();
    assert!(cuts > 1_000 && more > 1_000, "{cuts} and {more} cuts are too few");
}

#[test]
fn checkpoints_lose_nothing_either() {
    install();
    let cuts: usize =
        (0..10).map(|seed| cut_everywhere(seed, 1, "PRAGMA wal_autocheckpoint=5")).sum();
    assert!(cuts > 500, "{cuts} cuts are too few");
}

#[test]
fn without_syncs_commits_are_lost() {
    install();
    let lost = (0..20)
        .flat_map(|seed| [60, 80].map(|operation| (seed, operation)))
        .filter(|(seed, operation)| !cut_run(*seed, *operation, "PRAGMA synchronous=OFF").1)
        .count();
    assert!(lost > 10, "only {lost} of 40 runs lost a commit");
}

#[test]
fn a_disk_survives_being_cut_again_and_again() {
    install();
    let disk = Disk::new("test");
    let mut random = Random(7);
    let mut rows = Rows::new();
    for round in 0..200 {
        disk.cut_after(random.below(120) + 1);
        let mut outcome = Outcome { acknowledged: rows.clone(), perhaps: rows.clone() };
        now(work(&disk, round, "", &mut outcome)).ok();
        disk.power_cut();
        rows = rows_on(&disk).expect("the database opens after a power cut");
        assert!(rows == outcome.acknowledged || rows == outcome.perhaps, "round {round}");
    }
}
