//! How any scenario gets smaller: without faults that never fired, with fewer faults, with simpler
//! ones, under a seed that is easier to remember. What else a document holds, its system makes
//! smaller: [`numbers`] help.

pub mod numbers;

use crate::shrink::Pass;
use numbers::{fewer, shorter};
use stormproof_faults::document::Document;
use stormproof_faults::outcome::Outcome;
use stormproof_faults::units::At;
use stormproof_faults::{FaultTable, OwnKinds};

/// Seeds up to here are easier to remember than those that are drawn.
const SEEDS: u64 = 10;

/// Without the faults that did not fire: they have moved nothing.
pub fn fired<'a, D: Document>() -> Pass<'a, D, Outcome> {
    Pass::simpler(|document: &D, outcome: &Outcome| {
        only_fired(document, outcome).into_iter().collect()
    })
}

/// The same with those faults only that fired in a run; `None`: all did.
pub fn only_fired<D: Document>(document: &D, outcome: &Outcome) -> Option<D> {
    if outcome.unfired_places.is_empty() {
        return None;
    }
    let faults = document.faults().iter().enumerate();
    let fired = faults.filter(|(place, _)| !outcome.unfired_places.contains(place));
    Some(document.with_faults(fired.map(|(_, fault)| fault.clone()).collect()))
}

/// Fewer faults.
pub fn fewer_faults<'a, D: Document>() -> Pass<'a, D, Outcome> {
    Pass::fewer(
        |document: &D| document.faults().len(),
        |document, range| {
            let mut faults = document.faults().to_vec();
            faults.drain(range);
            Some(document.with_faults(faults))
        },
    )
}

/// Every fault in simpler forms.
pub fn simpler_faults<'a, D: Document>() -> Pass<'a, D, Outcome> {
    Pass::simpler(|document: &D, _| {
        let mut forms = Vec::new();
        for (place, fault) in document.faults().iter().enumerate() {
            for simpler in simpler(&fault.value) {
                let mut faults = document.faults().to_vec();
                faults[place] = At::from(simpler);
                forms.push(document.with_faults(faults));
            }
        }
        forms
    })
}

/// The same under a smaller seed.
pub fn smaller_seed<'a, D: Document>() -> Pass<'a, D, Outcome> {
    Pass::simpler(|document: &D, _| {
        (1..document.seed().min(SEEDS)).map(|seed| document.with_seed(seed)).collect()
    })
}

fn simpler<K: OwnKinds>(fault: &FaultTable<K>) -> Vec<FaultTable<K>> {
    let mut all = Vec::new();
    let mut form = |change: &dyn Fn(&mut FaultTable<K>)| {
        let mut simpler = fault.clone();
        change(&mut simpler);
        all.push(simpler);
    };
    let mut written = fault.clone();
    if written.target_mut().is_some_and(|target| target.value.contains("<->")) {
        form(&|fault| {
            if let Some(target) = fault.target_mut() {
                target.value = target.value.replace("<->", "->");
            }
        });
    }
    for (place, number) in written.numbers_mut().into_iter().enumerate() {
        if let Some(number) = number {
            form(&|fault| *fault.numbers_mut()[place] = None);
            for fewer in fewer(i64::from(number.value), 1) {
                let fewer = u32::try_from(fewer).expect("less than it was");
                form(&|fault| *fault.numbers_mut()[place] = Some(At::from(fewer)));
            }
        }
    }
    for (place, length) in written.lengths_mut().into_iter().enumerate() {
        if let Some(length) = length {
            form(&|fault| *fault.lengths_mut()[place] = None);
            for shorter in shorter(length.value) {
                form(&|fault| *fault.lengths_mut()[place] = Some(At::from(shorter)));
            }
        }
    }
    all
}
