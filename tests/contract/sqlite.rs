//! The embedded database's file: how it is opened, and what survives its process.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use stormproof_bindings::database::{OpenError, Sql};
use stormproof_ports::{Database as _, contract};

use super::scratch::Scratch;

/// Tells the test that plays the other process which file it works on.
const FILE: &str = "STORMPROOF_TEST_FILE";

async fn open(path: &Path) -> Sql {
    let sql = Sql::sqlite(path).await.unwrap_or_else(|error| panic!("{error}"));
    sql.migrate(&contract::database::migrator()).await.expect("the tables are known");
    sql
}

async fn insert(sql: &Sql, number: i64) {
    let mut session = sql.begin().await.expect("nobody else is there");
    let insert = sqlx::query("INSERT INTO contract_numbers (id, n) VALUES ($1, $2)");
    let insert = insert.bind(format!("{number:05}")).bind(number);
    insert.execute(session.connection()).await.expect("the key is new");
    session.commit(&[]).await.expect("the disk has room");
}

async fn numbers(sql: &Sql) -> Vec<i64> {
    let mut session = sql.begin().await.expect("nobody else is there");
    let select = sqlx::query_scalar("SELECT n FROM contract_numbers ORDER BY id");
    select.fetch_all(session.connection()).await.expect("the table is there")
}

#[tokio::test]
async fn every_commit_is_on_the_disk() {
    let scratch = Scratch::new("pragmas");
    let path = scratch.path().join("with space, % and ?.db");
    for _ in 0..2 {
        let sql = open(&path).await;
        let mut session = sql.begin().await.expect("nobody else is there");
        let mut pragma = async |pragma: &'static str| -> String {
            let row = sqlx::query_scalar(pragma).fetch_one(session.connection()).await;
            row.unwrap_or_else(|error| panic!("{pragma}: {error}"))
        };
        assert_eq!(pragma("SELECT locking_mode FROM pragma_locking_mode").await, "exclusive");
        assert_eq!(pragma("SELECT journal_mode FROM pragma_journal_mode").await, "wal");
        let extra = "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous";
        assert_eq!(pragma(extra).await, "3");
        let keys = "SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys";
        assert_eq!(pragma(keys).await, "1");
        drop(session);
        sql.close().await;
    }
    assert!(path.exists(), "the file has the name that it was given");
}

