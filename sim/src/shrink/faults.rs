//! Fewer faults, and simpler ones.

use super::numbers::{fewer, shorter};
use stormproof_faults::outcome::Outcome;
use stormproof_shop::scenario::document::finds_after_losses;
use stormproof_shop::scenario::people::REOPEN;
use stormproof_shop::scenario::tables::{Document, FaultTable};
use stormproof_shop::scenario::units::{At, Length};

pub(super) fn count(document: &Document) -> usize {
    document.faults.len()
}

/// Without the faults that did not fire: they have moved nothing.
pub(super) fn fired(document: &Document, outcome: &Outcome) -> Option<Document> {
    if outcome.unfired_places.is_empty() {
        return None;
    }
    let mut document = document.clone();
    let mut place = 0;
    document.faults.retain(|_| {
        let idle = outcome.unfired_places.contains(&place);
        place += 1;
        !idle
    });
    finds_after_losses(&mut document);
    Some(document)
}

/// Gives every node and order that faults are aimed at its new name; a fault that is aimed at what
/// is no more goes.
pub(super) fn retarget(document: &mut Document, name: impl Fn(&str) -> Option<String>) {
    document.faults.retain_mut(|fault| {
        let Some(target) = fault.value.target_mut() else { return true };
        let words = target.value.split(' ').map(|word| match word {
            "->" | "<->" => Some(word.to_owned()),
            _ => name(word),
        });
        let Some(words) = words.collect::<Option<Vec<String>>>() else { return false };
        target.value = words.join(" ");
        true
    });
}

/// Every fault in simpler forms.
pub(super) fn forms(document: &Document) -> Vec<Document> {
    let mut forms = Vec::new();
    for (place, fault) in document.faults.iter().enumerate() {
        for simpler in simpler(&fault.value) {
            let mut form = document.clone();
            form.faults[place] = At::from(simpler);
            forms.push(form);
        }
    }
    forms
}

type Key<T> = fn(&mut FaultTable) -> &mut Option<At<T>>;

const NUMBERS: [Key<u32>; 2] = [|fault| &mut fault.nth, |fault| &mut fault.times];

const LENGTHS: [Key<Length>; 8] = [
    |fault| &mut fault.at,
    |fault| &mut fault.from,
    |fault| &mut fault.until,
    |fault| &mut fault.restart,
    |fault| &mut fault.lasting,
    |fault| &mut fault.by,
    |fault| &mut fault.after,
    |fault| fault.own_mut(REOPEN),
];

fn simpler(fault: &FaultTable) -> Vec<FaultTable> {
    let mut all = Vec::new();
    let mut form = |change: &dyn Fn(&mut FaultTable)| {
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
    for key in NUMBERS {
        if let Some(number) = key(&mut written).clone() {
            form(&|fault| *key(fault) = None);
            for fewer in fewer(i64::from(number.value), 1) {
                let fewer = u32::try_from(fewer).expect("less than it was");
                form(&|fault| *key(fault) = Some(At::from(fewer)));
            }
        }
    }
    for key in LENGTHS {
        if let Some(length) = key(&mut written).clone() {
            form(&|fault| *key(fault) = None);
            for shorter in shorter(length.value) {
                form(&|fault| *key(fault) = Some(At::from(shorter)));
            }
        }
    }
    all
}
