//! Who waits for messages of which queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::model::queues::QueueKey;

/// Those who wait, by queue.
#[derive(Debug, Default)]
pub struct Waiters(Mutex<HashMap<QueueKey, Arc<Notify>>>);

impl Waiters {
    /// One more who waits for a queue's messages.
    pub fn of(&self, queue: &QueueKey) -> Waiter<'_> {
        let notify = Arc::clone(self.lock().entry(queue.clone()).or_default());
        Waiter { waiters: self, queue: queue.clone(), notify }
    }

    /// Wakes all who wait for a queue's messages.
    pub fn wake(&self, queue: &QueueKey) {
        if let Some(notify) = self.lock().get(queue) {
            notify.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<QueueKey, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits. The last of a queue leaves nothing behind.
#[derive(Debug)]
pub struct Waiter<'a> {
    waiters: &'a Waiters,
    queue: QueueKey,
    notify: Arc<Notify>,
}

impl Waiter<'_> {
    /// Is done when the queue's messages changed since it was enabled.
    pub fn woken(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut waiters = self.waiters.lock();
        // The map's and this one.
        if Arc::strong_count(&self.notify) == 2 {
            waiters.remove(&self.queue);
        }
    }
}