#[tokio::test]
async fn a_damaged_file_is_told_at_the_start() {
    let scratch = Scratch::new("damaged");
    let path = scratch.path().join("shop.db");
    let sql = open(&path).await;
    for number in 0..300 {
        insert(&sql, number).await;
    }
    sql.close().await;
    let whole = fs::read(&path).expect("it is there");
    assert!(whole.len() > 5 * 4096, "{} bytes", whole.len());
    assert_eq!(numbers(&open(&path).await).await.len(), 300);

    let mut flipped = whole.clone();
    flipped[3 * 4096..4 * 4096].fill(0xa5);
    let mut torn = whole.clone();
    torn.truncate(3 * 4096 + 100);
    let cases = [("flipped", flipped), ("torn", torn), ("text", vec![b'x'; 5000])];
    for (name, bytes) in cases {
        let path = scratch.path().join(name);
        fs::write(&path, bytes).expect("the folder is ours");
        let result = Sql::sqlite(&path).await.err();
        assert!(matches!(result, Some(OpenError::Damaged(..))), "{name}: {result:?}");
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_told() {
    let scratch = Scratch::new("unwritable");
    let absent: PathBuf = scratch.path().join("absent/shop.db");
    for path in [absent.as_path(), scratch.path(), Path::new("/proc/shop.db")] {
        let result = Sql::sqlite(path).await.err();
        let told = matches!(result, Some(OpenError::NotWritable(..)));
        assert!(told, "{}: {result:?}", path.display());
    }
}

#[tokio::test]
async fn a_file_that_was_opened_is_in_use_until_it_is_closed() {
    let scratch = Scratch::new("in-use");
    let path = scratch.path().join("shop.db");
    let first = Sql::sqlite(&path).await.expect("a new file");
    let second = Sql::sqlite(&path).await.err();
    assert!(matches!(second, Some(OpenError::InUse(_))), "{second:?}");
    first.close().await;
    let third = Sql::sqlite(&path).await.err();
    assert!(third.is_none(), "{third:?}");
}

/// The other process is this binary, playing the test below.
#[tokio::test]
async fn a_killed_process_keeps_what_it_committed_and_lets_go() {
    let scratch = Scratch::new("killed");
    let path = scratch.path().join("shop.db");
    let mut other = OtherProcess::start(&path);
    let mut told = Vec::new();
    while told.len() < 20 {
        told.push(other.hears_of());
    }
    let result = Sql::sqlite(&path).await.err();
    assert!(matches!(result, Some(OpenError::InUse(_))), "{result:?}");
    other.kill();

    let found = numbers(&open(&path).await).await;
    for number in told {
        assert!(found.contains(&number), "{number} was told, and is not there");
    }
    for writer in 0..WRITERS {
        let its: Vec<i64> = found.iter().copied().filter(|it| it % WRITERS == writer).collect();
        let whole: Vec<i64> = (0..its.len() as i64).map(|it| it * WRITERS + writer).collect();
        assert_eq!(its, whole, "nothing is there by halves");
    }
}

/// Who write at once, so that their commits meet.
const WRITERS: i64 = 4;

#[tokio::test]
#[ignore = "plays the other process for a_killed_process_keeps_what_it_committed_and_lets_go"]
async fn plays_the_other_process() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let sql = open(Path::new(&path)).await;
    let write = async |writer: i64| {
        for number in 0..1_000_000 {
            let number = number * WRITERS + writer;
            insert(&sql, number).await;
            writeln!(std::io::stdout(), "committed {number}").expect("somebody listens");
        }
    };
    futures::future::join_all((0..WRITERS).map(write)).await;
}

/// Of transactions that are made durable together each is undone by itself.
#[tokio::test]
async fn transactions_that_share_a_commit_share_nothing_else() {
    let scratch = Scratch::new("together");
    let path = scratch.path().join("shop.db");
    let sql = open(&path).await;
    let work = async |number: i64| {
        let mut session = sql.begin().await.expect("its turn comes");
        let insert = sqlx::query("INSERT INTO contract_numbers (id, n) VALUES ($1, $2)");
        let insert = insert.bind(format!("{number:05}")).bind(number);
        insert.execute(session.connection()).await.expect("the key is new");
        match number % 3 {
            0 => session.commit(&[]).await.expect("the disk has room"),
            1 => drop(session),
            _ => {
                let again = sqlx::query("INSERT INTO contract_numbers (id, n) VALUES ('00000', 0)");
                assert!(again.execute(session.connection()).await.is_err(), "the key is known");
                session.commit(&[]).await.expect("a failed statement is undone alone");
            }
        }
    };
    futures::future::join_all((0..60).map(work)).await;
    let expected: Vec<i64> = (0..60).filter(|number| number % 3 != 1).collect();
    assert_eq!(numbers(&sql).await, expected);
    sql.close().await;
    assert_eq!(numbers(&open(&path).await).await, expected, "and so it is on the disk");
}

/// A disk without room undoes all that is not durable yet. Who was told of a commit has it all the same.
#[tokio::test]
async fn who_was_told_of_a_commit_has_it_when_the_disk_is_full() {
    let scratch = Scratch::new("full");
    let path = scratch.path().join("shop.db");
    let sql = open(&path).await;
    let mut session = sql.begin().await.expect("nobody else is there");
    let bound = sqlx::query("PRAGMA max_page_count = 40").execute(session.connection()).await;
    bound.expect("it is a pragma");
    drop(session);
    let work = async |number: i64| {
        let mut session = sql.begin().await.ok()?;
        // The id takes most of a page.
        let insert = sqlx::query("INSERT INTO contract_numbers (id, n) VALUES ($1, $2)");
        let insert = insert.bind(format!("{number:03000}")).bind(number);
        insert.execute(session.connection()).await.ok()?;
        session.commit(&[]).await.ok().map(|()| number)
    };
    let told = futures::future::join_all((0..200).map(work)).await;
    let told: Vec<i64> = told.into_iter().flatten().collect();
    assert!(!told.is_empty() && told.len() < 100, "{} of 200 found room", told.len());
    sql.close().await;
    assert_eq!(numbers(&open(&path).await).await, told);
}

struct OtherProcess {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl OtherProcess {
    fn start(path: &Path) -> OtherProcess {
        let mut child = Command::new(std::env::current_exe().expect("this binary has a path"))
            .args(["--exact", "contract::sqlite::plays_the_other_process"])
            .args(["--ignored", "--nocapture"])
            .env(FILE, path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary runs");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        OtherProcess { child, lines }
    }

    /// The next number that the other process has committed.
    fn hears_of(&mut self) -> i64 {
        loop {
            let line = self.lines.next().expect("it goes on").expect("it writes text");
            if let Some((_, number)) = line.split_once("committed ") {
                return number.parse().expect("a number");
            }
        }
    }

    fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it was killed");
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
    }
}
