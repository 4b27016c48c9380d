//! Rows that are made again, and what they are known by.

use super::*;

/// Who puts a transaction aside takes the number that its new row had, and moves the row on.
#[test]
fn a_row_that_is_made_again_is_changed_again_under_its_new_number() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    assert_eq!(rig.run(one, "INSERT INTO shelf VALUES ('c', 1, NULL)"), "1 changed");
    assert_eq!(rig.run(one, "UPDATE shelf SET units = 2 WHERE id = 'c'"), "1 changed");
    assert_eq!(rig.run(two, "INSERT INTO shelf VALUES ('d', 9, NULL)"), "1 changed");
    assert_eq!(rig.commit(two), "committed");
    assert_eq!(rig.run(one, "UPDATE shelf SET units = units + 1 WHERE id = 'c'"), "1 changed");
    let three = rig.begin(ReadCommitted);
    assert_eq!(rig.run(three, "UPDATE shelf SET units = 6 WHERE id = 'b'"), "1 changed");
    assert_eq!(rig.run(one, "DELETE FROM shelf WHERE id = 'a'"), "1 changed");
    assert_eq!(rig.commit(one), "committed");
    assert_eq!(rig.rows(), "b5 c3 d9");
}

/// A key that holds a NULL is none: what changes in it is made again all the same.
#[test]
fn a_key_that_was_null_is_made_again() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    assert_eq!(rig.run(one, "UPDATE shelf SET label = 'right' WHERE id = 'b'"), "1 changed");
    assert_eq!(rig.run(two, TAKE), "1 changed");
    assert_eq!(rig.commit(one), "committed");
    assert_eq!(rig.commit(two), "committed");
    let three = rig.begin(ReadCommitted);
    let find = "SELECT units FROM shelf WHERE label = 'right'";
    assert_eq!(rig.run(three, find), "5 0 changed");
    assert_eq!(rig.rows(), "a0 b5");
}

/// A statement that has to wait is undone, and what its transaction had made of a row before is not.
#[test]
fn what_a_waiting_statement_changes_once_more_is_made_again_as_it_was_before() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    assert_eq!(rig.run(one, "UPDATE shelf SET units = 6 WHERE id = 'b'"), "1 changed");
    assert_eq!(rig.run(two, "UPDATE shelf SET units = 7 WHERE id = 'a'"), "1 changed");
    let both = "UPDATE shelf SET units = units * 10";
    assert_eq!(rig.run(two, both), "waits");
    assert_eq!(rig.commit(one), "committed");
    assert_eq!(rig.run(two, both), "2 changed");
    assert_eq!(rig.commit(two), "committed");
    assert_eq!(rig.rows(), "a70 b60");
}

/// The same where the statement makes a row or changes the one that is there.
#[test]
fn an_insert_may_change_what_its_transaction_has_changed() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    assert_eq!(rig.run(one, "UPDATE shelf SET units = 6 WHERE id = 'b'"), "1 changed");
    assert_eq!(rig.run(two, "UPDATE shelf SET units = 7 WHERE id = 'a'"), "1 changed");
    let add = "INSERT INTO shelf VALUES ('a', 1, 'left'), ('b', 1, NULL) \
               ON CONFLICT (id) DO UPDATE SET units = shelf.units * 10";
    assert_eq!(rig.run(two, add), "waits");
    assert_eq!(rig.commit(one), "committed");
    assert_eq!(rig.run(two, add), "2 changed");
    assert_eq!(rig.commit(two), "committed");
    assert_eq!(rig.rows(), "a70 b60");
}

/// Where keys change, the new ones are locked and the old ones can be had.
#[test]
fn a_row_is_known_by_the_keys_that_it_has_now() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    assert_eq!(rig.run(one, "UPDATE shelf SET label = 'right' WHERE id = 'a'"), "1 changed");
    assert_eq!(rig.commit(one), "committed");
    let take = "INSERT INTO shelf VALUES ('c', 1, 'left')";
    assert_eq!(rig.run(two, take), "1 changed");
    let three = rig.begin(ReadCommitted);
    assert_eq!(rig.run(three, "UPDATE shelf SET label = 'left' WHERE id = 'b'"), "waits");
    assert_eq!(rig.commit(two), "committed");
    assert_eq!(rig.run(three, "UPDATE shelf SET label = 'left' WHERE id = 'b'"), "2067");
}

/// To find out what is in its way, a statement is run as one that replaces it.
#[test]
fn a_row_that_its_own_transaction_offers_again_stays_what_it_was() {
    for again in [
        "INSERT INTO shelf VALUES ('c', 8, NULL) ON CONFLICT (id) DO NOTHING",
        "INSERT INTO shelf VALUES ('d', 9, NULL), ('c', 8, NULL) ON CONFLICT (id) DO NOTHING",
    ] {
        let rig = Rig::new();
        let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
        assert_eq!(rig.run(one, "INSERT INTO shelf VALUES ('c', 3, NULL)"), "1 changed");
        let added = i32::from(again.contains("'d'"));
        assert_eq!(rig.run(one, again), format!("{added} changed"));
        assert_eq!(rig.run(two, TAKE), "1 changed");
        assert_eq!(rig.commit(two), "committed");
        assert_eq!(rig.commit(one), "committed");
        let rows = ["a0 b5 c3", "a0 b5 c3 d9"];
        assert_eq!(rig.rows(), rows[added as usize], "{again}");
    }
}

const ADD: &str = "INSERT INTO shelf (units, label, id) VALUES (1, $2, $1)";

/// Its keys are among the arguments that it was made of.
#[test]
fn a_new_row_is_known_by_what_it_was_given() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    let right = [Bind::Text("c"), Bind::Text("right")];
    assert_eq!(rig.run_with(one, ADD, &right), "1 changed");
    assert_eq!(rig.run_with(two, ADD, &[Bind::Text("d"), Bind::Text("right")]), "waits");
    assert_eq!(rig.commit(one), "committed");
    assert_eq!(rig.run_with(two, ADD, &[Bind::Text("d"), Bind::Text("right")]), "2067");
}

/// What SQLite converts is looked up, and a NULL is like no other.
#[test]
fn a_new_row_is_known_by_what_became_of_what_it_was_given() {
    let rig = Rig::new();
    let [one, two, three] = [(); 3].map(|()| rig.begin(ReadCommitted));
    assert_eq!(rig.run_with(one, ADD, &[Bind::Integer(7), Bind::Null]), "1 changed");
    assert_eq!(rig.run_with(two, ADD, &[Bind::Text("7"), Bind::Text("x")]), "waits");
    assert_eq!(rig.run_with(three, ADD, &[Bind::Text("8"), Bind::Null]), "1 changed");
}

/// Rows that are there already are passed over, so which of the arguments are in the new ones is not known.
#[test]
fn of_rows_that_are_offered_the_new_ones_are_locked() {
    let rig = Rig::new();
    let (one, two) = (rig.begin(ReadCommitted), rig.begin(ReadCommitted));
    let offer = "INSERT INTO shelf (id, units, label) VALUES ($1, 1, $2), ($3, 1, $4) \
                 ON CONFLICT (id) DO NOTHING";
    let both = [Bind::Text("a"), Bind::Text("up"), Bind::Text("c"), Bind::Text("down")];
    assert_eq!(rig.run_with(one, offer, &both), "1 changed");
    assert_eq!(rig.run_with(two, ADD, &[Bind::Text("d"), Bind::Text("up")]), "1 changed");
    assert_eq!(rig.run_with(two, ADD, &[Bind::Text("e"), Bind::Text("down")]), "waits");
}
