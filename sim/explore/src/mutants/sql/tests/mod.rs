//! Texts in, mutants out: what each kind makes of a statement.

use std::collections::BTreeSet;

use super::super::argued::{Argued, Pattern};
use super::statements::shape;
use super::{Mutant, MutantKind, Seen, mutants, unguarded};

fn seen(text: &str, is_migration: bool) -> Seen {
    Seen { text: text.to_owned(), is_migration, databases: BTreeSet::from(["ledger-db".into()]) }
}

fn of(text: &str, is_migration: bool) -> Vec<Mutant> {
    let (families, unread) = mutants(&[seen(text, is_migration)]);
    assert_eq!(unread, [], "{text}");
    families.into_iter().flat_map(|(_, mutants)| mutants).collect()
}

/// The mutants of a kind, as they are run.
fn check(kind: MutantKind, text: &str, expected: &[&str]) {
    let is_migration = text.starts_with("CREATE") || text.starts_with("ALTER");
    let found = of(text, is_migration).into_iter().filter(|mutant| mutant.kind == kind);
    let found: Vec<String> = found.map(|mutant| mutant.pairs[0].1.clone()).collect();
    assert_eq!(found, expected, "{}", kind.word());
}

#[test]
fn conditions_and_alternatives_are_left_out_one_by_one() {
    check(
        MutantKind::Condition,
        "UPDATE shelf SET n = $1 WHERE id = $2 AND n >= $3 AND is_open",
        &[
            "UPDATE shelf SET n = $1 WHERE id = $2 AND n >= $3",
            "UPDATE shelf SET n = $1 WHERE n >= $3 AND is_open",
            "UPDATE shelf SET n = $1 WHERE id = $2 AND is_open",
        ],
    );
    check(MutantKind::Condition, "DELETE FROM shelf WHERE id = $1", &["DELETE FROM shelf"]);
    let joined = "SELECT s.n FROM shelf AS s JOIN part AS p ON p.id = s.id WHERE s.n > 1";
    check(
        MutantKind::Condition,
        joined,
        &["SELECT s.n FROM shelf AS s JOIN part AS p ON p.id = s.id"],
    );
    check(
        MutantKind::Alternative,
        "SELECT n FROM shelf WHERE (a = 1 OR b = $1) AND c IN ('x', 'y')",
        &[
            "SELECT n FROM shelf WHERE (b = $1) AND c IN ('x', 'y')",
            "SELECT n FROM shelf WHERE (a = 1) AND c IN ('x', 'y')",
            "SELECT n FROM shelf WHERE (a = 1 OR b = $1) AND c IN ('y')",
            "SELECT n FROM shelf WHERE (a = 1 OR b = $1) AND c IN ('x')",
        ],
    );
}

#[test]
fn comparisons_are_off_by_one_or_reversed() {
    check(
        MutantKind::Comparison,
        "SELECT n FROM shelf WHERE a >= $1 AND b < 2 AND c = $2",
        &[
            "SELECT n FROM shelf WHERE a > $1 AND b < 2 AND c = $2",
            "SELECT n FROM shelf WHERE a >= $1 AND b <= 2 AND c = $2",
            "SELECT n FROM shelf WHERE a >= $1 AND b < 2 AND c <> $2",
        ],
    );
    check(
        MutantKind::Negation,
        "SELECT n FROM shelf WHERE a IN ($1, $2) OR b IS NULL",
        &[
            "SELECT n FROM shelf WHERE a NOT IN ($1, $2) OR b IS NULL",
            "SELECT n FROM shelf WHERE a IN ($1, $2) OR b IS NOT NULL",
        ],
    );
}

#[test]
fn sums_numbers_and_functions_are_others() {
    let text = "SELECT a + b * 2 FROM shelf";
    check(
        MutantKind::Arithmetic,
        text,
        &["SELECT a - b * 2 FROM shelf", "SELECT a + (b + 2) FROM shelf"],
    );
    check(MutantKind::Number, text, &["SELECT a + b * 3 FROM shelf"]);
    check(
        MutantKind::Function,
        "SELECT max(a), COALESCE(b, 0) FROM shelf",
        &[
            "SELECT MIN(a), COALESCE(b, 0) FROM shelf",
            "SELECT max(a), (0) FROM shelf",
            "SELECT max(a), (b) FROM shelf",
        ],
    );
}

