//! How fast is ordered: as fast as the shop answers, at a rate, or at one rate after the other. Pure.

use std::str::FromStr;
use std::time::Duration;

use super::arrivals::Arrivals;

/// More orders than this, and more a second, are a slip of the keyboard.
pub const ORDERS_MAX: u32 = 1_000_000;
pub const RATE_MAX: u32 = 100_000;

/// A part of the load: so many orders, of customers who order in no other part.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub orders: u32,
    /// `None`: the next one is due when there is room for one more under way.
    pub due: Option<Due>,
}

/// When the orders of a part are due.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// As asked for, orders a second.
    pub rate: u32,
    /// Counted from the part's beginning, one for each order.
    pub moments: Vec<Duration>,
    /// For how long orders come; in a ramp, what its steps are given.
    pub length: Duration,
}

impl Stage {
    pub fn as_fast_as_possible(orders: u32) -> Stage {
        Stage { orders, due: None }
    }

    pub fn at_a_rate(orders: u32, rate: u32, arrivals: Arrivals, seed: u64) -> Stage {
        let count = usize::try_from(orders).expect("32 bits are a size");
        let moments: Vec<_> = arrivals.moments(rate, seed).take(count).collect();
        let length = moments.last().copied().unwrap_or_default();
        Stage { orders, due: Some(Due { rate, moments, length }) }
    }

    /// One part for each rate, `length` long. By chance one may have no orders: it is left out.
    pub fn ramp(rates: Rates, length: Duration, arrivals: Arrivals, seed: u64) -> Vec<Stage> {
        let stage = |(number, rate): (u64, u32)| {
            let moments = arrivals.moments(rate, seed.wrapping_add(number));
            let moments: Vec<_> = moments.take_while(|moment| *moment < length).collect();
            let orders = u32::try_from(moments.len()).expect("rates and lengths are bounded");
            (orders > 0).then_some(Stage { orders, due: Some(Due { rate, moments, length }) })
        };
        (0..).zip(rates.all()).filter_map(stage).collect()
    }
}

/// `FROM..TO:STEP`, in orders a second; both ends are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub from: u32,
    pub to: u32,
    pub step: u32,
}

impl Rates {
    pub fn all(self) -> impl Iterator<Item = u32> {
        let step = usize::try_from(self.step).expect("32 bits are a size");
        (self.from..=self.to).step_by(step)
    }
}

impl FromStr for Rates {
    type Err = String;

    fn from_str(text: &str) -> Result<Rates, String> {
        let numbers = || {
            let (ends, step) = text.split_once(':')?;
            let (from, to) = ends.split_once("..")?;
            Some(Rates { from: from.parse().ok()?, to: to.parse().ok()?, step: step.parse().ok()? })
        };
        let fits = |rates: &Rates| {
            (1..=rates.to).contains(&rates.from) && rates.to <= RATE_MAX && rates.step > 0
        };
        numbers().filter(fits).ok_or_else(|| {
            format!(
                "expected FROM..TO:STEP in orders a second, such as 20..200:20, FROM at least 1 and \
                 not above TO, TO at most {RATE_MAX}, STEP at least 1"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_is_written_from_to_step() {
        let rates: Rates = "20..70:20".parse().expect("it is one");
        assert_eq!(rates.all().collect::<Vec<_>>(), [20, 40, 60]);
        let rates: Rates = "5..5:1".parse().expect("it is one");
        assert_eq!(rates.all().collect::<Vec<_>>(), [5]);
        for wrong in
            ["", "20", "20..70", "20:70", "0..9:1", "9..8:1", "1..9:0", "1..100001:9", "a..9:1"]
        {
            let why = wrong.parse::<Rates>().expect_err(wrong);
            assert!(why.contains("FROM..TO:STEP"), "{wrong}: {why}");
        }
    }

    #[test]
    fn every_step_has_its_orders() {
        let rates = Rates { from: 10, to: 30, step: 10 };
        let stages = Stage::ramp(rates, Duration::from_secs(2), Arrivals::Even, 1);
        assert_eq!(stages.iter().map(|stage| stage.orders).collect::<Vec<_>>(), [20, 40, 60]);
        let dues = stages.iter().filter_map(|stage| stage.due.as_ref());
        assert!(dues.clone().all(|due| due.moments.iter().all(|it| *it < due.length)));
        assert_eq!(dues.map(|due| due.rate).collect::<Vec<_>>(), [10, 20, 30]);
        let by_chance = Stage::ramp(rates, Duration::from_secs(2), Arrivals::Poisson, 1);
        assert!(by_chance[0].due != stages[0].due);
    }

    #[test]
    fn a_rate_has_as_many_orders_as_asked_for() {
        let stage = Stage::at_a_rate(5, 2, Arrivals::Even, 1);
        let due = stage.due.expect("it has a rate");
        assert_eq!((due.moments.len(), due.length), (5, Duration::from_secs(2)));
    }
}
