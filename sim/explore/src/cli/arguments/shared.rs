//! Arguments that several commands take, so that they read alike and mean the same everywhere.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use clap::Args;

use crate::Profile;

/// One world.
#[derive(Args, Debug)]
pub struct World {
    /// A name in scenarios/, a path to a file, or `storm`: a world drawn from the seed.
    pub scenario: String,
    /// The scenario's own seed, unless said otherwise.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// How worlds are drawn, and of which build of the system.
#[derive(Args, Debug, Default)]
pub struct Variant {
    /// How `storm` draws.
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
    /// Plants a bug of sim/bugs/ first, in a copy of the tree.
    #[arg(long, value_name = "NAME")]
    pub bug: Option<String>,
}

/// How much runs side by side.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Jobs {
    /// How many processes; one for each core, unless said otherwise.
    #[arg(long, value_name = "J")]
    pub jobs: Option<NonZeroUsize>,
}

impl Jobs {
    /// The number of worker processes.
    pub fn count(self) -> usize {
        let cores = || available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or_else(cores, NonZeroUsize::get)
    }
}
