//! Messages that were delivered and not handled yet: of each subject one after the other.

use std::collections::{BTreeSet, VecDeque};

use stormproof_ports::Delivery;

/// Messages that wait to be handled, and the subjects of those in hand.
#[derive(Default)]
pub(crate) struct Waiting {
    deliveries: VecDeque<Delivery>,
    subjects_in_hand: BTreeSet<String>,
}

impl Waiting {
    pub(crate) fn push(&mut self, delivery: Delivery) {
        self.deliveries.push_back(delivery);
    }

    /// The longest waiting, at most `size`, about subjects of which none is in hand. By subject, so that
    /// whoever changes several does so in one order and none waits for another in a circle.
    pub(crate) fn next_batch(&mut self, size: usize) -> Option<Vec<Delivery>> {
        let mut batch = Vec::new();
        let mut left = VecDeque::new();
        for delivery in self.deliveries.drain(..) {
            let subject = &delivery.message.correlation_id;
            let in_hand = self.subjects_in_hand.contains(subject);
            // What is left keeps its place before what came later about the same subject.
            let overtakes = left.iter().any(|it: &Delivery| it.message.correlation_id == *subject);
            match batch.len() < size && !in_hand && !overtakes {
                true => batch.push(delivery),
                false => left.push_back(delivery),
            }
        }
        self.deliveries = left;
        let subject = |delivery: &Delivery| delivery.message.correlation_id.clone();
        batch.sort_by_key(subject);
        self.subjects_in_hand.extend(batch.iter().map(subject));
        (!batch.is_empty()).then_some(batch)
    }

    pub(crate) fn done(&mut self, delivery: &Delivery) {
        self.subjects_in_hand.remove(&delivery.message.correlation_id);
    }
}

#[cfg(test)]
mod tests {
    use stormproof_ports::Message;

    use super::*;

    fn delivery(tag: u64, subject: &str) -> Delivery {
        let correlation_id = subject.to_owned();
        Delivery {
            tag,
            message: Message { correlation_id, ..Message::default() },
            redelivered: false,
            unreadable: None,
        }
    }

    fn tags(batch: Option<&Vec<Delivery>>) -> Vec<u64> {
        batch.into_iter().flatten().map(|delivery| delivery.tag).collect()
    }

    #[test]
    fn messages_about_one_subject_are_handled_in_their_order() {
        let mut waiting = Waiting::default();
        for (tag, subject) in [(1, "b"), (2, "a"), (3, "b"), (4, "c")] {
            waiting.push(delivery(tag, subject));
        }
        let first = waiting.next_batch(2);
        assert_eq!(tags(first.as_ref()), [2, 1], "by subject");
        let second = waiting.next_batch(2);
        assert_eq!(tags(second.as_ref()), [4], "b is in hand");
        assert_eq!(tags(waiting.next_batch(2).as_ref()), [] as [u64; 0], "b still is");
        first.iter().flatten().for_each(|delivery| waiting.done(delivery));
        assert_eq!(tags(waiting.next_batch(1).as_ref()), [3]);
    }

    #[test]
    fn one_batch_may_have_several_words_about_a_subject() {
        let mut waiting = Waiting::default();
        for (tag, subject) in [(1, "b"), (2, "a"), (3, "b"), (4, "a")] {
            waiting.push(delivery(tag, subject));
        }
        assert_eq!(tags(waiting.next_batch(8).as_ref()), [2, 4, 1, 3]);
    }
}
