//! What Postgres and Linux count while a served shop is under load.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use stormproof_shop::load::courses::Course;
use stormproof_shop::load::meter::{Meter, Reading};
use stormproof_shop::load::named_transactions::Look;
use stormproof_shop::load::transactions::Counts;

use super::processes::{MemoryWatch, NamedProcess, Taken, look};
use super::servers::Server;
use super::{commits, conflicts, courses, replica_metrics, statements};

/// Who is asked.
pub struct ServedMeter {
    /// Every replica's address, by service.
    pub peers: BTreeMap<String, Vec<String>>,
    pub servers: Result<Vec<Server>, String>,
    /// The Store's database, if it can be asked how orders went.
    pub store: Option<Server>,
    pub processes: Vec<NamedProcess>,
    pub memory: MemoryWatch,
}

impl ServedMeter {
    async fn counters(&self) -> Reading {
        let (commits, statements) = match &self.servers {
            Ok(servers) => (commits::count(servers).await, statements::count(servers).await),
            Err(why) => (Err(why.clone()), Err(why.clone())),
        };
        let taken = look(&self.processes);
        let time = |(name, taken): (String, Taken)| (name, taken.processor_ms);
        Reading {
            commits: commits.map(|count| BTreeMap::from([(String::new(), count)])),
            statements,
            processor_ms: taken.map(|taken| taken.into_iter().map(time).collect()),
        }
    }
}

impl Meter for ServedMeter {
    fn read(&self) -> BoxFuture<'_, Reading> {
        Box::pin(self.counters())
    }

    fn transactions(&self) -> BoxFuture<'_, Result<Counts, String>> {
        Box::pin(async { conflicts::count(self.servers.as_ref().map_err(String::clone)?).await })
    }

    fn named_transactions(&self) -> BoxFuture<'_, Look> {
        Box::pin(replica_metrics::look(&self.peers))
    }

    fn told_within(&self) -> Duration {
        conflicts::TOLD_WITHIN
    }

    fn recorded<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Option<Vec<Course>>> {
        Box::pin(async move { courses::recorded(self.store.as_ref()?, ids).await.ok() })
    }

    fn most_kib(&self) -> BTreeMap<String, u64> {
        self.memory.most_kib()
    }
}
