//! What can go wrong with the shop's people: their own kinds of fault, and what each is told.

use std::collections::BTreeSet;

use stormproof_system::store::order::OrderStatus;

use super::mistake::{Mistake, one_of};
use super::units::{At, OrderName};
use super::{PeopleFault, Stock, WorldSpec};
use stormproof_faults::table::Checker;
use stormproof_faults::{Drawn, FaultRow, OwnKinds, TargetForm, Timing, fault_kinds};

/// The key of how soon a closed account is open again.
pub const REOPEN: &str = "reopen";
/// Who can close.
pub const BANK: &str = "bank";
/// What is sold.
pub const PRODUCT: &str = "a product, such as `teapot`";
const ORDER: TargetForm = TargetForm::Own("the order of a customer, such as `customer-1/1`");
const CLOSED: Drawn = Drawn { lasting_ms: (5_000, 90_000), ..FaultRow::USUAL.drawn };

fault_kinds! {
    /// What can go wrong with people.
    pub enum PeopleKind {
        LoseParcel: "lose_parcel", "parcel lost",
            "the carrier loses a parcel on the way" => {
                target: ORDER,
                timing: Timing::Status,
                may: &["after"],
            }
        FindParcel: "find_parcel", "parcel found",
            "the carrier delivers a parcel that was lost" => {
                target: ORDER,
                timing: Timing::Status,
                may: &["after"],
            }
        BankClosed: "bank_closed", "bank closed",
            "the Bank is away for a while, such as an hour" => {
                target: TargetForm::Own(BANK),
                timing: Timing::Time,
                needs: &["at", "for"],
                drawn: CLOSED,
            }
        CloseAccount: "close_account", "account closed before the refund",
            "the account that paid cannot be refunded" => {
                target: ORDER,
                timing: Timing::Status,
                may: &["after", REOPEN],
            }
        ChangePrice: "change_price", "price changed",
            "staff make a product a tenth and a cent dearer, while orders are under way" => {
                target: TargetForm::Own(PRODUCT),
                timing: Timing::Time,
                needs: &["at"],
                generation: 3,
            }
        Restock: "restock", "restocked",
            "as many units of a product as lay in its first warehouse come again, while orders are under way" => {
                target: TargetForm::Own(PRODUCT),
                timing: Timing::Time,
                needs: &["at"],
                generation: 4,
            }
        Poison: "poison", "poison message",
            "a message that nobody can read arrives in a queue" => {
                timing: Timing::Time,
                needs: &["at"],
            }
    }
}

impl PeopleKind {
    /// Whether it is aimed at an order.
    pub fn is_of_order(self) -> bool {
        self.row().target == ORDER
    }
}

impl OwnKinds for PeopleKind {
    fn rows() -> Vec<&'static FaultRow> {
        PeopleKind::ALL.iter().map(|kind| kind.row()).collect()
    }

    const LENGTHS: &'static [(&'static str, &'static str)] =
        &[(REOPEN, "Open again after this time; never, unless said.")];
}

/// Checks a fault of the shop's people.
pub(super) fn check(
    checker: &Checker<'_, PeopleKind>,
    row: &FaultRow,
    target: &At<String>,
    world: &WorldSpec,
    has_order: impl Fn(OrderName) -> bool,
) -> Result<PeopleFault, Mistake> {
    let kind = PeopleKind::of_key(row.key).expect("what is not generic is the shop's own");
    let at = checker.length(&checker.table.value.at);
    match kind {
        PeopleKind::Poison => {
            checker.known("queue", target, &checker.topology.queue_names())?;
            Ok(PeopleFault::Poison { queue: target.value.clone(), at })
        }
        PeopleKind::ChangePrice => {
            let Some(price) = world.products.get(&target.value) else {
                let what = format!(
                    "product {:?}: expected {}",
                    target.value,
                    one_of(world.products.keys())
                );
                return Err(checker.mistake_at(target, what));
            };
            Ok(PeopleFault::ChangePrice { sku: target.value.clone(), price: dearer(*price), at })
        }
        PeopleKind::Restock => {
            let Some(stock) = world.stock.iter().find(|stock| stock.sku == target.value) else {
                let kept: BTreeSet<_> = world.stock.iter().map(|stock| &stock.sku).collect();
                let what = format!("goods {:?}: expected {}", target.value, one_of(kept));
                return Err(checker.mistake_at(target, what));
            };
            let Stock { sku, warehouse, units } = stock.clone();
            Ok(PeopleFault::Restock { sku, warehouse, units, at })
        }
        PeopleKind::BankClosed => {
            if target.value != BANK {
                return Err(checker.mistake_at(
                    target,
                    format!("{:?}: expected \"bank\", the one that can close", target.value),
                ));
            }
            let length = checker.length(&checker.table.value.lasting);
            Ok(PeopleFault::BankClosed { at, length })
        }
        _ => of_order(checker, kind, target, has_order),
    }
}

fn of_order(
    checker: &Checker<'_, PeopleKind>,
    kind: PeopleKind,
    target: &At<String>,
    has_order: impl Fn(OrderName) -> bool,
) -> Result<PeopleFault, Mistake> {
    let table = &checker.table.value;
    let order: OrderName =
        target.value.parse().map_err(|what: String| checker.mistake_at(target, what))?;
    if !has_order(order) {
        return Err(checker.mistake_at(
            target,
            format!("a fault that cannot fire: no script places the order {order}"),
        ));
    }
    let after = checker.length(&table.after);
    let status = |standard| match &table.when {
        None => Ok(standard),
        Some(when) => parse_status(&when.value).map_err(|what| checker.mistake_at(when, what)),
    };
    let fault = match kind {
        PeopleKind::LoseParcel => {
            let status = status(OrderStatus::PickedUp)?;
            use OrderStatus::{InTransit, PickedUp, Received};
            if !matches!(status, Received | PickedUp | InTransit) {
                return Err(checker.mistake(format!(
                    "a fault that cannot fire: the driver has no parcel of an order that is {}, \
                         expected RECEIVED, PICKED_UP or IN_TRANSIT",
                    status.as_str()
                )));
            }
            PeopleFault::LoseParcel { order, status, after }
        }
        PeopleKind::FindParcel => {
            if let Some(when) = table.when.as_ref().filter(|when| when.value != "LOST") {
                let what = "a parcel can only be found when it is lost: expected LOST";
                return Err(checker.mistake_at(when, what));
            }
            PeopleFault::FindParcel { order, after }
        }
        _ => PeopleFault::CloseAccount {
            order,
            status: status(OrderStatus::Paid)?,
            after,
            reopen: table.own(REOPEN).as_ref().map(|reopen| reopen.value.0),
        },
    };
    Ok(fault)
}

/// A tenth and a cent more.
fn dearer(price: i64) -> i64 {
    price + price / 10 + 1
}

/// Reads an order's status.
pub fn parse_status(text: &str) -> Result<OrderStatus, String> {
    OrderStatus::parse(text).ok_or_else(|| {
        let all = OrderStatus::ALL.map(OrderStatus::as_str);
        format!("status {text:?}: expected {}", one_of(all))
    })
}
