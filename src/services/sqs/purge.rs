//! `PurgeQueue`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::shapes::QUEUE_URL;
use super::{Sqs, errors, named_queue};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::queues::QueueKey;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};

/// The operations of this file.
pub const OPERATIONS: &[Operation<Sqs>] = &[operation!("PurgeQueue" &[QUEUE_URL] => purge)];

/// How long a queue cannot be purged again.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>
const PAUSE: Duration = Duration::from_secs(60);

/// When queues were purged, if that was a moment ago. A restart forgets it: it is a courtesy to nobody's data.
#[derive(Debug, Default)]
pub struct Purges(Mutex<HashMap<QueueKey, Instant>>);

impl Purges {
    /// Notes that a queue is purged now; refused while that was done a moment ago. Recorded in `LocalStack`'s
    /// `test_successive_purge_calls_fail` (2023-11).
    fn begin(&self, queue: &QueueKey, now: Instant) -> Result<(), ApiError> {
        let mut purges = self.lock();
        purges.retain(|_, at| now.saturating_duration_since(*at) < PAUSE);
        if purges.contains_key(queue) {
            let message = format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue.name);
            return Err(ApiError::new(ErrorCode::PurgeQueueInProgress, message));
        }

        purges.insert(queue.clone(), now);
        Ok(())
    }

    /// Forgets a queue that is gone: another of its name was never purged.
    pub fn forget(&self, queue: &QueueKey) {
        self.lock().remove(queue);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<QueueKey, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `PurgeQueue`.
async fn purge(sqs: &Sqs, call: Call) -> Answer {
    let queue = named_queue(&sqs.state(), &call)?;
    sqs.purges.begin(&queue.key, Instant::now())?;
    let purged = sqs.services.messages.purge(&queue.key).await;
    if purged.is_err() {
        sqs.purges.forget(&queue.key);
    }
    purged.map_err(|error| errors::of_messages(&call, error))?;

    call.done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Scope;

    #[test]
    fn a_queue_is_purged_once_a_minute() {
        let purges = Purges::default();
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let queue = QueueKey { scope, name: "q".into() };
        let start = Instant::now();
        assert_eq!(purges.begin(&queue, start), Ok(()));
        let again = purges.begin(&queue, start + PAUSE / 2);
        assert_eq!(again.map_err(|error| error.code), Err(ErrorCode::PurgeQueueInProgress));
        assert_eq!(purges.begin(&queue, start + PAUSE), Ok(()));
        purges.forget(&queue);
        assert_eq!(purges.begin(&queue, start + PAUSE), Ok(()));
    }
}
