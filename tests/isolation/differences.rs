//! Where the world's database differs from PostgreSQL on purpose: what each says of the same case.

use super::plan::{Plan, Turn};
use super::run::{Server, in_the_world};
use crate::servers::postgres::Postgres;

struct Difference {
    level: &'static str,
    /// Who says what; the last turn is the one that differs.
    turns: &'static [(usize, &'static str)],
    /// Where it differs.
    place: usize,
    world: &'static str,
    postgres: &'static str,
}

const DIFFERENCES: [Difference; 3] = [
    // A row is known by its key: what was deleted and inserted again is the same row. PostgreSQL follows
    // the old one to its end.
    Difference {
        level: "READ COMMITTED",
        turns: &[
            (0, "DELETE FROM shelf WHERE id = 'c'"),
            (0, "INSERT INTO shelf (id, units) VALUES ('c', 4)"),
            (1, "UPDATE shelf SET units = 9 WHERE id = 'c'"),
            (0, "COMMIT"),
        ],
        place: 2,
        world: " 2 1: after a wait 1 changed",
        postgres: " 2 1: after a wait 0 changed",
    },
    // A statement that has waited is run anew, whole. PostgreSQL goes on with the rows that it has seen.
    Difference {
        level: "READ COMMITTED",
        turns: &[
            (0, "UPDATE shelf SET units = 7 WHERE id = 'a'"),
            (0, "INSERT INTO shelf (id, units) VALUES ('d', 4)"),
            (1, "UPDATE shelf SET units = units + 1"),
            (0, "COMMIT"),
        ],
        place: 2,
        world: " 2 1: after a wait 4 changed",
        postgres: " 2 1: after a wait 3 changed",
    },
    // Two rows with one key, one of them in a snapshot only, cannot be told apart: who gives a key that
    // was freed since is refused.
    Difference {
        level: "REPEATABLE READ",
        turns: &[
            (1, "SELECT id || '=' || units FROM shelf WHERE id = 'a'"),
            (0, "DELETE FROM shelf WHERE id = 'c'"),
            (0, "COMMIT"),
            (1, "INSERT INTO shelf (id, units) VALUES ('c', 4)"),
        ],
        place: 3,
        world: " 3 1: not unique",
        postgres: " 3 1: 1 changed",
    },
];

#[test]
fn each_difference_is_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let Some(database) = runtime.block_on(Postgres::or_skip("differences")) else { return };
    for level in ["READ COMMITTED", "REPEATABLE READ"] {
        let mut server = runtime.block_on(Server::open(&database.url, level));
        for difference in DIFFERENCES.iter().filter(|it| it.level == level) {
            let turn = |text: &str| match text {
                "COMMIT" => Turn::Commit,
                text => Turn::Run(text.to_owned()),
            };
            let turns = difference.turns.iter().map(|(who, text)| (*who, turn(text)));
            let plan = Plan { level, turns: turns.collect() };
            let world = runtime.block_on(in_the_world(&plan));
            let postgres = runtime.block_on(server.play(&plan));
            let said = [&world[difference.place], &postgres[difference.place]];
            assert_eq!(said, [difference.world, difference.postgres], "{plan:?}");
        }
    }
}
