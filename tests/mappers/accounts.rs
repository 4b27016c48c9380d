//! The Store's users.

use scoped_futures::ScopedFutureExt as _;
use stormproof_system::error::{Error, Kind};
use stormproof_system::store::mapper::accounts::{self, User};

use super::bench::Bench;
use super::orders::user_id;

super::checks!("store":
    a_user_comes_back_by_name,
    a_name_is_taken_once,
);

pub fn user(id: &str, username: &str, role: &str) -> User {
    User {
        id: user_id(id),
        username: username.into(),
        email: format!("{username}@shop.example"),
        password_hash: format!("hash of {username}"),
        role: role.into(),
    }
}

pub async fn insert(bench: &Bench, user: &User) -> Result<(), Error> {
    bench.once(|transaction| accounts::insert(transaction, user).scope_boxed()).await
}

/// The user's columns, for comparing.
async fn by_name(bench: &Bench, username: &str) -> Option<[String; 5]> {
    let found = bench.once(|transaction| accounts::by_name(transaction, username).scope_boxed());
    let user = found.await.expect("the row can be read")?;
    Some([user.id.to_string(), user.username, user.email, user.password_hash, user.role])
}

async fn a_user_comes_back_by_name(bench: Bench) {
    for (id, name, role) in [("1", "ada", "customer"), ("2", "bob", "support")] {
        insert(&bench, &user(id, name, role)).await.expect("the name is free");
        let expected =
            [id, name, &format!("{name}@shop.example"), &format!("hash of {name}"), role];
        assert_eq!(by_name(&bench, name).await, Some(expected.map(str::to_owned)));
    }
    // Names are compared letter by letter.
    for nobody in ["eve", "Ada", "ad", "ada ", "%", ""] {
        assert_eq!(by_name(&bench, nobody).await, None, "{nobody:?}");
    }
    let refused = insert(&bench, &user("3", "eve", "root")).await;
    assert!(refused.is_err(), "the database admits roles only");
}

async fn a_name_is_taken_once(bench: Bench) {
    insert(&bench, &user("1", "ada", "customer")).await.expect("the name is free");
    let refused = insert(&bench, &user("2", "ada", "support")).await;
    assert!(refused.as_ref().is_err_and(|error| error.is(Kind::Conflict)), "{refused:?}");
    assert_eq!(by_name(&bench, "ada").await.map(|[id, ..]| id), Some("1".into()));
    let same_id = insert(&bench, &user("1", "bob", "customer")).await;
    assert!(matches!(same_id, Err(Error::Unavailable(_))), "{same_id:?}");
}
