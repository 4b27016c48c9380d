//! Migrated databases, kept as disk images: migrations run once per process, worlds clone.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures::FutureExt as _;
use sqlx::migrate::Migrator;

use crate::lock;
use stormproof_sqlite::{Disk, Image, install, open};

/// The database's file on its disk.
pub(super) const FILE: &str = "database";

static IMAGES: Mutex<BTreeMap<String, Image>> = Mutex::new(BTreeMap::new());

/// The image of an empty database after `migrator`'s migrations. They run only when this process
/// asks for `name` for the first time.
///
/// # Panics
/// If a migration fails.
pub fn migrated(name: &str, migrator: impl FnOnce() -> Migrator) -> Image {
    if let Some(image) = lock(&IMAGES).get(name) {
        return image.clone();
    }
    install();
    let disk = Disk::new(name);
    let migration = async {
        let mut connection = open(&disk, FILE).await.expect("a new disk opens");
        migrator().run(&mut connection).await.expect("the migrations of a service apply");
    };
    migration.now_or_never().expect("SQL in the world never waits");
    let image = disk.image();
    lock(&IMAGES).insert(name.to_owned(), image.clone());
    image
}
