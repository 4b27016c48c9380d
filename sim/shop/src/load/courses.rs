//! How orders went, status by status: by the Store's own record of what it wrote when, or by their
//! timelines. Pure.
//!
//! The record is the honest one. In a timeline what the carrier did has the carrier's time, and how long
//! the Store took to hear of it is not in it; nor is the refund, which comes after the last status.

use std::collections::BTreeMap;

use stormproof_system::store::dto::TimelineEntry;

/// What is to be known of figures that come from timelines.
pub const BY_TIMELINES: &str = "the Store's database cannot be asked: when orders settled is by their \
                                timelines, in which the carrier's moves have the carrier's time";

/// One order's, by the Store's clocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// Each status and when it was first reached.
    pub statuses: Vec<TimelineEntry>,
    /// When nothing was left to do, in microseconds since the epoch.
    pub ended_at: Option<i64>,
}

impl From<Vec<TimelineEntry>> for Course {
    fn from(statuses: Vec<TimelineEntry>) -> Course {
        let ended_at = statuses.iter().map(|entry| entry.at).max();
        Course { statuses, ended_at }
    }
}

/// A row of the Store's `audit`: whose move, of, which machine, to what, when.
pub type Moved = (String, String, String, i64);

/// The courses of these orders, in their order, of what moved, sorted by time.
pub fn recorded(ids: &[String], moved: Vec<Moved>) -> Vec<Course> {
    let mut courses = of(moved);
    ids.iter().map(|id| courses.remove(id).unwrap_or_default()).collect()
}

fn of(moved: Vec<Moved>) -> BTreeMap<String, Course> {
    let mut courses = BTreeMap::<String, Course>::new();
    for (order, noun, status, at) in moved {
        let course = courses.entry(order).or_default();
        course.ended_at = course.ended_at.max(Some(at));
        if noun == "order" && !course.statuses.iter().any(|entry| entry.status == status) {
            course.statuses.push(TimelineEntry { status, at });
        }
    }
    courses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_ends_with_its_last_move_or_its_payments() {
        let moved =
            |noun: &str, to: &str, at| ("one".to_owned(), noun.to_owned(), to.to_owned(), at);
        let courses = of(vec![
            moved("order", "PAID", 10),
            moved("order", "CANCELLED", 20),
            moved("order", "CANCELLED", 25),
            moved("payment", "REFUNDED", 30),
        ]);
        let status = |status: &str, at| TimelineEntry { status: status.to_owned(), at };
        let statuses = vec![status("PAID", 10), status("CANCELLED", 20)];
        assert_eq!(courses["one"], Course { statuses, ended_at: Some(30) });
    }

    #[test]
    fn a_timeline_ends_with_its_latest_status() {
        let status = |status: &str, at| TimelineEntry { status: status.to_owned(), at };
        let course = Course::from(vec![status("DELIVERED", 9), status("PAID", 3)]);
        assert_eq!(course.ended_at, Some(9));
    }
}
