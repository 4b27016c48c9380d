//! The progress bar: on standard error, and only if a person watches.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::subject::Finding;
use super::terminal;

/// Shows how far an exploration is. Silent unless both outputs are a terminal.
pub struct Progress {
    bar: ProgressBar,
    begun: Instant,
    seeds: u64,
    broken: u64,
    units: String,
    /// Pieces of work.
    done: u64,
    virtual_seconds: f64,
}

impl Progress {
    /// A bar for so many seeds; `u64::MAX`: nobody knows how many there is time for.
    /// The system counts its pieces of work by the figure `units`.
    pub fn new(seeds: u64, units: &str) -> Progress {
        let (length, template) = match seeds {
            u64::MAX => (None, "{spinner} {pos} seeds · {msg} · {elapsed}"),
            _ => (Some(seeds), "{bar:24} {pos}/{len} seeds · {msg} · {eta} left"),
        };
        let target = match terminal::is_watched() {
            true => ProgressDrawTarget::stderr_with_hz(8),
            false => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template(template).expect("the template is well formed");
        let bar = ProgressBar::with_draw_target(length, target).with_style(style);
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Progress {
            bar,
            begun: Instant::now(),
            seeds: 0,
            broken: 0,
            units: units.to_owned(),
            done: 0,
            virtual_seconds: 0.0,
        }
    }

    /// Counts a seed.
    pub fn add(&mut self, finding: &Finding) {
        self.seeds += 1;
        match finding {
            Finding::Ended(outcome) => {
                self.done += outcome.figures.number(&self.units);
                self.virtual_seconds += outcome.virtual_seconds;
                self.broken += u64::from(!outcome.broken.is_empty());
            }
            Finding::Died(_) => self.broken += 1,
        }
        self.bar.inc(1);
        if !self.bar.is_hidden() {
            self.bar.set_message(self.words());
        }
    }

    /// Takes the bar away, for what comes next is the result.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }

    fn words(&self) -> String {
        let seconds = self.begun.elapsed().as_secs_f64();
        let mut words = format!(
            "{} seeds/s · {} {}/s · {} virtual s per s",
            terminal::rate(self.seeds as f64, seconds),
            terminal::rate(self.done as f64, seconds),
            self.units,
            terminal::rate(self.virtual_seconds, seconds),
        );
        if self.broken > 0 {
            words.push_str(&format!(" · {} broken", self.broken));
        }
        words
    }
}
