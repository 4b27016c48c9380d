//! The shop's scenarios as whoever explores them sees them: something that runs, and plain data of
//! which parts can go.

use std::ops::Range;

use stormproof_faults::document::{self, Size};

use super::people::PeopleKind;
use super::{Document, Scenario};

/// The document without some of its faults, and without those that need them.
pub fn without_faults(document: &Document, range: Range<usize>) -> Document {
    let mut document = document.clone();
    document.faults.drain(range);
    finds_after_losses(&mut document);
    document
}

/// A parcel that nobody loses any more cannot be found.
pub fn finds_after_losses(document: &mut Document) {
    let lost: Vec<String> = document
        .faults
        .iter()
        .filter_map(|fault| {
            Some(fault.value.target_of(PeopleKind::LoseParcel.row())?.value.clone())
        })
        .collect();
    document.faults.retain(|fault| {
        let found = fault.value.target_of(PeopleKind::FindParcel.row());
        found.is_none_or(|order| lost.contains(&order.value))
    });
}

impl document::Scenario for Scenario {
    type Document = Document;

    fn name(&self) -> &str {
        &self.name
    }

    fn about(&self) -> &str {
        &self.about
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn document(&self) -> &Document {
        &self.document
    }

    fn asked_at(&self, place: usize) -> String {
        Scenario::asked_at(self, place)
    }
}

impl document::Document for Document {
    fn to_toml(&self) -> String {
        Document::to_toml(self)
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn with_seed(&self, seed: u64) -> Document {
        Document { seed, ..self.clone() }
    }

    fn with_about(&self, about: String) -> Document {
        Document { about, ..self.clone() }
    }

    fn faults(&self) -> usize {
        self.faults.len()
    }

    fn without_fault(&self, place: usize) -> Option<Document> {
        let fewer = without_faults(self, place..place + 1);
        Scenario::from_document(&self.about, fewer).ok().map(|scenario| scenario.document)
    }

    fn size(&self) -> Size {
        let steps = || self.customers.iter().flat_map(|customer| &customer.script);
        // Steps are those of all scripts, orders included.
        let counts = [
            ("fault", self.faults.len()),
            ("customer", self.customers.len()),
            ("order", steps().filter(|step| step.value.order.is_some()).count()),
            ("step", steps().count()),
        ];
        Size(counts.map(|(noun, number)| (noun.to_owned(), number)).into())
    }
}
