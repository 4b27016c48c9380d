//! Migrated databases, kept as disk images: migrations run once per process, worlds clone.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures::FutureExt as _;
use sqlx::migrate::Migrator;

use crate::lock;
use stormproof_sqlite::{Disk, Image, install, open, substituted_migrations};

/// The database's file on its disk.
pub(super) const FILE: &str = "database";

/// By the database's name, and the migrations that were substituted.
static IMAGES: Mutex<BTreeMap<(String, u64), Image>> = Mutex::new(BTreeMap::new());

/// The image of an empty database after `migrator`'s migrations. They run only when this process
/// asks for `name` for the first time, or other migrations are substituted than were then.
///
/// # Panics
/// If a migration fails.
pub fn migrated(name: &str, migrator: impl FnOnce() -> Migrator) -> Image {
    let substituted = substituted_migrations();
    if let Some(image) = lock(&IMAGES).get(&(name.to_owned(), substituted)) {
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
    let mut images = lock(&IMAGES);
    // Those of other substitutes are not asked for again.
    images.retain(|(_, of), _| *of == 0 || *of == substituted);
    images.insert((name.to_owned(), substituted), image.clone());
    image
}
