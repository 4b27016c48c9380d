//! What the courses of orders say: how long an order took, how long each of its steps, and how many settled
//! in a while. Pure.
//!
//! Courses have the Store's clocks, and a moment at which an order was due has the clock of who orders.
//! An order begins at the Store between being sent and being answered: each says how far the two clocks
//! can be apart, and many say it well.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use stormproof_system::store::order::OrderStatus;

use super::courses::Course;
use super::placing::Placed;
use super::spread::Spread;

/// Two statuses that followed each other, and what passed between them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Passage {
    pub from: String,
    pub to: String,
    pub orders: usize,
    pub took: Spread,
}

/// From when each order was due to its last status.
pub fn settled_in(orders: &[Placed], courses: &[Course]) -> Vec<Duration> {
    let both = || orders.iter().zip(courses);
    let bounds = both().filter_map(|(order, course)| {
        let begun_at = order.due_at + micros(order.begun_late);
        let answered_at = order.due_at + micros(order.answered_in);
        let first = course.statuses.iter().map(|entry| entry.at).min()?;
        Some((first - answered_at, first - begun_at))
    });
    let ahead = clock_ahead(bounds);
    let settled =
        both().filter_map(|(order, course)| Some(course.ended_at? - ahead - order.due_at));
    settled.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0))).collect()
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// By how many microseconds the Store's clock is ahead of ours, if each order says it is at least the
/// first and at most the second: as little as they allow.
fn clock_ahead(bounds: impl Iterator<Item = (i64, i64)>) -> i64 {
    let narrowest = bounds.reduce(|(low, high), (lower, upper)| (low.max(lower), high.min(upper)));
    match narrowest {
        None => 0,
        Some((low, high)) if low <= high => 0.clamp(low, high),
        // Several replicas whose clocks differ: something between them.
        Some((low, high)) => high + (low - high) / 2,
    }
}

/// How many orders a second settled in a while of this length that begins when the first one does. So
/// what an order takes is not held against the rate, however short the while; what waits longer and
/// longer is.
pub fn settled_a_second(courses: &[Course], length: Duration) -> f64 {
    let ends: Vec<i64> = courses.iter().filter_map(|course| course.ended_at).collect();
    let begin = ends.iter().min().copied().unwrap_or(0);
    let within = ends.iter().filter(|end| **end < begin + micros(length)).count();
    within as f64 / length.as_secs_f64()
}

/// The time in each step of an order, in the order of the statuses.
pub fn passages(courses: &[Course]) -> Vec<Passage> {
    let mut took: BTreeMap<_, Vec<Duration>> = BTreeMap::new();
    for course in courses {
        let mut timeline: Vec<_> = course
            .statuses
            .iter()
            .map(|entry| (entry.at, place(&entry.status), &*entry.status))
            .collect();
        timeline.sort_unstable();
        for pair in timeline.windows(2) {
            let [(from_at, from_place, from), (to_at, to_place, to)] = pair else { continue };
            let micros = u64::try_from(to_at - from_at).unwrap_or(0);
            let key = (*from_place, *to_place, *from, *to);
            took.entry(key).or_default().push(Duration::from_micros(micros));
        }
    }
    let passage = |((_, _, from, to), took): ((usize, usize, &str, &str), Vec<Duration>)| {
        let orders = took.len();
        let took = Spread::of(took.into_iter())?;
        Some(Passage { from: from.to_owned(), to: to.to_owned(), orders, took })
    };
    took.into_iter().filter_map(passage).collect()
}

/// Where a status stands among all; one that is not known stands last.
fn place(status: &str) -> usize {
    let known = OrderStatus::ALL.iter().position(|known| known.as_str() == status);
    known.unwrap_or(OrderStatus::ALL.len())
}

#[cfg(test)]
mod tests {
    use stormproof_system::store::dto::TimelineEntry;

    use super::*;

    fn timeline(entries: &[(&str, i64)]) -> Course {
        let entry =
            |(status, at): &(&str, i64)| TimelineEntry { status: (*status).into(), at: *at };
        entries.iter().map(entry).collect::<Vec<_>>().into()
    }

