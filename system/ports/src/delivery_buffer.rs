//! Where deliveries wait between the broker and a consumer that takes them one by one.
//!
//! Every binding of the queue fills one, the simulated as the real ones; how many may wait is for the
//! broker to say (prefetch).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::notify::Notify;
use crate::{Delivery, QueueLost};

/// What waits for one consumer, and whether more will come. Clones share the buffer.
#[derive(Clone)]
pub struct DeliveryBuffer {
    state: Arc<Mutex<BufferState>>,
    notify: Notify,
}

#[derive(Default)]
struct BufferState {
    waiting: VecDeque<Delivery>,
    /// Why no more will come, nor be settled.
    lost: Option<String>,
}

impl DeliveryBuffer {
    /// An empty buffer; `notify` is notified when a delivery comes, and when the buffer is lost.
    pub fn new(notify: Notify) -> DeliveryBuffer {
        DeliveryBuffer { state: Arc::default(), notify }
    }

    /// Puts a delivery behind those that wait.
    pub fn push(&self, delivery: Delivery) {
        self.state().waiting.push_back(delivery);
        self.notify.notify_one();
    }

    /// Ends the buffer. What waits in it has gone back to its queue; the first reason is kept.
    pub fn lose(&self, why: impl Into<String>) {
        let mut state = self.state();
        state.waiting.clear();
        state.lost.get_or_insert_with(|| why.into());
        drop(state);
        self.notify.notify_one();
    }

    /// The next delivery, if one waits.
    ///
    /// # Errors
    /// Why the buffer is lost.
    pub fn take(&self) -> Result<Option<Delivery>, QueueLost> {
        let mut state = self.state();
        match &state.lost {
            Some(why) => Err(QueueLost(why.clone())),
            None => Ok(state.waiting.pop_front()),
        }
    }

    /// Whether deliveries can still be settled.
    ///
    /// # Errors
    /// Why the buffer is lost.
    pub fn check(&self) -> Result<(), QueueLost> {
        self.state().lost.clone().map_or(Ok(()), |why| Err(QueueLost(why)))
    }

    /// Lets `change` see what waits, and put it in another order.
    pub fn with_waiting<T>(&self, change: impl FnOnce(&mut VecDeque<Delivery>) -> T) -> T {
        change(&mut self.state().waiting)
    }

    fn state(&self) -> MutexGuard<'_, BufferState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
