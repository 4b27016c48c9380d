//! What reconciliation calls a difference, tabled.

use stormproof_ports::time::Time;

use super::differences::{KINDS, Told, compare, rests, stranger};
use crate::bank::dto::{Movement, PaymentOutcome, PaymentView, RefundView};
use crate::delivery::dto::Delivery;
use crate::messages::DeliveryStatus;
use crate::money::{Currency, Money};
use crate::store::order::OrderStatus;
use crate::store::payment::PaymentStatus;
use crate::store::saga::tests::case;
use crate::store::saga::{Case, Goal};
use crate::warehouse::dto::{Line, ReservationView, State};

/// An order at rest, and what the others say of it.
type Story = (Case, Told);

fn at_rest(status: OrderStatus, payment: PaymentStatus) -> Case {
    let mut case = case();
    case.saga.goal = Goal::Done;
    case.order.status = status;
    case.payment.status = payment;
    case
}

fn reserved(case: &Case, state: State) -> ReservationView {
    let share = &case.allocation[0];
    let line = Line {
        sku: share.sku.clone(),
        warehouse: share.warehouse.clone(),
        quantity: share.quantity,
    };
    ReservationView { order_id: case.order.id.clone(), state, lines: vec![line] }
}

fn paid(case: &Case) -> PaymentView {
    let total = case.order.total;
    PaymentView {
        order_id: case.order.id.clone(),
        outcome: PaymentOutcome::Debited,
        account: Some(case.order.user.clone()),
        amount: Some(total),
        movement: Some(Movement { transaction_id: "d".into(), posted: -total.minor, sum: 0 }),
        refund: None,
    }
}

fn parcel(case: &Case, status: DeliveryStatus) -> Delivery {
    Delivery {
        order_id: case.order.id.clone(),
        status,
        sequence: 1,
        received_at: None,
        picked_up_at: None,
        in_transit_at: None,
        delivered_at: None,
        lost_at: None,
        cancelled_at: None,
        found_at: None,
    }
}

fn delivered() -> Story {
    let mut case = at_rest(OrderStatus::Delivered, PaymentStatus::Debited);
    case.payment.transaction_id = "d".into();
    let told = Told {
        reservation: Some(reserved(&case, State::Committed)),
        payment: Some(paid(&case)),
        delivery: Some(parcel(&case, DeliveryStatus::Delivered)),
    };
    (case, told)
}

fn refunded(status: OrderStatus, reservation: State, delivery: DeliveryStatus) -> Story {
    let (mut case, mut told) = delivered();
    case.order.status = status;
    case.payment.status = PaymentStatus::Refunded;
    case.payment.refund_id = "r".into();
    let amount = case.order.total;
    let movement = Movement { transaction_id: "r".into(), posted: amount.minor, sum: 0 };
    told.reservation = Some(reserved(&case, reservation));
    told.delivery = Some(parcel(&case, delivery));
    let payment = told.payment.as_mut().expect("it was paid");
    payment.refund = Some(RefundView { amount, movement });
    (case, told)
}

fn cancelled() -> Story {
    refunded(OrderStatus::Cancelled, State::Returned, DeliveryStatus::Cancelled)
}

fn lost() -> Story {
    refunded(OrderStatus::Lost, State::Committed, DeliveryStatus::Lost)
}

fn declined() -> Story {
    let case = at_rest(OrderStatus::Failed, PaymentStatus::Declined);
    let payment = PaymentView { outcome: PaymentOutcome::Declined, movement: None, ..paid(&case) };
    let reservation = Some(reserved(&case, State::Released));
    (case, Told { reservation, payment: Some(payment), delivery: None })
}

fn voided() -> Story {
    let (mut case, mut told) = declined();
    case.payment.status = PaymentStatus::Voided;
    let payment = told.payment.as_mut().expect("it was asked for");
    payment.outcome = PaymentOutcome::Voided;
    (payment.account, payment.amount) = (None, None);
    (case, told)
}

fn refused() -> Story {
    (at_rest(OrderStatus::Failed, PaymentStatus::None), Told::default())
}

/// The story, meddled with.
fn but(mut story: Story, meddle: impl FnOnce(&mut Case, &mut Told)) -> Story {
    meddle(&mut story.0, &mut story.1);
    story
}

fn payment(told: &mut Told) -> &mut PaymentView {
    told.payment.as_mut().expect("the story has one")
}

fn movement(told: &mut Told) -> &mut Movement {
    payment(told).movement.as_mut().expect("the story has one")
}

fn refund(told: &mut Told) -> &mut RefundView {
    payment(told).refund.as_mut().expect("the story has one")
}

fn reservation(told: &mut Told) -> &mut ReservationView {
    told.reservation.as_mut().expect("the story has one")
}

