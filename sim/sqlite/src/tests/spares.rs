//! Sessions that serve one disk after the other: what stays, what must not show, and who gets none.

use std::ptr;
use std::sync::{Mutex, MutexGuard};

use libsqlite3_sys as ffi;

use super::*;
use crate::lock::lock;
use crate::mvcc::Transactions;
use crate::reader::Reader as _;
use crate::session::Session;
use crate::spares::{SPARES_MAX, waiting};

const FILE: &str = "test.db";

const SCHEMA: &str = "CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE);
    CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT);
    INSERT INTO note VALUES (1, 'there from the start')";

const ADD: &str = "INSERT INTO item (name) VALUES ('new')";
const COUNT: &str = "SELECT count(*), max(id) FROM item";

/// Spares belong to the process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    install();
    lock(&TURN)
}

/// The image of a database with this schema.
fn image(schema: &'static str) -> Image {
    let disk = Disk::new("origin");
    let mut connection = now(open(&disk, FILE)).unwrap();
    now(connection.execute(schema)).unwrap();
    now(connection.close()).unwrap();
    disk.image()
}

fn disk_of(image: &Image) -> Disk {
    Disk::from_image("test", image)
}

fn session_on(disk: &Disk) -> Session {
    let epoch = disk.files().epoch();
    Session::open(disk, epoch, FILE).unwrap()
}

/// Whether it has served another disk before: then it has compiled statements that nobody has asked it for.
fn is_spare(session: &Session) -> bool {
    session.cached() == 0 && !session.statements.compiled().is_empty()
}

/// What a text answers, kept compiled as sqlx's statements are.
fn ask(session: &mut Session, text: &str) -> Vec<Vec<Value>> {
    let steps = session.run_for_rows(text, true, &[]).unwrap();
    let rows = steps.into_iter().filter_map(|step| step.right());
    let value = |row: &sqlx_core::any::AnyRow, place| row.try_get(place).map(Value::Integer);
    rows.map(|row| {
        let values = (0..row.len()).map(|place| value(&row, place).unwrap_or(Value::Null));
        values.collect()
    })
    .collect()
}

/// A session that has done this on a disk of the image, which is over then.
fn serve(image: &Image, work: impl FnOnce(&Disk, &mut Session)) {
    let disk = disk_of(image);
    let mut session = session_on(&disk);
    ask(&mut session, COUNT);
    work(&disk, &mut session);
    disk.retire();
}

/// How often SQLite has compiled one of its statements anew.
fn recompiled(session: &Session) -> i32 {
    let database = session.database.as_ptr();
    let mut count = 0;
    // SAFETY: the connection is open, and SQLite hands out its own statements.
    unsafe {
        let mut statement = ffi::sqlite3_next_stmt(database, ptr::null_mut());
        while !statement.is_null() {
            count += ffi::sqlite3_stmt_status(statement, ffi::SQLITE_STMTSTATUS_REPREPARE, 0);
            statement = ffi::sqlite3_next_stmt(database, statement);
        }
    }
    count
}

#[test]
fn a_spare_shows_nothing_of_the_disk_before() {
    let _alone = alone();
    let image = image(SCHEMA);
    let first = disk_of(&image);
    drop(session_on(&first));
    let untouched = (first.fingerprint(), first.operations());
    for life in 0..5 {
        let disk = disk_of(&image);
        let mut session = session_on(&disk);
        assert_eq!(is_spare(&session), life > 0, "life {life}");
        assert_eq!((disk.image().only_file().is_some(), disk.operations()), (false, 0));
        assert_eq!(session.prepared(), [""; 0]);
        let counts = "SELECT changes(), total_changes(), last_insert_rowid()";
        assert_eq!(ask(&mut session, counts), [[0, 0, 0].map(Value::Integer)]);
        assert_eq!(ask(&mut session, COUNT), [[Value::Integer(0), Value::Null]]);
        assert_eq!(session.prepared(), [counts, COUNT]);
        assert_eq!(ask(&mut session, "SELECT count(*) FROM note"), [[Value::Integer(1)]]);

        ask(&mut session, ADD);
        session.run_with("INSERT INTO item (name) VALUES ('new')", true, &[]).unwrap_err();
        ask(&mut session, "INSERT INTO item (name) SELECT 'row ' || life.id FROM note AS life");
        ask(&mut session, "DELETE FROM note WHERE id = 9");
        assert_eq!(ask(&mut session, counts), [[0, 2, 2].map(Value::Integer)]);
        ask(&mut session, "UPDATE note SET text = 'changed' WHERE id = 1");
        assert_eq!(ask(&mut session, counts), [[1, 3, 2].map(Value::Integer)]);
        assert_eq!(ask(&mut session, COUNT), [[2, 2].map(Value::Integer)]);
        let told = disk.take_changes();
        assert_eq!(told.len(), 3, "{told:?}");
        disk.retire();
    }
    assert_eq!((first.fingerprint(), first.operations()), untouched);
}

