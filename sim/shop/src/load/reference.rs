//! What the Store's database server brings by itself, to hold a load's commits against. Pure.

use serde::Serialize;

/// All runs, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reference {
    pub runs: Vec<ReferenceRun>,
    pub best_commits_per_second: f64,
}

/// So many clients at once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReferenceRun {
    pub clients: u32,
    pub commits_per_second: f64,
}

impl Reference {
    pub fn of(runs: Vec<ReferenceRun>) -> Reference {
        let best_commits_per_second =
            runs.iter().map(|run| run.commits_per_second).fold(0.0, f64::max);
        Reference { runs, best_commits_per_second }
    }

    /// How much of what the server could bring, were commits all that an order takes, the shop brings.
    pub fn share(&self, orders_per_second: f64, commits_per_order: f64) -> f64 {
        orders_per_second / (self.best_commits_per_second / commits_per_order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_the_best_run() {
        let run = |clients, commits_per_second| ReferenceRun { clients, commits_per_second };
        let reference = Reference::of(vec![run(1, 400.0), run(8, 3000.0), run(32, 2900.0)]);
        assert!((reference.best_commits_per_second - 3000.0).abs() < 1e-9);
        // 200 orders a second would be the most.
        assert!((reference.share(100.0, 15.0) - 0.5).abs() < 1e-9);
    }
}
