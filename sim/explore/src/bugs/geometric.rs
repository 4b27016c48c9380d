//! Seeds until detection: what they say of the chance that one seed finds a bug, and what that
//! chance says of many seeds. Pure.
//!
//! Seeds are independent draws, so the number of seeds until the first detection is geometric, and
//! over several ranges of seeds negative binomial: its exact interval is Clopper and Pearson's,
//! turned to the other kind of counting.

/// How much of the truth an interval leaves out at each end.
const TAIL: f64 = 0.025;

/// What was counted: the last seed of every range that found the bug is a detection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Ranges whose last seed found it.
    pub detections: u64,
    /// Explored in all, up to and including the detections.
    pub seeds: u64,
}

/// A value with the interval that holds it in 95 of 100 measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate<T> {
    /// The most likely value.
    pub likely: T,
    /// The interval's lower end.
    pub low: T,
    /// The interval's upper end.
    pub high: T,
}

impl Count {
    /// The chance that one seed finds the bug.
    pub fn chance(self) -> Estimate<f64> {
        let Count { detections, seeds } = self;
        if seeds == 0 {
            return Estimate { likely: 0.0, low: 0.0, high: 1.0 };
        }
        let low = match detections {
            0 => 0.0,
            _ => root(|chance| 1.0 - at_most(detections - 1, seeds, chance) >= TAIL),
        };
        let high = match detections {
            0 => root(|chance| at_most(0, seeds, chance) < TAIL),
            // The last seed is a detection by the way of counting: it says nothing.
            _ => root(|chance| at_most(detections - 1, seeds - 1, chance) < TAIL),
        };
        Estimate { likely: detections as f64 / seeds as f64, low, high }
    }

    /// How many seeds find the bug with probability `share`.
    pub fn seeds_for(self, share: f64) -> Estimate<f64> {
        let chance = self.chance();
        let seeds = |chance| seeds_for(share, chance);
        Estimate { likely: seeds(chance.likely), low: seeds(chance.high), high: seeds(chance.low) }
    }

    /// Whether so few detections in so many seeds are no accident, if a seed's chance is at least
    /// `chance`: it would happen once in a thousand times.
    pub fn is_weaker_than(self, chance: f64) -> bool {
        self.detections < self.seeds && at_most(self.detections, self.seeds, chance) < 0.001
    }
}

/// How many seeds find with probability `share` what each finds with probability `chance`;
/// infinity, if none ever does.
pub fn seeds_for(share: f64, chance: f64) -> f64 {
    match chance {
        ..=0.0 => f64::INFINITY,
        1.0.. => 1.0,
        _ => ((1.0 - share).ln() / (-chance).ln_1p()).ceil().max(1.0),
    }
}

/// The probability that `seeds` find what each finds with probability `chance`.
pub fn found_by(seeds: u64, chance: f64) -> f64 {
    1.0 - at_most(0, seeds, chance)
}

/// The probability of at most `successes` in `draws`.
fn at_most(successes: u64, draws: u64, chance: f64) -> f64 {
    if successes >= draws {
        return 1.0;
    }
    if chance >= 1.0 {
        return 0.0;
    }
    let (log_chance, log_rest) = (chance.ln(), (-chance).ln_1p());
    let mut log_ways = 0.0;
    let mut sum = 0.0;
    for count in 0..=successes {
        let (count, draws) = (count as f64, draws as f64);
        let chosen = if count > 0.0 { count * log_chance } else { 0.0 };
        sum += f64::exp(log_ways + chosen + (draws - count) * log_rest);
        log_ways += ((draws - count) / (count + 1.0)).ln();
    }
    sum.min(1.0)
}

/// The chance from which on `holds` is true, which it is for ever after; 1 if it never is.
fn root(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 5e-4, "{found}, expected {expected}");
    }

    #[test]
    fn tails_of_the_binomial_distribution() {
        close(at_most(0, 10, 0.1), 0.3487);
        close(at_most(2, 10, 0.1), 0.9298);
        close(at_most(5, 10, 0.5), 0.6230);
        close(at_most(10, 10, 0.5), 1.0);
        close(at_most(3, 2000, 0.5), 0.0);
        close(at_most(0, 10, 0.0), 1.0);
    }

    /// One detection at the n-th seed: the interval solves `1 - (1-p)^n = 0.025` and
    /// `(1-p)^(n-1) = 0.025`.
    #[test]
    fn one_detection_says_little() {
        let chance = Count { detections: 1, seeds: 10 }.chance();
        close(chance.likely, 0.1);
        close(chance.low, 0.00253);
        close(chance.high, 0.3363);
        let at_once = Count { detections: 1, seeds: 1 }.chance();
        close(at_once.low, 0.025);
        close(at_once.high, 1.0);
    }

    #[test]
    fn many_detections_say_more_and_none_says_how_rare_it_must_be() {
        let few = Count { detections: 5, seeds: 50 }.chance();
        let many = Count { detections: 50, seeds: 500 }.chance();
        assert!(few.low < many.low && many.high < few.high, "{few:?} {many:?}");
        let never = Count { detections: 0, seeds: 100 }.chance();
        close(never.low, 0.0);
        close(never.high, 0.0362);
    }

    #[test]
    fn seeds_until_detection() {
        assert_eq!(seeds_for(0.5, 0.5), 1.0);
        assert_eq!(seeds_for(0.5, 0.1), 7.0);
        assert_eq!(seeds_for(0.95, 0.1), 29.0);
        assert_eq!(seeds_for(0.5, 1.0), 1.0);
        assert!(seeds_for(0.5, 0.0).is_infinite());
        close(found_by(300, 0.01), 0.9510);
        let seeds = Count { detections: 5, seeds: 50 }.seeds_for(0.5);
        assert!(seeds.low < seeds.likely && seeds.likely < seeds.high, "{seeds:?}");
    }

    #[test]
    fn weaker_by_more_than_noise() {
        assert!(!Count { detections: 1, seeds: 20 }.is_weaker_than(0.1));
        assert!(!Count { detections: 0, seeds: 60 }.is_weaker_than(0.1));
        assert!(Count { detections: 0, seeds: 70 }.is_weaker_than(0.1));
        assert!(Count { detections: 1, seeds: 200 }.is_weaker_than(0.1));
        assert!(!Count { detections: 1, seeds: 1 }.is_weaker_than(0.9));
    }
}
