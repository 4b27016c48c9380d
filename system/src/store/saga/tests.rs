//! The saga's decisions, tabled.

use super::{Case, DeliveryState, Goal, Next, Saga, Step, Stock, next};
use crate::id::{OrderId, Sku, UserId, WarehouseId};
use crate::money::{Currency, Money};
use crate::store::allocation::Share;
use crate::store::order::OrderLine;
use crate::store::order::{Order, OrderStatus};
use crate::store::payment::{Payment, PaymentStatus};

/// An order for two teapots that has just been placed.
pub fn case() -> Case {
    let sku = Sku::parse("teapot").expect("well formed");
    Case {
        order: Order {
            id: OrderId::parse("order-1").expect("well formed"),
            user: UserId::parse("ann").expect("well formed"),
            email: "ann@example.com".into(),
            status: OrderStatus::PendingPayment,
            total: Money::new(4200, Currency::AUD),
            reason: String::new(),
            carrier_sequence: 0,
            version: 0,
            arrivals: [None; 10],
        },
        payment: Payment::none(),
        saga: Saga::new(0),
        lines: vec![OrderLine {
            sku: sku.clone(),
            name: "Teapot".into(),
            quantity: 2,
            price: Money::new(2100, Currency::AUD),
        }],
        allocation: vec![Share {
            sku,
            warehouse: WarehouseId::parse("sydney").expect("well formed"),
            quantity: 2,
        }],
    }
}

fn step(goal: Goal, stock: Stock, payment: PaymentStatus, delivery: DeliveryState) -> Next {
    let mut case = case();
    case.saga.goal = goal;
    case.saga.stock = stock;
    case.saga.delivery = delivery;
    case.payment.status = payment;
    next(&case)
}

#[test]
fn forward_takes_one_step_after_the_other() {
    let no = DeliveryState::None;
    let journey = [
        (Stock::None, PaymentStatus::None, no, Step::Reserve),
        (Stock::ReserveStarted, PaymentStatus::None, no, Step::Reserve),
        (Stock::Held, PaymentStatus::None, no, Step::Debit),
        (Stock::Held, PaymentStatus::DebitIntent, no, Step::Debit),
        (Stock::Held, PaymentStatus::Debited, no, Step::Commit),
        (Stock::CommitStarted, PaymentStatus::Debited, no, Step::Commit),
        (Stock::Committed, PaymentStatus::Debited, no, Step::RequestDelivery),
        (Stock::Committed, PaymentStatus::Debited, DeliveryState::Requested, Step::AwaitCarrier),
    ];
    for (stock, payment, delivery, expected) in journey {
        assert_eq!(
            step(Goal::Deliver, stock, payment, delivery),
            expected.into(),
            "{stock:?} {payment:?}"
        );
    }
    let mut losing = case();
    losing.allocation.clear();
    assert_eq!(next(&losing), Step::Plan.into());
}

/// Undoing never refunds or gives stock back before the carrier has answered, never finishes while
/// anything is held, charged or in doubt, and always has a next step. Of stock and money neither waits
/// for the other.
#[test]
fn undoing_keeps_the_protocols_order() {
    for goal in [Goal::Fail, Goal::Cancel] {
        for &stock in Stock::ALL {
            for payment in PaymentStatus::ALL {
                for &delivery in DeliveryState::ALL {
                    let Next { step, beside } = step(goal, stock, payment, delivery);
                    let place = format!("{goal:?} {stock:?} {payment:?} {delivery:?}: {step:?}");
                    let in_doubt = payment == PaymentStatus::DebitIntent;
                    let carrier_open = matches!(
                        delivery,
                        DeliveryState::Requested | DeliveryState::CancelRequested
                    );
                    let held = !matches!(stock, Stock::None | Stock::Free);
                    let charged = matches!(
                        payment,
                        PaymentStatus::Debited | PaymentStatus::RefundDue | PaymentStatus::Parked
                    );
                    let expected: &[Step] = match (in_doubt, carrier_open, held, charged) {
                        (true, ..) => &[Step::Void],
                        (_, true, ..) => &[Step::CancelDelivery, Step::AwaitCarrier],
                        (_, _, true, _) => &[Step::Release, Step::Return],
                        (_, _, _, true) => &[Step::Refund, Step::AwaitRefund],
                        _ => &[Step::Finish],
                    };
                    assert!(expected.contains(&step), "{place}");
                    let both = !in_doubt && !carrier_open && held && charged;
                    assert_eq!(beside.is_some(), both, "{place}");
                }
            }
        }
    }
}

#[test]
fn a_lost_parcel_is_refunded_and_its_stock_is_not_given_back() {
    for &stock in Stock::ALL {
        let refund = step(Goal::Refund, stock, PaymentStatus::Debited, DeliveryState::Requested);
        assert_eq!(refund, Step::Refund.into());
        let done = step(Goal::Refund, stock, PaymentStatus::Refunded, DeliveryState::Requested);
        assert_eq!(done, Step::Finish.into());
    }
}
