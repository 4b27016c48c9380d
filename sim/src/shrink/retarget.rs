//! Faults follow whom they are aimed at.

use stormproof_shop::scenario::tables::Document;

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