    fn placed(due_at: i64, begun_late: u64, answered_in: u64) -> Placed {
        Placed {
            number: 0,
            id: String::new(),
            promised: true,
            due_at,
            begun_late: Duration::from_micros(begun_late),
            answered_in: Duration::from_micros(answered_in),
            asked_again: 0,
            cancel: None,
        }
    }

    /// An order that began late has waited since it was due.
    #[test]
    fn an_order_settles_from_when_it_was_due() {
        let orders = [placed(1000, 400, 500)];
        let settled =
            settled_in(&orders, &[timeline(&[("PAID", 1600), ("PENDING_PAYMENT", 1450)])]);
        assert_eq!(settled, [Duration::from_micros(600)]);
    }

    #[test]
    fn a_store_whose_clock_is_ahead_is_understood() {
        let orders = [placed(1000, 0, 100), placed(2000, 0, 20)];
        let ahead = 5_000_000;
        let timelines = [
            timeline(&[("PENDING_PAYMENT", ahead + 1050), ("PAID", ahead + 1500)]),
            timeline(&[("PENDING_PAYMENT", ahead + 2010), ("PAID", ahead + 2500)]),
        ];
        let settled = settled_in(&orders, &timelines);
        // The second order leaves 20 µs of doubt, of which half is used up.
        assert_eq!(settled, [510, 510].map(Duration::from_micros));
    }

    #[test]
    fn clocks_that_agree_are_left_alone() {
        assert_eq!(clock_ahead([(-10, 20), (-3, 7)].into_iter()), 0);
        assert_eq!(clock_ahead([(5, 20), (3, 7)].into_iter()), 5);
        assert_eq!(clock_ahead([(-20, -4), (-9, 7)].into_iter()), -4);
        assert_eq!(clock_ahead([(10, 12), (0, 4)].into_iter()), 7);
        assert_eq!(clock_ahead(std::iter::empty()), 0);
    }

    /// Ten a second for a second, each of which takes three seconds: ten a second are brought.
    #[test]
    fn what_an_order_takes_is_not_held_against_the_rate() {
        let at = |number: i64, took: i64| timeline(&[("A", number), ("B", number + took)]);
        let steady: Vec<_> = (0..10).map(|n| at(n * 100_000, 3_000_000)).collect();
        let brought = settled_a_second(&steady, Duration::from_secs(1));
        assert!((brought - 10.0).abs() < 1e-9, "{brought}");
        // Each waits longer than the one before it: five of them settle in the first second.
        let slower: Vec<_> = (0..10).map(|n| at(n * 100_000, n * 100_000)).collect();
        let brought = settled_a_second(&slower, Duration::from_secs(1));
        assert!((brought - 5.0).abs() < 1e-9, "{brought}");
    }

    #[test]
    fn each_status_to_the_next_is_a_step() {
        let timelines = [
            timeline(&[("PENDING_PAYMENT", 0), ("PAID", 2000), ("DELIVERED", 12_000)]),
            timeline(&[("DELIVERED", 14_000), ("PENDING_PAYMENT", 0), ("PAID", 4000)]),
            timeline(&[("PENDING_PAYMENT", 0), ("FAILED", 1000)]),
            timeline(&[]),
        ];
        let passages = passages(&timelines);
        let told: Vec<_> =
            passages.iter().map(|it| (&*it.from, &*it.to, it.orders, it.took.max_ms)).collect();
        let expected = [
            ("PENDING_PAYMENT", "PAID", 2, 4.0),
            ("PENDING_PAYMENT", "FAILED", 1, 1.0),
            ("PAID", "DELIVERED", 2, 10.0),
        ];
        for (told, expected) in told.iter().zip(expected) {
            assert_eq!((told.0, told.1, told.2), (expected.0, expected.1, expected.2));
            assert!((told.3 - expected.3).abs() < 0.05, "{told:?}");
        }
        assert_eq!(told.len(), 3, "{told:?}");
    }
}
