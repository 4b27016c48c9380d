//! Two or three transactions whose statements take turns.

mod rows;

use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use sqlx_core::Error;

use super::*;
use crate::disk::Disk;
use crate::lock::lock;
use crate::session::{Session, Step};
use crate::statement::Bind;
use crate::{Value, install};
use Isolation::{ReadCommitted, RepeatableRead};

const TABLE: &str = "CREATE TABLE shelf (id TEXT NOT NULL PRIMARY KEY, units BIGINT NOT NULL,
    label TEXT UNIQUE, CHECK (units >= 0));
    INSERT INTO shelf VALUES ('a', 1, 'left'), ('b', 5, NULL)";

/// What a statement came to, in a word: rows, a number of changed rows, `waits`, or a code.
type Said = String;

struct Rig {
    disk: Disk,
    transactions: Arc<Mutex<Transactions>>,
}

impl Rig {
    fn new() -> Rig {
        install();
        let disk = Disk::new("overlap");
        let epoch = disk.files().epoch();
        let mut session = Session::open(&disk, epoch, "overlap.db").expect("a new disk");
        session.run(TABLE).expect("valid");
        Rig { disk, transactions: Arc::new(Mutex::new(Transactions::new(session))) }
    }

    fn begin(&self, isolation: Isolation) -> Number {
        let mut transactions = lock(&self.transactions);
        let owner = transactions.open.len() as u64;
        transactions.begin(isolation, owner)
    }

    fn run(&self, number: Number, text: &str) -> Said {
        self.run_with(number, text, &[])
    }

    fn run_with(&self, number: Number, text: &str, arguments: &[Bind<'_>]) -> Said {
        match lock(&self.transactions).run(number, text, true, arguments) {
            Ok(Ran::Done(steps)) => told(&steps),
            Ok(Ran::MustWait(turn)) => match turn.now_or_never() {
                None => "waits".to_owned(),
                Some(_) => "waits for nobody".to_owned(),
            },
            Err(error) => code(&error),
        }
    }

    fn commit(&self, number: Number) -> Said {
        match lock(&self.transactions).commit(number) {
            Ok(()) => "committed".to_owned(),
            Err(error) => code(&error),
        }
    }

    fn roll_back(&self, number: Number) {
        lock(&self.transactions).roll_back(number).expect("it is open");
    }

    fn rows(&self) -> String {
        let mut transactions = lock(&self.transactions);
        let session = transactions.committed().expect("alive");
        let rows = session.collect("SELECT id, units FROM shelf ORDER BY id", &[]).expect("valid");
        let row = |row: &Vec<Value>| {
            format!("{}{}", row[0].as_str().unwrap_or("?"), row[1].as_i64().unwrap_or(-1))
        };
        rows.iter().map(row).collect::<Vec<_>>().join(" ")
    }
}

fn told(steps: &[Step]) -> Said {
    use sqlx::Row as _;
    let mut said = Vec::new();
    for step in steps {
        match step {
            sqlx_core::Either::Left(result) => {
                said.push(format!("{} changed", result.rows_affected()))
            }
            sqlx_core::Either::Right(row) => said.push(row.get::<i64, _>(0).to_string()),
        }
    }
    said.join(" ")
}

fn code(error: &Error) -> Said {
    let code = error.as_database_error().and_then(|error| error.code());
    code.map_or_else(|| error.to_string(), |code| code.into_owned())
}

const TAKE: &str = "UPDATE shelf SET units = units - 1 WHERE id = 'a' AND units >= 1";

/// The last unit: the second to take it waits, then finds none.
#[test]
fn a_condition_is_checked_again_after_the_wait() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    assert_eq!(rig.run(one, TAKE), "1 changed");
    assert_eq!(rig.run(two, TAKE), "waits");
    assert_eq!(rig.commit(one), "committed");
    assert_eq!(rig.run(two, TAKE), "0 changed");
    assert_eq!(rig.commit(two), "committed");
    assert_eq!(rig.rows(), "a0 b5");
}

#[test]
fn whoever_is_undone_was_never_there() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    assert_eq!(rig.run(one, TAKE), "1 changed");
    assert_eq!(rig.run(two, TAKE), "waits");
    rig.roll_back(one);
    assert_eq!(rig.run(two, TAKE), "1 changed");
    assert_eq!(rig.commit(two), "committed");
    assert_eq!(rig.rows(), "a0 b5");
}