#[test]
fn columns_are_not_assigned_or_not_given() {
    check(
        MutantKind::Assignment,
        "UPDATE shelf SET a = $1, b = b + 1 WHERE id = $2",
        &["UPDATE shelf SET b = b + 1 WHERE id = $2", "UPDATE shelf SET a = $1 WHERE id = $2"],
    );
    check(MutantKind::Assignment, "UPDATE shelf SET a = $1", &["UPDATE shelf SET a = a"]);
    check(
        MutantKind::Column,
        "INSERT INTO shelf (id, n) VALUES ($1, $2), ($3, $4)",
        &["INSERT INTO shelf (n) VALUES ($2), ($4)", "INSERT INTO shelf (id) VALUES ($1), ($3)"],
    );
    check(
        MutantKind::Column,
        "INSERT INTO shelf (id, n) SELECT id, 0 FROM part",
        &["INSERT INTO shelf (n) SELECT 0 FROM part", "INSERT INTO shelf (id) SELECT id FROM part"],
    );
}

#[test]
fn conflicts_are_refused_or_passed_over() {
    let insert = "INSERT INTO shelf (id) VALUES ($1)";
    check(MutantKind::Conflict, insert, &[&format!("{insert} ON CONFLICT DO NOTHING")]);
    let upsert = "INSERT INTO shelf (id, n) VALUES ($1, $2)";
    let text = format!("{upsert} ON CONFLICT(id) DO UPDATE SET n = excluded.n WHERE shelf.n < 5");
    check(MutantKind::Conflict, &text, &[upsert, &format!("{upsert} ON CONFLICT(id) DO NOTHING")]);
    check(
        MutantKind::Condition,
        &text,
        &[&format!("{upsert} ON CONFLICT(id) DO UPDATE SET n = excluded.n")],
    );
}

#[test]
fn rows_come_in_another_order_and_number() {
    let text = "SELECT DISTINCT id FROM shelf ORDER BY n DESC, id LIMIT $1";
    check(
        MutantKind::Order,
        text,
        &[
            "SELECT DISTINCT id FROM shelf ORDER BY n ASC, id LIMIT $1",
            "SELECT DISTINCT id FROM shelf ORDER BY n DESC, id DESC LIMIT $1",
            "SELECT DISTINCT id FROM shelf LIMIT $1",
        ],
    );
    check(
        MutantKind::Limit,
        text,
        &[
            "SELECT DISTINCT id FROM shelf ORDER BY n DESC, id LIMIT $1 + 1",
            "SELECT DISTINCT id FROM shelf ORDER BY n DESC, id LIMIT $1 - 1",
            "SELECT DISTINCT id FROM shelf ORDER BY n DESC, id",
        ],
    );
    check(
        MutantKind::Limit,
        "SELECT id FROM shelf LIMIT 1",
        &["SELECT id FROM shelf LIMIT 2", "SELECT id FROM shelf LIMIT 0", "SELECT id FROM shelf"],
    );
    check(MutantKind::Distinct, text, &["SELECT id FROM shelf ORDER BY n DESC, id LIMIT $1"]);
    check(
        MutantKind::Join,
        "SELECT s.id FROM shelf AS s LEFT JOIN part AS p ON p.id = s.id",
        &["SELECT s.id FROM shelf AS s JOIN part AS p ON p.id = s.id"],
    );
}

#[test]
fn tables_lose_their_rules_one_by_one() {
    let text = "CREATE TABLE shelf (id TEXT NOT NULL UNIQUE, n BIGINT DEFAULT 0 CHECK (n > 0), \
                part TEXT REFERENCES parts (id), PRIMARY KEY (id, n))";
    for (kind, gone, instead) in [
        (MutantKind::NotNull, " NOT NULL", ""),
        (MutantKind::Unique, " UNIQUE", ""),
        (MutantKind::Default, " DEFAULT 0", ""),
        (MutantKind::Check, " CHECK (n > 0)", ""),
        (MutantKind::ForeignKey, " REFERENCES parts (id)", ""),
    ] {
        check(kind, text, &[&text.replace(gone, instead)]);
    }
    check(
        MutantKind::PrimaryKey,
        text,
        &[
            &text.replace(", PRIMARY KEY (id, n)", ""),
            &text.replace("(id, n)", "(n)"),
            &text.replace("(id, n)", "(id)"),
        ],
    );
    let index = "CREATE UNIQUE INDEX one ON shelf(n) WHERE n > 1";
    check(
        MutantKind::Unique,
        index,
        &["CREATE INDEX one ON shelf(n) WHERE n > 1", "CREATE UNIQUE INDEX one ON shelf(n)"],
    );
    assert_eq!(of("CREATE INDEX fast ON shelf (n)", true), []);
    check(
        MutantKind::NotNull,
        "ALTER TABLE shelf ADD COLUMN m BIGINT NOT NULL DEFAULT 0",
        &["ALTER TABLE shelf ADD COLUMN m BIGINT DEFAULT 0"],
    );
}

