//! What was done with a queue a moment ago, and cannot be done again yet: that it was purged, or deleted. A restart forgets
//! it: it is a courtesy to nobody's data.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::queues::QueueKey;

/// How long a moment is, of both.
///
/// Sources: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>
const MOMENT: Duration = Duration::from_secs(60);

/// The queues, with the time when it was done.
#[derive(Debug, Default)]
pub struct Recently(Mutex<HashMap<QueueKey, Instant>>);

impl Recently {
    /// Notes that it is done now; whether that was not so a moment ago.
    pub fn note(&self, queue: &QueueKey, now: Instant) -> bool {
        let mut done = self.lock();
        done.retain(|_, at| now.saturating_duration_since(*at) < MOMENT);
        if done.contains_key(queue) {
            return false;
        }
        done.insert(queue.clone(), now);
        true
    }

    /// Whether it was done a moment ago.
    pub fn contains(&self, queue: &QueueKey, now: Instant) -> bool {
        self.lock().get(queue).is_some_and(|at| now.saturating_duration_since(*at) < MOMENT)
    }

    /// Forgets that it was done.
    pub fn forget(&self, queue: &QueueKey) {
        self.lock().remove(queue);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<QueueKey, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Scope;

    #[test]
    fn a_moment_is_a_minute() {
        let recently = Recently::default();
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let queue = QueueKey { scope, name: "q".into() };
        let start = Instant::now();
        assert!(!recently.contains(&queue, start) && recently.note(&queue, start));
        assert!(!recently.note(&queue, start + MOMENT / 2) && recently.contains(&queue, start + MOMENT / 2));
        assert!(!recently.contains(&queue, start + MOMENT) && recently.note(&queue, start + MOMENT));
        recently.forget(&queue);
        assert!(recently.note(&queue, start + MOMENT));
    }
}