/// What is read and then written: READ COMMITTED loses an update, REPEATABLE READ refuses it.
#[test]
fn a_lost_update_is_lost_or_refused() {
    for (isolation, second, rows) in
        [(ReadCommitted, "1 changed", "a1 b6"), (RepeatableRead, "40001", "a1 b7")]
    {
        let rig = Rig::new();
        let (one, two) = (rig.begin(isolation), rig.begin(isolation));
        let read = "SELECT units FROM shelf WHERE id = 'b'";
        assert_eq!(rig.run(one, read), "5 0 changed");
        assert_eq!(rig.run(two, read), "5 0 changed");
        assert_eq!(rig.run(one, "UPDATE shelf SET units = 7 WHERE id = 'b'"), "1 changed");
        assert_eq!(rig.commit(one), "committed");
        let write = "UPDATE shelf SET units = 6 WHERE id = 'b'";
        assert_eq!(rig.run(two, write), second, "{isolation:?}");
        let end = if second == "40001" { "25P02" } else { "committed" };
        assert_eq!(rig.commit(two), end);
        assert_eq!(rig.rows(), rows);
    }
}

/// Each checks what the other changes: both levels let it pass.
#[test]
fn write_skew_passes_below_serializable() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(RepeatableRead), rig.begin(RepeatableRead));
    let sum = "SELECT sum(units) FROM shelf";
    assert_eq!(
        (rig.run(one, sum), rig.run(two, sum)),
        ("6 0 changed".into(), "6 0 changed".into())
    );
    assert_eq!(rig.run(one, "UPDATE shelf SET units = 0 WHERE id = 'a'"), "1 changed");
    assert_eq!(rig.run(two, "UPDATE shelf SET units = 0 WHERE id = 'b'"), "1 changed");
    assert_eq!(rig.commit(one), "committed");
    assert_eq!(rig.run(two, sum), "1 0 changed");
    assert_eq!(rig.commit(two), "committed");
    assert_eq!(rig.rows(), "a0 b0");
}

#[test]
fn each_level_sees_what_it_should() {
    for (isolation, seen) in [(ReadCommitted, "9 0 changed"), (RepeatableRead, "5 0 changed")] {
        let rig = Rig::new();
        let reader = rig.begin(isolation);
        let read = "SELECT units FROM shelf WHERE id = 'b'";
        assert_eq!(rig.run(reader, read), "5 0 changed");
        let writer = rig.begin(isolation);
        assert_eq!(rig.run(writer, "UPDATE shelf SET units = 9 WHERE id = 'b'"), "1 changed");
        assert_eq!(rig.run(writer, "DELETE FROM shelf WHERE id = 'a'"), "1 changed");
        assert_eq!(rig.run(writer, "INSERT INTO shelf VALUES ('c', 2, 'left')"), "1 changed");
        // Nobody sees what is not committed; its author does, though others were loaded meanwhile.
        assert_eq!(rig.run(reader, read), "5 0 changed");
        assert_eq!(rig.run(writer, read), "9 0 changed");
        assert_eq!(rig.commit(writer), "committed");
        assert_eq!(rig.run(reader, read), seen, "{isolation:?}");
        assert_eq!(rig.rows(), "b9 c2");
        assert_eq!(rig.run(reader, read), seen, "{isolation:?}");
        assert_eq!(rig.commit(reader), "committed");
    }
}

#[test]
fn who_closes_a_circle_is_refused() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    let set = |id: &str| format!("UPDATE shelf SET units = 3 WHERE id = '{id}'");
    assert_eq!(rig.run(one, &set("a")), "1 changed");
    assert_eq!(rig.run(two, &set("b")), "1 changed");
    assert_eq!(rig.run(one, &set("b")), "waits");
    assert_eq!(rig.run(two, &set("a")), "40P01");
    assert_eq!(rig.run(two, &set("b")), "25P02");
    rig.roll_back(two);
    assert_eq!(rig.run(one, &set("b")), "1 changed");
    assert_eq!(rig.commit(one), "committed");
    assert_eq!(rig.rows(), "a3 b3");
}

/// By the primary key and by another unique key alike.
#[test]
fn a_key_is_waited_for() {
    for insert in
        ["INSERT INTO shelf VALUES ('c', 1, 'x')", "INSERT INTO shelf VALUES ('d', 1, 'right')"]
    {
        let rig = Rig::new();
        let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
        assert_eq!(rig.run(one, "INSERT INTO shelf VALUES ('c', 2, 'right')"), "1 changed");
        assert_eq!(rig.run(two, insert), "waits");
        assert_eq!(rig.commit(one), "committed");
        let refused = rig.run(two, insert);
        // UNIQUE or PRIMARY KEY, in SQLite's codes.
        assert!(["2067", "1555"].contains(&refused.as_str()), "{refused}");
        rig.roll_back(two);
        assert_eq!(rig.rows(), "a1 b5 c2");
    }
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    let once = "INSERT INTO shelf VALUES ('c', 2, NULL) ON CONFLICT (id) DO NOTHING";
    assert_eq!(rig.run(one, once), "1 changed");
    assert_eq!(rig.run(two, once), "waits");
    assert_eq!(rig.commit(one), "committed");
    assert_eq!(rig.run(two, once), "0 changed");
}

