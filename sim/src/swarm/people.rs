//! Drawing what goes wrong with the shop's people.

use std::collections::BTreeSet;

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::{STATUSES, ms};
use stormproof_explore::swarm::DrawOwn;
use stormproof_faults::{FaultRow, TargetForm};
use stormproof_shop::scenario::PeopleKind;
use stormproof_shop::scenario::people::{BANK, PRODUCT, REOPEN};
use stormproof_shop::scenario::tables::{Document, FaultTable};
use stormproof_shop::scenario::units::{At, OrderName};
use stormproof_world::seed::Stream;

/// The people of a storm.
pub(super) struct People<'a> {
    pub(super) document: &'a Document,
}

impl DrawOwn<PeopleKind> for People<'_> {
    fn target(&self, stream: &mut Stream, row: &FaultRow) -> Option<String> {
        if row.target == TargetForm::Own(BANK) {
            return Some(BANK.to_owned());
        }
        if row.target == TargetForm::Own(PRODUCT) {
            let sold = self.document.world.stock.choose(stream).expect("there is stock");
            return Some(sold.sku.value.clone());
        }
        let customer = stream.random_range(0..self.document.customers.len());
        let script = &self.document.customers[customer].script;
        let orders = script.iter().filter(|step| step.value.order.is_some()).count();
        let order = stream.random_range(0..orders);
        Some(OrderName { customer: customer + 1, order: order + 1 }.to_string())
    }

    fn details(&self, stream: &mut Stream, row: &FaultRow, half: bool, fault: &mut FaultTable) {
        let later = ms(stream.random_range(1_000..60_000));
        let status = *STATUSES[1..].choose(stream).expect("there are statuses");
        match PeopleKind::of_key(row.key) {
            Some(PeopleKind::CloseAccount) => {
                fault.when = Some(At::from(status.to_owned()));
                *fault.own_mut(REOPEN) = half.then(|| At::from(later));
            }
            Some(PeopleKind::LoseParcel) if half => {
                fault.when = Some(At::from("IN_TRANSIT".to_owned()));
            }
            _ => {}
        }
    }
}

/// A price changes once: of several changes of one product the first is left.
pub(super) fn one_change_a_price(document: &mut Document) {
    let mut changed = BTreeSet::new();
    document.faults.retain(|fault| match fault.value.target_of(PeopleKind::ChangePrice.row()) {
        Some(sku) => changed.insert(sku.value.clone()),
        None => true,
    });
}

/// A parcel can only be found that is lost: finds are aimed at what was drawn to be lost.
pub(super) fn finds_after_losses(document: &mut Document) {
    let (loss, find) = (PeopleKind::LoseParcel.row(), PeopleKind::FindParcel.row());
    let faults = document.faults.iter();
    let lost: Vec<_> = faults.filter_map(|fault| fault.value.target_of(loss).cloned()).collect();
    let mut next = lost.into_iter();
    document.faults.retain_mut(|fault| {
        if fault.value.target_of(find).is_none() {
            return true;
        }
        let (Some(order), Some(lost)) = (fault.value.target_mut(), next.next()) else {
            return false;
        };
        *order = lost;
        true
    });
}