/// What it leaves on the disk is what a connection of its own would leave.
#[test]
fn a_spare_writes_what_a_new_session_writes() {
    let _alone = alone();
    let image = image(SCHEMA);
    let work = |session: &mut Session| {
        for round in 0..40 {
            session.begin(None).unwrap();
            ask(session, "INSERT INTO item (name) SELECT 'item ' || count(*) FROM item");
            ask(session, "INSERT INTO note SELECT max(id) + 1, hex(zeroblob(300)) FROM note");
            match round % 5 {
                0 => session.roll_back().unwrap(),
                _ => session.commit().unwrap(),
            }
        }
        ask(session, "DELETE FROM note WHERE id % 3 = 0");
    };
    let run = || {
        let disk = disk_of(&image);
        let mut session = session_on(&disk);
        let spare = is_spare(&session);
        work(&mut session);
        let operations = disk.operations();
        drop(session);
        (spare, operations, disk.fingerprint())
    };
    let (was_spare, operations, left) = run();
    assert!(!was_spare);
    for _ in 0..3 {
        serve(&image, |_, session| work(session));
        assert_eq!(run(), (true, operations, left));
    }
}

#[test]
fn statements_stay_compiled() {
    let _alone = alone();
    let image = image(SCHEMA);
    serve(&image, |disk, session| {
        ask(session, ADD);
        ask(session, "SELECT id FROM note");
        disk.take_changes();
    });
    let disk = disk_of(&image);
    let mut session = session_on(&disk);
    let compiled = session.statements.compiled().len();
    assert_eq!(compiled, 3, "{:?}", session.statements.compiled());
    for text in [COUNT, ADD, "SELECT id FROM note", ADD.trim()] {
        // The second of a name is refused.
        session.run_with(text, true, &[]).ok();
    }
    assert_eq!(session.statements.compiled().len(), compiled);
    assert_eq!((session.cached(), recompiled(&session)), (3, 0));
}

#[test]
fn a_database_that_crashed_is_opened_anew() {
    let _alone = alone();
    let image = image(SCHEMA);
    let crashes: [fn(&Disk); 2] = [Disk::power_cut, Disk::detach];
    for crash in crashes {
        serve(&image, |_, _| ());
        serve(&image, |_, _| ());
        let disk = disk_of(&image);
        let mut session = session_on(&disk);
        assert!(is_spare(&session));
        ask(&mut session, ADD);
        crash(&disk);
        session.check_alive().unwrap_err();
        session.run_with(ADD, true, &[]).unwrap_err();
        let mut next = session_on(&disk);
        assert!(!is_spare(&next));
        assert_eq!(ask(&mut next, COUNT), [[1, 1].map(Value::Integer)]);

        // The one that died is nobody's any more, the one after it may serve again.
        disk.retire();
        let before = waiting(&image);
        drop(session);
        assert_eq!(waiting(&image), before);
        drop(next);
        assert_eq!(waiting(&image), before + 1);
    }
}

#[test]
fn another_schema_gets_no_spare() {
    let _alone = alone();
    let (image, again) = (image(SCHEMA), image(SCHEMA));
    let other = self::image(
        "CREATE TABLE item (name TEXT, id BIGINT); CREATE TABLE sqlite (id BIGINT);
        INSERT INTO item VALUES ('there', 7)",
    );
    serve(&image, |_, _| ());
    for image in [&again, &other, &Image::default()] {
        assert!(!is_spare(&session_on(&disk_of(image))));
    }
    assert_eq!(ask(&mut session_on(&disk_of(&other)), COUNT), [[1, 7].map(Value::Integer)]);
    let elsewhere = Session::open(&disk_of(&image), 1, "other.db").unwrap();
    assert!(!is_spare(&elsewhere));
    let touched = disk_of(&image);
    drop(session_on(&touched).check_alive());
    assert_eq!(waiting(&image), 0, "the first has taken it");
    serve(&image, |_, _| ());
    assert!(!is_spare(&session_on(&touched)), "it is not what it was made from");
    assert!(is_spare(&session_on(&disk_of(&image.clone()))));
}

