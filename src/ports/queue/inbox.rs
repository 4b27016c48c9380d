//! Where deliveries wait between the broker and a consumer that takes them one by one.
//!
//! Both real bindings fill one; how many may wait is the broker's affair (prefetch).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use stormproof_system::doorbell::Doorbell;
use stormproof_system::ports::{Delivery, QueueLost};

/// Clones share the inbox.
#[derive(Clone)]
pub(in crate::ports) struct Inbox {
    state: Arc<Mutex<State>>,
    bell: Doorbell,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Delivery>,
    /// Why no more will come, nor be settled.
    lost: Option<String>,
}

impl Inbox {
    pub(in crate::ports) fn new(bell: Doorbell) -> Inbox {
        Inbox { state: Arc::default(), bell }
    }

    pub(in crate::ports) fn push(&self, delivery: Delivery) {
        self.state().waiting.push_back(delivery);
        self.bell.ring();
    }

    /// Ends the inbox. What waits in it has gone back to its queue; the first reason is kept.
    pub(in crate::ports) fn lose(&self, why: impl Into<String>) {
        let mut state = self.state();
        state.waiting.clear();
        state.lost.get_or_insert_with(|| why.into());
        drop(state);
        self.bell.ring();
    }

    pub(in crate::ports) fn take(&self) -> Result<Option<Delivery>, QueueLost> {
        let mut state = self.state();
        match &state.lost {
            Some(why) => Err(QueueLost(why.clone())),
            None => Ok(state.waiting.pop_front()),
        }
    }

    /// Whether deliveries can still be settled.
    pub(in crate::ports) fn check(&self) -> Result<(), QueueLost> {
        self.state().lost.clone().map_or(Ok(()), |why| Err(QueueLost(why)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }
}