#[test]
fn a_migration_is_replaced_whole() {
    let text = "-- A shelf.\nCREATE TABLE shelf (id BIGINT);\n\
                INSERT INTO shelf (id) VALUES (1), (2);";
    let row = of(text, true).into_iter().find(|mutant| mutant.kind == MutantKind::Row);
    let row = row.expect("there are two rows");
    assert_eq!(
        (row.statement.as_str(), row.what.as_str()),
        ("INSERT INTO shelf (id) VALUES (1), (2)", "without the row 1")
    );
    let instead = "CREATE TABLE shelf (id BIGINT);\nINSERT INTO shelf (id) VALUES (2)";
    assert_eq!(row.pairs, [(text.to_owned(), instead.to_owned())]);
}

/// Written for one row or for three, it is one statement, and a mutant of it changes both texts.
#[test]
fn texts_that_differ_in_the_number_of_rows_are_one_statement() {
    let one = "INSERT INTO shelf (id, n, at) VALUES ($1, 0, $2) ON CONFLICT (id) DO NOTHING";
    let two = one.replace("($1, 0, $2)", "($1, 0, $2), ($3, 0, $4)");
    assert_eq!(shape(&two), shape(one));
    let (families, _) = mutants(&[seen(&two, false), seen(one, false)]);
    let [(family, mutants)] = &families[..] else { panic!("{families:?}") };
    assert_eq!((family.statement.as_str(), family.texts.len()), (one, 2));
    let column = mutants.iter().find(|mutant| mutant.what == "without the column n");
    let column = column.expect("there is such a column");
    let instead: Vec<&str> = column.pairs.iter().map(|(_, instead)| &**instead).collect();
    assert_eq!(
        instead,
        [
            "INSERT INTO shelf (id, at) VALUES ($1, $2) ON CONFLICT(id) DO NOTHING",
            "INSERT INTO shelf (id, at) VALUES ($1, $2), ($3, $4) ON CONFLICT(id) DO NOTHING",
        ]
    );
    assert_eq!(
        (column.place.as_str(), &column.databases[..]),
        ("shelf", &["ledger-db".into()][..])
    );
    let ids: BTreeSet<&str> = mutants.iter().map(|mutant| &*mutant.id).collect();
    assert_eq!(ids.len(), mutants.len(), "each has a name of its own");
}

#[test]
fn what_stands_in_quotes_is_nobodys_affair() {
    assert_eq!(
        shape("SELECT '$1,  $2' FROM  t WHERE a IN ($1, $2)"),
        "SELECT '$1,  $2' FROM t WHERE a IN ($)"
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    let (families, unread) = mutants(&[seen("SELECT FROM WHERE", false)]);
    assert!(families.is_empty());
    assert_eq!(unread[0].text, "SELECT FROM WHERE");
}

#[test]
fn a_canary_flies_over_all_rows_or_adds_none() {
    let update = "UPDATE shelf SET n = 1 WHERE id = $1";
    let insert = "INSERT INTO shelf (id) VALUES ($1)";
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(
        unguarded(&[seen(update, false), seen(insert, false)]),
        [pair(update, "UPDATE shelf SET n = 1")]
    );
    assert_eq!(
        unguarded(&[seen(insert, false)]),
        [pair(insert, "INSERT INTO shelf (id) SELECT $1 WHERE 1 = 0")]
    );
}

#[test]
fn a_reason_is_given_for_what_it_fits() {
    let pattern = Pattern {
        kind: Some(MutantKind::Order),
        statement: "FROM shelf".to_owned(),
        what: Some("reversed".to_owned()),
        because: "who asks sorts".to_owned(),
    };
    let argued = Argued { patterns: vec![pattern] };
    let of = |text: &str| of(text, false);
    let reasons = |mutants: Vec<Mutant>| {
        mutants.iter().filter_map(|mutant| argued.reason(mutant).map(str::to_owned)).count()
    };
    assert_eq!(reasons(of("SELECT id FROM shelf WHERE id > 1 ORDER BY id")), 1);
    assert_eq!(reasons(of("SELECT id FROM part ORDER BY id")), 0);
    let text = toml::to_string(&argued).expect("plain data");
    assert_eq!(toml::from_str::<Argued>(&text).expect("as it was written"), argued);
}
