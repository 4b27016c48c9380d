//! Delta debugging: something that fails is made smaller, for as long as it still fails.
//!
//! Generic: what a subject is, how it can be smaller and what failing means are the caller's. A
//! [`Pass`] offers smaller candidates, a [`Trial`] tries them, and [`shrink`] takes the first that
//! fails, pass after pass, until none does. What comes out depends on the order of the candidates
//! alone, never on how many are tried at once.

use std::ops::Range;

/// Tries candidates.
pub trait Trial<C> {
    /// What is known of a run that failed.
    type Evidence;

    /// Runs `candidates` until one fails: the first in their order, whatever runs beside it.
    ///
    /// # Errors
    /// If they cannot be run at all.
    fn first(&mut self, candidates: &[C]) -> Result<Option<(usize, Self::Evidence)>, String>;
}

/// One way of being smaller.
pub struct Pass<'a, C, E>(Way<'a, C, E>);

enum Way<'a, C, E> {
    Fewer { count: Count<'a, C>, without: Without<'a, C> },
    Simpler(Forms<'a, C, E>),
}

type Count<'a, C> = Box<dyn Fn(&C) -> usize + 'a>;
type Without<'a, C> = Box<dyn Fn(&C, Range<usize>) -> Option<C> + 'a>;
type Forms<'a, C, E> = Box<dyn Fn(&C, &E) -> Vec<C> + 'a>;

impl<'a, C, E> Pass<'a, C, E> {
    /// A list that may do without some of its items: many at once are tried first. `without` says
    /// `None` where nothing sensible would be left.
    pub fn fewer(
        count: impl Fn(&C) -> usize + 'a,
        without: impl Fn(&C, Range<usize>) -> Option<C> + 'a,
    ) -> Pass<'a, C, E> {
        Pass(Way::Fewer { count: Box::new(count), without: Box::new(without) })
    }

    /// A part in simpler forms, the simplest first. Each is smaller by some measure that no pass
    /// makes larger, so that this comes to an end. Other chances are not tried for them: they are
    /// many, and make it plainer rather than smaller.
    pub fn simpler(forms: impl Fn(&C, &E) -> Vec<C> + 'a) -> Pass<'a, C, E> {
        Pass(Way::Simpler(Box::new(forms)))
    }
}

/// How to go about it.
pub struct Plan<'a, C, E> {
    /// In the order in which they are worth trying.
    pub passes: &'a [Pass<'a, C, E>],
    /// What can run: a candidate that makes no sense is none.
    pub valid: &'a dyn Fn(&C) -> bool,
    /// When nothing smaller fails any more, lists are tried under other chances: those of the first
    /// range, and when they help no more, those of the next.
    pub chances: &'a [Range<u64>],
    /// The candidate under another chance.
    pub vary: fn(&C, u64) -> C,
    /// Candidates at the most.
    pub candidates_max: u64,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk<C, E> {
    /// The smallest candidate that failed.
    pub smallest: C,
    /// What is known of its run.
    pub evidence: E,
    /// Candidates up to the last that was needed, in their order.
    pub candidates: u64,
    /// How many of them failed, and so took the place of a larger one.
    pub steps: u64,
    /// Nothing smaller fails; else the bound was reached first.
    pub complete: bool,
}

/// Makes `subject` smaller. It has failed, with `evidence`.
///
/// # Errors
/// If candidates cannot be run at all.
pub fn shrink<C: Clone + PartialEq, T: Trial<C>>(
    plan: &Plan<'_, C, T::Evidence>,
    trial: &mut T,
    subject: C,
    evidence: T::Evidence,
) -> Result<Shrunk<C, T::Evidence>, String> {
    let best = Shrunk { smallest: subject, evidence, candidates: 0, steps: 0, complete: false };
    let mut search = Search { plan, trial, best, chances: None };
    search.run()?;
    Ok(search.best)
}

struct Search<'a, C, T: Trial<C>> {
    plan: &'a Plan<'a, C, T::Evidence>,
    trial: &'a mut T,
    best: Shrunk<C, T::Evidence>,
    /// Instead of the candidate's own.
    chances: Option<Range<u64>>,
}

