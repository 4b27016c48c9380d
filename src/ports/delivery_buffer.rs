//! Where deliveries wait between the broker and a consumer that takes them one by one.
//!
//! Both real bindings fill one; how many may wait is for the broker to say (prefetch).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use stormproof_ports::notify::Notify;
use stormproof_ports::{Delivery, QueueLost};

/// Clones share the buffer.
#[derive(Clone)]
pub(crate) struct DeliveryBuffer {
    state: Arc<Mutex<BufferState>>,
    bell: Notify,
}

#[derive(Default)]
struct BufferState {
    waiting: VecDeque<Delivery>,
    /// Why no more will come, nor be settled.
    lost: Option<String>,
}

impl DeliveryBuffer {
    pub(crate) fn new(bell: Notify) -> DeliveryBuffer {
        DeliveryBuffer { state: Arc::default(), bell }
    }

    pub(crate) fn push(&self, delivery: Delivery) {
        self.state().waiting.push_back(delivery);
        self.bell.ring();
    }

    /// Ends the buffer. What waits in it has gone back to its queue; the first reason is kept.
    pub(crate) fn lose(&self, why: impl Into<String>) {
        let mut state = self.state();
        state.waiting.clear();
        state.lost.get_or_insert_with(|| why.into());
        drop(state);
        self.bell.ring();
    }

    pub(crate) fn take(&self) -> Result<Option<Delivery>, QueueLost> {
        let mut state = self.state();
        match &state.lost {
            Some(why) => Err(QueueLost(why.clone())),
            None => Ok(state.waiting.pop_front()),
        }
    }

    /// Whether deliveries can still be settled.
    pub(crate) fn check(&self) -> Result<(), QueueLost> {
        self.state().lost.clone().map_or(Ok(()), |why| Err(QueueLost(why)))
    }

    fn state(&self) -> MutexGuard<'_, BufferState> {
        self.state.lock().expect("nobody panics while holding it")
    }
}
