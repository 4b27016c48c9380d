//! One seed, many named streams: a draw from one never moves another.

use std::fmt;

use rand::RngCore as _;
use rand::SeedableRng as _;
use sha2::{Digest, Sha256};

/// Decides everything that the scenario does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed(pub u64);

/// A stream of random numbers; use it through the traits of `rand`.
pub type Stream = rand_chacha::ChaCha8Rng;

impl Seed {
    /// The stream called `name`, from its beginning.
    pub fn stream(self, name: &str) -> Stream {
        let mut hash = Sha256::new();
        hash.update(self.0.to_le_bytes());
        hash.update(name);
        Stream::from_seed(hash.finalize().into())
    }

    /// The first number of the stream called `name`.
    pub fn number(self, name: &str) -> u64 {
        self.stream(name).next_u64()
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_depend_on_seed_and_name_alone() {
        assert_eq!(Seed(7).number("network"), Seed(7).number("network"));
        assert_ne!(Seed(7).number("network"), Seed(8).number("network"));
        assert_ne!(Seed(7).number("network"), Seed(7).number("workload"));
        let mut network = Seed(7).stream("network");
        network.next_u64();
        assert_eq!(network.next_u64(), {
            let mut again = Seed(7).stream("network");
            Seed(7).stream("workload").next_u64();
            again.next_u64();
            again.next_u64()
        });
    }
}
