//! When orders are due: evenly spaced, or as independent customers come. Pure.
//!
//! They are due whatever the shop does: a shop that is slow finds as many of them at its door as a quick
//! one does, and what they waited counts.

use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

/// How arrivals are spread in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// Each as long after the one before as every other.
    #[default]
    Even,
    /// By chance, independently of each other: some come together, then nobody comes for a while.
    Poisson,
}

impl FromStr for Arrivals {
    type Err = String;

    fn from_str(text: &str) -> Result<Arrivals, String> {
        match text {
            "even" => Ok(Arrivals::Even),
            "poisson" => Ok(Arrivals::Poisson),
            _ => Err("expected even or poisson".to_owned()),
        }
    }
}

impl Arrivals {
    /// In words; `seed` is what chance is drawn from.
    pub fn words(self, seed: u64) -> String {
        match self {
            Arrivals::Even => "evenly spaced".to_owned(),
            Arrivals::Poisson => format!("by chance (Poisson), seed {seed}"),
        }
    }

    /// The moments at which they are due, without end, counted from the beginning. The same rate, a
    /// second, and the same seed are the same moments.
    pub fn moments(self, rate: u32, seed: u64) -> Box<dyn Iterator<Item = Duration>> {
        match self {
            Arrivals::Even => {
                Box::new((0..).map(move |number| Duration::from_secs(1) * number / rate))
            }
            Arrivals::Poisson => {
                let mut draws = Draws(seed);
                let mut now = 0.0;
                Box::new(std::iter::repeat_with(move || {
                    // Between two events of a Poisson process time is exponentially distributed.
                    now -= (1.0 - draws.unit()).ln() / f64::from(rate);
                    Duration::from_secs_f64(now)
                }))
            }
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
pub struct Draws(pub u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 on, below `bound`, about equally likely.
    pub fn below(&mut self, bound: i32) -> i32 {
        (self.unit() * f64::from(bound)) as i32
    }

    /// From 0 on, below 1: the upper 53 bits, as many as a fraction has.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_arrivals_are_evenly_spaced() {
        let moments: Vec<_> = Arrivals::Even.moments(4, 1).take(5).collect();
        assert_eq!(moments, [0, 250, 500, 750, 1000].map(Duration::from_millis));
    }

    /// Of a Poisson process a second holds as many as the rate says, on the average, and their number
    /// varies as much as it is large.
    #[test]
    fn poisson_arrivals_come_by_chance_at_the_rate() {
        let seconds = 2000;
        let mut counts = vec![0_u32; seconds];
        for moment in Arrivals::Poisson.moments(50, 7) {
            let second = usize::try_from(moment.as_secs()).expect("it is small");
            let Some(count) = counts.get_mut(second) else { break };
            *count += 1;
        }
        let mean = f64::from(counts.iter().sum::<u32>()) / seconds as f64;
        let square = |count: &u32| (f64::from(*count) - mean).powi(2);
        let variance = counts.iter().map(square).sum::<f64>() / seconds as f64;
        assert!((49.0..51.0).contains(&mean), "{mean}");
        assert!((45.0..55.0).contains(&variance), "{variance}");
    }

    #[test]
    fn the_same_seed_is_the_same_arrivals() {
        let of = |seed| Arrivals::Poisson.moments(50, seed).take(20).collect::<Vec<_>>();
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
        assert!(of(3).is_sorted());
    }
}
