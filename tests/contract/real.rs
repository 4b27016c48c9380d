//! What tests on this machine share: a runtime, and a folder of their own.

use std::path::PathBuf;

use tokio::runtime::Runtime;

use crate::servers::queues;

pub fn real(test: impl Future<Output = ()>) {
    Runtime::new().expect("a runtime can be started").block_on(test);
}

/// A folder that goes with its test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(queues::owner(name));
        std::fs::create_dir(&path).expect("it is new");
        Folder(path)
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("broker.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