impl<C: Clone + PartialEq, T: Trial<C>> Search<'_, C, T> {
    /// All passes, until none helps: with the subject's own chance, then with others. As soon as
    /// one of these has helped, what is smaller now may do with its own again.
    fn run(&mut self) -> Result<(), String> {
        let levels = || std::iter::once(None).chain(self.plan.chances.iter().cloned().map(Some));
        let mut rest = levels();
        while let Some(chances) = rest.next() {
            let steps = self.best.steps;
            loop {
                let before = self.best.steps;
                self.pass_all(&chances)?;
                if self.left() == 0 {
                    return Ok(());
                }
                if chances.is_some() || self.best.steps == before {
                    break;
                }
            }
            if chances.is_some() && self.best.steps > steps {
                rest = levels();
            }
        }
        self.best.complete = true;
        Ok(())
    }

    fn pass_all(&mut self, chances: &Option<Range<u64>>) -> Result<(), String> {
        self.chances.clone_from(chances);
        for pass in self.plan.passes {
            match &pass.0 {
                Way::Fewer { count, without } => self.fewer(count, without)?,
                Way::Simpler(_) if chances.is_some() => {}
                Way::Simpler(forms) => self.simpler(forms)?,
            }
        }
        Ok(())
    }

    /// Half of the items at once, then a quarter, down to single ones.
    fn fewer(
        &mut self,
        count: &dyn Fn(&C) -> usize,
        without: &dyn Fn(&C, Range<usize>) -> Option<C>,
    ) -> Result<(), String> {
        let mut size = count(&self.best.smallest);
        while size > 0 {
            let mut start = 0;
            loop {
                let all = count(&self.best.smallest);
                let places: Vec<usize> = (start..all).step_by(size).collect();
                let smaller = |place: &usize| {
                    let range = *place..all.min(*place + size);
                    let candidate = without(&self.best.smallest, range)?;
                    (self.plan.valid)(&candidate).then_some((*place, candidate))
                };
                let offered: Vec<(usize, C)> = places.iter().filter_map(smaller).collect();
                match self.attempt(offered)? {
                    Some(place) => start = place,
                    None => break,
                }
            }
            size = size.min(count(&self.best.smallest)).div_ceil(2).min(size - 1);
        }
        Ok(())
    }

    /// Form after form; those before one that failed are not tried again in this pass.
    fn simpler(&mut self, forms: &dyn Fn(&C, &T::Evidence) -> Vec<C>) -> Result<(), String> {
        let mut start = 0;
        loop {
            let mut forms = forms(&self.best.smallest, &self.best.evidence);
            forms.retain(self.plan.valid);
            let offered = forms.into_iter().enumerate().skip(start).collect();
            match self.attempt(offered)? {
                Some(place) => start = place,
                None => return Ok(()),
            }
        }
    }

    /// Tries what is offered; takes the first that fails, and returns its place.
    fn attempt(&mut self, offered: Vec<(usize, C)>) -> Result<Option<usize>, String> {
        let mut places = Vec::new();
        let mut candidates = Vec::new();
        for (place, candidate) in offered {
            assert!(
                candidate != self.best.smallest,
                "a candidate is smaller than what it came from"
            );
            let candidates_before = candidates.len();
            match &self.chances {
                None => candidates.push(candidate),
                Some(chances) => {
                    let vary = |chance| (self.plan.vary)(&candidate, chance);
                    candidates.extend(chances.clone().map(vary));
                }
            }
            places.resize(places.len() + candidates.len() - candidates_before, place);
        }
        candidates.truncate(usize::try_from(self.left()).unwrap_or(usize::MAX));
        if candidates.is_empty() {
            return Ok(None);
        }
        let Some((found, evidence)) = self.trial.first(&candidates)? else {
            self.best.candidates += candidates.len() as u64;
            return Ok(None);
        };
        self.best.candidates += found as u64 + 1;
        self.best.steps += 1;
        self.best.smallest = candidates.swap_remove(found);
        self.best.evidence = evidence;
        Ok(Some(places[found]))
    }

    fn left(&self) -> u64 {
        self.plan.candidates_max.saturating_sub(self.best.candidates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers under a chance.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Subject {
        numbers: Vec<u32>,
        chance: u64,
    }

    /// A predicate, and all that it was asked about.
    struct Asked<F> {
        fails: F,
        asked: Vec<Subject>,
    }

    impl<F: Fn(&Subject) -> bool> Trial<Subject> for Asked<F> {
        type Evidence = ();

        fn first(&mut self, candidates: &[Subject]) -> Result<Option<(usize, ())>, String> {
            let found = candidates.iter().position(|candidate| {
                self.asked.push(candidate.clone());
                (self.fails)(candidate)
            });
            Ok(found.map(|place| (place, ())))
        }
    }

    fn without(subject: &Subject, range: Range<usize>) -> Option<Subject> {
        let mut subject = subject.clone();
        subject.numbers.drain(range);
        Some(subject)
    }

    fn simpler(subject: &Subject) -> Vec<Subject> {
        let mut forms = Vec::new();
        for (place, number) in subject.numbers.iter().enumerate() {
            for simpler in [0, number / 2, number.saturating_sub(1)] {
                if simpler < *number {
                    let mut form = subject.clone();
                    form.numbers[place] = simpler;
                    forms.push(form);
                }
            }
        }
        forms
    }

    fn of(
        numbers: Vec<u32>,
        candidates_max: u64,
        fails: impl Fn(&Subject) -> bool,
    ) -> (Shrunk<Subject, ()>, Vec<Subject>) {
        let vary = |subject: &Subject, chance| Subject { chance, ..subject.clone() };
        let passes = [
            Pass::fewer(|subject: &Subject| subject.numbers.len(), without),
            Pass::simpler(|subject, ()| simpler(subject)),
        ];
        let valid = &|_: &Subject| true;
        let plan = Plan { passes: &passes, valid, chances: &[1..3, 3..6], vary, candidates_max };
        let mut trial = Asked { fails, asked: Vec::new() };
        let shrunk = shrink(&plan, &mut trial, Subject { numbers, chance: 0 }, ());
        (shrunk.expect("it can be tried"), trial.asked)
    }

    #[test]
    fn what_is_needed_stays_and_all_else_goes() {
        let fails = |subject: &Subject| {
            let sum: u32 = subject.numbers.iter().sum();
            subject.numbers.contains(&7) && sum >= 40
        };
        let (shrunk, asked) = of((1..=100).collect(), 10_000, fails);
        assert!(shrunk.complete);
        assert!(shrunk.smallest.numbers.len() <= 5, "{:?}", shrunk.smallest);
        assert_eq!(shrunk.smallest.numbers.iter().sum::<u32>(), 40);
        assert_eq!(shrunk.candidates, asked.len() as u64);
        assert!(shrunk.candidates < 200, "{} candidates", shrunk.candidates);
        // Nothing smaller fails: that was asked.
        let smallest = &shrunk.smallest.numbers;
        for place in 0..smallest.len() {
            let (mut less, mut fewer) = (smallest.clone(), smallest.clone());
            less[place] -= 1;
            fewer.remove(place);
            for smaller in [less, fewer] {
                assert!(asked.iter().any(|subject| subject.numbers == smaller), "{smaller:?}");
            }
        }
    }

    #[test]
    fn what_fails_without_anything_shrinks_to_nothing() {
        let (shrunk, asked) = of((1..=64).collect(), 10_000, |_| true);
        assert_eq!((shrunk.smallest.numbers.len(), asked.len()), (0, 1));
    }

    /// With one of two numbers gone, it fails under the fourth chance only.
    #[test]
    fn other_chances_are_tried_when_nothing_else_helps() {
        let fails = |subject: &Subject| match subject.numbers.as_slice() {
            [9] => subject.chance == 4,
            numbers => numbers.contains(&9) && numbers.len() > 1,
        };
        let (shrunk, _) = of(vec![9, 9], 10_000, fails);
        assert_eq!(shrunk.smallest, Subject { numbers: vec![9], chance: 4 });
    }

    #[test]
    fn the_bound_is_kept_and_told() {
        let (shrunk, asked) = of((1..=100).collect(), 7, |subject| subject.numbers.contains(&50));
        assert!(!shrunk.complete && shrunk.candidates == 7 && asked.len() == 7);
        assert!(shrunk.smallest.numbers.len() < 100);
    }
}