#[test]
fn what_leaves_more_than_rows_is_closed() {
    let _alone = alone();
    let image = image(SCHEMA);
    let spared = |work: &dyn Fn(&Disk, &mut Session)| {
        serve(&image, work);
        let spared = waiting(&image);
        drop(session_on(&disk_of(&image)));
        assert_eq!(waiting(&image), 0);
        spared == 1
    };
    assert!(spared(&|_, _| ()));
    for text in [
        "PRAGMA synchronous=OFF",
        "SELECT 1; PRAGMA foreign_keys=OFF",
        "-- none\nPRAGMA foreign_keys=OFF",
        "CREATE TEMP TABLE kept (id BIGINT)",
        "CREATE INDEX item_name ON item (name)",
        "ATTACH ':memory:' AS other",
        "ANALYZE",
        "BEGIN IMMEDIATE",
        "SAVEPOINT here",
    ] {
        let run = |_: &Disk, session: &mut Session| session.run(text).unwrap();
        assert!(!spared(&run), "{text}");
    }
    assert!(!spared(&|_, session| {
        session.with_prepared("PRAGMA locking_mode=NORMAL", |_| ()).unwrap();
    }));
    assert!(!spared(&|_, session| drop(session.begin(None))));
    assert!(!spared(&|_, session| {
        let mut cursor = session.begin_run("SELECT id FROM note", true);
        // SAFETY: there are no arguments.
        unsafe { session.advance(&mut cursor, |_| None, 0).unwrap().unwrap() };
    }));
    assert!(!spared(&|disk, session| {
        disk.cut_after(1);
        session.run(ADD).unwrap_err();
    }));
    let kept = disk_of(&image);
    drop(session_on(&kept));
    assert_eq!(waiting(&image), 0, "somebody may still look at that disk");
    assert_eq!(kept.image().only_file().map(|(name, _)| name), Some(FILE));
}

#[test]
fn no_more_wait_than_may() {
    let _alone = alone();
    let image = image(SCHEMA);
    let disks: Vec<Disk> = (0..SPARES_MAX + 4).map(|_| disk_of(&image)).collect();
    let sessions: Vec<Session> = disks.iter().map(session_on).collect();
    disks.iter().for_each(Disk::retire);
    drop(sessions);
    assert_eq!(waiting(&image), SPARES_MAX);
    drop(disks);
}

/// A spare is as safe as any: cut at every operation that it makes, what was acknowledged is there.
#[test]
fn a_spare_loses_no_commit() {
    let _alone = alone();
    let image = image(SCHEMA);
    let mut cuts = 0;
    for operation in 1.. {
        serve(&image, |_, session| drop(ask(session, ADD)));
        let disk = disk_of(&image);
        let mut session = session_on(&disk);
        assert!(is_spare(&session));
        disk.cut_after(operation);
        let texts = (0..30).map(|number| {
            format!("INSERT INTO item (name) VALUES ('{number}' || hex(zeroblob(400)))")
        });
        let done = texts.take_while(|text| session.run_with(text, true, &[]).is_ok()).count();
        let cut = disk.is_failing();
        disk.power_cut();
        let mut next = session_on(&disk);
        let found = match &ask(&mut next, COUNT)[0][0] {
            Value::Integer(found) => *found as usize,
            other => panic!("{other:?}"),
        };
        assert!(found == done || cut && found == done + 1, "{operation}: {found} of {done}");
        if !cut {
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 50, "{cuts} cuts are too few");
}

#[test]
fn transactions_that_overlap_are_spared_too() {
    let _alone = alone();
    let image = image(SCHEMA);
    for life in 0..3 {
        let disk = disk_of(&image);
        let session = session_on(&disk);
        assert_eq!(is_spare(&session), life > 0);
        let mut all = Transactions::new(session);
        let [one, two] = [1, 2].map(|owner| all.begin(Isolation::ReadCommitted, owner));
        for (number, text) in [
            (one, COUNT),
            (two, COUNT),
            (one, ADD),
            (two, "UPDATE note SET text = 'changed' WHERE id = 1"),
            (two, COUNT),
        ] {
            all.run(number, text, true, &[]).unwrap();
        }
        all.commit(one).unwrap();
        all.roll_back(two).unwrap();
        let reading = all.begin(Isolation::ReadCommitted, 1);
        all.run(reading, "SELECT id FROM note", true, &[]).unwrap();
        all.roll_back(reading).unwrap();
        disk.retire();
        let told = disk.take_changes().len();
        assert_eq!((told, waiting(&image)), (1, 0));
        drop(all);
        assert_eq!(waiting(&image), 1);
    }
    let mut session = session_on(&disk_of(&image));
    assert_eq!(ask(&mut session, COUNT), [[Value::Integer(0), Value::Null]]);
}

/// Through sqlx, as worlds have it.
#[test]
fn connections_come_and_go() {
    let _alone = alone();
    let image = image(SCHEMA);
    for life in 0..3 {
        assert_eq!(waiting(&image), usize::from(life > 0));
        let disk = disk_of(&image);
        let mut connection = now(open(&disk, FILE)).unwrap();
        assert_eq!(waiting(&image), 0);
        let count: i64 =
            now(query_scalar("SELECT count(*) FROM item").bind(0i64).fetch_one(&mut connection))
                .unwrap_or(-1);
        assert_eq!(count, -1, "no statement takes an argument that it has not");
        let add = query("INSERT INTO item (name) VALUES ($1)").bind("one");
        assert_eq!(now(add.execute(&mut connection)).unwrap().rows_affected(), 1);
        let rows = disk.peek("SELECT name FROM item", &[]).unwrap();
        assert_eq!(rows, [[Value::Text("one".into())]]);
        disk.retire();
        drop(connection);
        disk.peek("SELECT 1", &[]).unwrap_err();
    }
}
