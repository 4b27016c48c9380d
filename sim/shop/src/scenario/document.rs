//! The shop's scenarios as whoever explores them sees them: something that runs, and plain data of
//! which parts can go.

use stormproof_faults::document::{self, Size};

use super::people::PeopleKind;
use super::tables::FaultTable;
use super::units::At;
use super::{Document, Scenario};

/// A parcel that nobody loses any more cannot be found.
fn finds_after_losses(document: &mut Document) {
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
    type Own = PeopleKind;

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

    fn faults(&self) -> &[At<FaultTable>] {
        &self.faults
    }

    fn with_faults(&self, faults: Vec<At<FaultTable>>) -> Document {
        let mut document = Document { faults, ..self.clone() };
        finds_after_losses(&mut document);
        document
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
