//! Measuring several contenders beside each other: so much of each that it takes about a second, all of
//! them in turn, several rounds, so that a busy moment of the machine meets all alike.

use std::mem::MaybeUninit;
use std::time::Duration;

/// How often each is run.
pub const ROUNDS: usize = 7;

/// How long a run should take, and at least how long it does.
const ENOUGH: Duration = Duration::from_millis(1_200);
const LEAST: Duration = Duration::from_millis(900);

/// Somebody that is measured.
pub struct Contender {
    /// What the table calls it.
    pub name: String,
    /// Does so many of what is measured, and says how long that took.
    pub run: Box<dyn Fn(u64) -> Duration>,
}

/// What one contender took.
pub struct Figure {
    /// What the table calls it.
    pub name: String,
    /// How many of what is measured it did in each run.
    pub amount: u64,
    /// What each of them took, in seconds: in the best run, and in the median of all.
    pub best: f64,
    /// The median.
    pub median: f64,
    /// The least processor time of all runs, which others on the machine hardly change.
    pub processor: f64,
}

impl Figure {
    /// Best, median, and processor time.
    pub fn times(&self) -> [f64; 3] {
        [self.best, self.median, self.processor]
    }
}

impl Contender {
    /// A contender of this name.
    pub fn new(name: impl Into<String>, run: impl Fn(u64) -> Duration + 'static) -> Contender {
        Contender { name: name.into(), run: Box::new(run) }
    }

    /// How many take it about a second, `most` at the most.
    fn amount(&self, first: u64, most: u64) -> u64 {
        let mut amount = first.min(most);
        loop {
            let took = (self.run)(amount);
            if took >= LEAST || amount == most {
                return amount;
            }
            let factor = ENOUGH.as_secs_f64() / took.as_secs_f64().max(1e-9);
            amount = most.min((amount as f64 * factor.clamp(1.5, 50.0)) as u64);
        }
    }
}

/// Measures all of them. Estimates begin with `first`; `most` are enough, however short they take.
pub fn measure(
    contenders: &[Contender],
    first: u64,
    most: u64,
    say: &mut dyn FnMut(&str),
) -> Vec<Figure> {
    let amounts: Vec<u64> = contenders.iter().map(|it| it.amount(first, most)).collect();
    let mut runs = vec![Vec::new(); contenders.len()];
    for round in 1..=ROUNDS {
        say(&format!("  round {round} of {ROUNDS}"));
        for ((contender, amount), runs) in contenders.iter().zip(&amounts).zip(&mut runs) {
            let before = processor_time();
            let wall = (contender.run)(*amount);
            let processor = processor_time().saturating_sub(before);
            runs.push([wall, processor].map(|time| time.as_secs_f64() / *amount as f64));
        }
    }
    let figures = contenders.iter().zip(amounts).zip(runs).map(|((it, amount), runs)| {
        let sorted = |kind: usize| {
            let mut times: Vec<f64> = runs.iter().map(|run| run[kind]).collect();
            times.sort_by(f64::total_cmp);
            times
        };
        let (wall, processor) = (sorted(0), sorted(1)[0]);
        let (best, median) = (wall[0], wall[wall.len() / 2]);
        Figure { name: it.name.clone(), amount, best, median, processor }
    });
    figures.collect()
}

/// What this process has had of the processors.
fn processor_time() -> Duration {
    let mut usage = MaybeUninit::uninit();
    // SAFETY: the call writes the whole of `usage`; it fails for unknown callers only.
    let usage: libc::rusage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let times = [usage.ru_utime, usage.ru_stime];
    times.iter().map(|time| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_grow_until_they_take_long_enough() {
        let contender = Contender::new("one", Duration::from_micros);
        assert!((900_000..=1_300_000).contains(&contender.amount(1, u64::MAX)));
        assert_eq!(contender.amount(1, 500), 500);
    }

    #[test]
    fn the_best_and_the_median_are_told() {
        let runs = std::cell::Cell::new(0);
        let contender = Contender::new("one", move |amount| {
            runs.set(runs.get() + 1);
            Duration::from_secs(amount * runs.get())
        });
        // The first run is the estimate.
        let figures = measure(&[contender], 1, 1, &mut |_| ());
        assert_eq!((figures[0].best, figures[0].median), (2.0, 5.0));
    }
}