#[test]
fn every_end_of_an_order_in_one_table() {
    use DeliveryStatus as Parcel;
    let cent = |minor| Money::new(minor, Currency::AUD);
    let table: Vec<(Story, &[&str])> = vec![
        (delivered(), &[]),
        (cancelled(), &[]),
        (lost(), &[]),
        (declined(), &[]),
        (voided(), &[]),
        (refused(), &[]),
        // A parcel that turned up before the Store heard of its loss, and one that did after.
        (
            but(delivered(), |case, told| {
                let mut found = parcel(case, Parcel::Lost);
                found.found_at = Some(Time(1));
                told.delivery = Some(found);
            }),
            &[],
        ),
        (
            but(lost(), |_, told| {
                told.delivery.as_mut().expect("the story has one").found_at = Some(Time(1));
            }),
            &[],
        ),
        // A cancel and a release that overtook what they undo.
        (but(cancelled(), |_, told| told.delivery = None), &[]),
        (but(declined(), |_, told| reservation(told).lines.clear()), &[]),
        // The Store left its order behind.
        (but(delivered(), |case, _| case.order.status = OrderStatus::Paid), &["order unfinished"]),
        // Money.
        (but(delivered(), |_, told| told.payment = None), &["payment disagrees"]),
        (but(refused(), |case, told| told.payment = Some(paid(case))), &["payment disagrees"]),
        (but(declined(), |case, told| told.payment = Some(paid(case))), &["payment disagrees"]),
        (but(delivered(), |_, told| payment(told).amount = Some(cent(1))), &["payment disagrees"]),
        (but(delivered(), |_, told| payment(told).account = None), &["payment disagrees"]),
        (
            but(delivered(), |case, _| case.payment.transaction_id = "x".into()),
            &["payment disagrees"],
        ),
        (but(cancelled(), |_, told| payment(told).refund = None), &["refund disagrees"]),
        (but(cancelled(), |case, _| case.payment.refund_id = "x".into()), &["refund disagrees"]),
        (but(cancelled(), |_, told| refund(told).amount = cent(1)), &["refund disagrees"]),
        (
            but(cancelled(), |case, _| case.payment.status = PaymentStatus::Debited),
            &["refund disagrees"],
        ),
        (but(delivered(), |_, told| movement(told).posted = 0), &["ledger disagrees"]),
        (but(delivered(), |_, told| movement(told).sum = 1), &["ledger disagrees"]),
        (but(cancelled(), |_, told| refund(told).movement.posted = 0), &["ledger disagrees"]),
        // Goods.
        (but(delivered(), |_, told| told.reservation = None), &["reservation disagrees"]),
        (
            but(delivered(), |_, told| reservation(told).state = State::Held),
            &["reservation disagrees"],
        ),
        (
            but(declined(), |_, told| reservation(told).state = State::Held),
            &["reservation disagrees"],
        ),
        (
            but(cancelled(), |_, told| reservation(told).state = State::Committed),
            &["reservation disagrees"],
        ),
        (but(delivered(), |_, told| reservation(told).lines.clear()), &["goods disagree"]),
        (but(cancelled(), |_, told| reservation(told).lines[0].quantity = 1), &["goods disagree"]),
        // Parcels.
        (but(delivered(), |_, told| told.delivery = None), &["delivery disagrees"]),
        (
            but(refused(), |case, told| told.delivery = Some(parcel(case, Parcel::Received))),
            &["delivery disagrees"],
        ),
        (
            but(lost(), |case, told| told.delivery = Some(parcel(case, Parcel::InTransit))),
            &["delivery disagrees"],
        ),
        // All at once.
        (
            but(delivered(), |_, told| *told = Told::default()),
            &["payment disagrees", "reservation disagrees", "delivery disagrees"],
        ),
    ];
    // What others know, and the Store does not, is told apart from the start.
    let mut seen = vec![stranger(&Told::default()).kind];
    for (number, ((case, told), expected)) in table.iter().enumerate() {
        assert!(rests(case));
        let found = compare(case, told);
        let kinds: Vec<_> = found.iter().map(|difference| difference.kind).collect();
        assert_eq!(kinds, *expected, "row {number}: {found:#?}");
        seen.extend(kinds);
    }
    assert_eq!(KINDS.iter().find(|kind| !seen.contains(kind)), None, "a kind that no row has");
}

#[test]
fn who_knows_a_stranger_is_said() {
    let (_, told) = delivered();
    let only = Told { payment: None, delivery: None, ..told.clone() };
    assert_eq!(stranger(&only).text, "Known to the Warehouse, and not to the Store.");
    let all = "Known to the Warehouse and the Bank and DeliveryCo, and not to the Store.";
    assert_eq!(stranger(&told).text, all);
}

/// An order in motion is ahead of some and behind others: it is not for comparing.
#[test]
fn only_an_order_with_nothing_left_to_do_rests() {
    for goal in Goal::ALL {
        let mut case = case();
        case.saga.goal = *goal;
        assert_eq!(rests(&case), *goal == Goal::Done);
    }
}
