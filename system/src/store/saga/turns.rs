//! Which of two steps is in hand, and when the other has its turn. Pure.
//!
//! Stock and money go back each on its own (`protocol.md` §2): a Warehouse that is away keeps no money, a
//! Bank that is away no goods. One of the two is in hand, with its attempts and the time of the next; while it
//! waits, the other is tried. Which is due first is in hand while the case rests, so that the one timer
//! of the order is its.

use std::time::Duration;

use stormproof_ports::time::Time;

use super::progress::rest;
use super::{Aside, Case, Next, Step, next};

/// What steps are parts of: the stock's way back, the money's, or the order as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    Stock,
    Money,
    Whole,
}

fn lane(step: Step) -> Lane {
    match step {
        Step::Release | Step::Return => Lane::Stock,
        Step::Refund | Step::AwaitRefund => Lane::Money,
        _ => Lane::Whole,
    }
}

/// How the step came to be in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    First,
    Again,
    /// It was put aside, and is not due yet.
    NotYet,
}

/// Takes the next step in hand: what was in hand goes on, unless it is done.
pub fn take(case: &mut Case, now: Time) -> (Step, Taken) {
    let next = next(case);
    let saga = &mut case.saga;
    let Next { step, beside } = next;
    let step = beside.filter(|beside| lane(*beside) == lane(saga.step)).unwrap_or(step);
    if saga.step == step {
        return (step, Taken::Again);
    }
    let aside = saga.aside;
    if lane(saga.step) != lane(step) && aside.step == step {
        (saga.step, saga.attempts, saga.since) = (step, aside.attempts, aside.since);
        saga.aside = Aside::NONE;
        if aside.until > now.0 {
            rest(case, Time(aside.until));
            return (step, Taken::NotYet);
        }
        saga.next_attempt_at = now.0;
        return (step, Taken::Again);
    }
    if !next.has(aside.step) {
        saga.aside = Aside::NONE;
    }
    (saga.step, saga.attempts, saga.since) = (step, 0, now.0);
    (step, Taken::First)
}

/// The step in hand is to be tried again after `delay`. If the other one has its turn now, it is in hand and
/// `true` is returned; else the case rests until the first of the two is due.
pub fn wait(case: &mut Case, now: Time, delay: Duration) -> bool {
    let Next { step, beside } = next(case);
    let saga = &mut case.saga;
    let until = now + delay;
    let other = [Some(step), beside].into_iter().flatten();
    let Some(other) = other.into_iter().find(|other| lane(*other) != lane(saga.step)) else {
        saga.aside = Aside::NONE;
        rest(case, until);
        return false;
    };
    let fresh = Aside { step: other, attempts: 0, since: now.0, until: now.0 };
    let turn = if saga.aside.step == other { saga.aside } else { fresh };
    if turn.until >= until.0 {
        saga.aside = turn;
        rest(case, until);
        return false;
    }
    let (step, attempts, since) = (saga.step, saga.attempts, saga.since);
    saga.aside = Aside { step, attempts, since, until: until.0 };
    (saga.step, saga.attempts, saga.since) = (turn.step, turn.attempts, turn.since);
    if turn.until > now.0 {
        rest(case, Time(turn.until));
        return false;
    }
    saga.next_attempt_at = now.0;
    true
}