#[test]
fn a_savepoint_is_gone_back_to_whoever_was_loaded() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    assert_eq!(rig.run(one, "UPDATE shelf SET units = 3 WHERE id = 'a'"), "1 changed");
    lock(&rig.transactions).savepoint(one);
    assert_eq!(rig.run(one, "UPDATE shelf SET units = 4 WHERE id = 'a'"), "1 changed");
    assert_eq!(rig.run(two, "SELECT units FROM shelf WHERE id = 'a'"), "1 0 changed");
    lock(&rig.transactions).roll_back_to_savepoint(one).expect("it is open");
    assert_eq!(rig.run(one, "SELECT units FROM shelf WHERE id = 'a'"), "3 0 changed");
    assert_eq!(rig.commit(one), "committed");
    assert_eq!(rig.rows(), "a3 b5");
}

/// A commit that was put aside is told as what it changed, once.
#[test]
fn what_is_committed_is_told() {
    let rig = Rig::new();
    rig.disk.take_changes();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    assert_eq!(rig.run(one, TAKE), "1 changed");
    assert_eq!(rig.run(two, "DELETE FROM shelf WHERE id = 'b'"), "1 changed");
    assert_eq!(rig.disk.take_changes(), []);
    assert_eq!(rig.commit(one), "committed");
    assert_eq!(rig.disk.take_changes().len(), 1);
    assert_eq!(rig.commit(two), "committed");
    assert_eq!(rig.disk.take_changes().len(), 1);
}

#[test]
fn a_table_without_a_key_is_refused_by_its_name() {
    let rig = Rig::new();
    lock(&rig.transactions)
        .committed()
        .expect("alive")
        .run("CREATE TABLE loose (n BIGINT)")
        .expect("valid");
    let one = rig.begin(ReadCommitted);
    let said = rig.run(one, "INSERT INTO loose VALUES (1)");
    assert!(said.contains("the table loose has no primary key"), "{said}");
}

/// Whoever is thrown out is undone, and learns of it; nobody else is touched.
#[test]
fn whoever_is_thrown_out_is_in_nobodys_way() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    assert_eq!(rig.run(one, TAKE), "1 changed");
    assert_eq!(rig.run(two, TAKE), "waits");
    lock(&rig.transactions).evict(0).expect("alive");
    assert_eq!(rig.run(two, TAKE), "1 changed");
    assert_eq!((rig.run(one, TAKE), rig.commit(one)), ("25P02".to_owned(), "25P02".to_owned()));
    assert_eq!(rig.commit(two), "committed");
    assert_eq!(rig.rows(), "a0 b5");
}

/// The key goes from one to the next in the queue, also past those who have given up, and past whoever
/// finds that it does not want it any more.
#[test]
fn whoever_waits_has_its_turn() {
    let rig = Rig::new();
    let [holder, first, gone, last] = [(); 4].map(|()| rig.begin(ReadCommitted));
    let wait = |number| match lock(&rig.transactions).run(number, TAKE, true, &[]) {
        Ok(Ran::MustWait(turn)) => turn,
        _ => panic!("it waits"),
    };
    assert_eq!(rig.run(holder, TAKE), "1 changed");
    let (first_turn, gone_turn, mut last_turn) = (wait(first), wait(gone), wait(last));
    assert_eq!(rig.commit(holder), "committed");
    assert_eq!(first_turn.now_or_never(), Some(Ok(())));
    assert!((&mut last_turn).now_or_never().is_none(), "one at a time");
    rig.roll_back(gone);
    drop(gone_turn);
    assert!((&mut last_turn).now_or_never().is_none(), "it is still the first one's turn");
    assert_eq!(rig.run(first, TAKE), "0 changed");
    assert_eq!(last_turn.now_or_never(), Some(Ok(())), "the first did not take it");
    assert_eq!((rig.commit(first), rig.commit(last)), ("committed".into(), "committed".into()));
    assert_eq!(rig.rows(), "a0 b5");
}

/// Power is lost while somebody waits: the wait is over, and then the database is gone.
#[test]
fn a_power_cut_ends_every_wait() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    assert_eq!(rig.run(one, TAKE), "1 changed");
    let waits = lock(&rig.transactions).run(two, TAKE, true, &[]).expect("alive");
    let Ran::MustWait(turn) = waits else { panic!("it waits") };
    rig.disk.power_cut();
    lock(&rig.transactions).end_all();
    assert!(turn.now_or_never().is_some());
    // SQLite's "disk I/O error".
    assert_eq!(rig.run(two, TAKE), "10");
}

/// SQLite does not tell of rows that are replaced, nor of those of a table that is emptied.
#[test]
fn rows_that_sqlite_does_not_tell_of_are_locked_too() {
    for text in ["DELETE FROM shelf", "INSERT OR REPLACE INTO shelf VALUES ('c', 1, 'left')"] {
        let rig = Rig::new();
        let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
        rig.run(one, text);
        assert_eq!(rig.run(two, TAKE), "waits", "{text}");
        assert_eq!(rig.commit(one), "committed");
        assert_eq!(rig.run(two, TAKE), "0 changed", "{text}");
    }
}
