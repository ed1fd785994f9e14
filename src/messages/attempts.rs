//! Attempts to receive from a FIFO queue, by the ids that callers give them: who lost the answer asks once more with the
//! same id, and gets the same messages with the same receipt handles, as long as nothing was done with them.
//!
//! A restart forgets them: the messages come back when their time is up, as without an id.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::queues::QueueKey;
use crate::model::time::Timestamp;
use crate::runs::command::Receipt;
use crate::runs::messages::Messages;

/// How long an attempt is known.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
const KNOWN: Duration = Duration::from_secs(5 * 60);

/// What names an attempt.
type Name = (QueueKey, String);

/// The attempts of all queues.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<Name, Attempt>>);

#[derive(Debug)]
struct Attempt {
    at: Instant,
    /// What was received, each with the time until when it is hidden by that.
    received: Vec<(Receipt, Timestamp)>,
}

impl Attempts {
    /// Notes what an attempt received.
    pub fn note(&self, queue: &QueueKey, id: &str, received: Vec<(Receipt, Timestamp)>) {
        let now = Instant::now();
        let mut attempts = self.lock();
        attempts.retain(|_, attempt| now.saturating_duration_since(attempt.at) < KNOWN);
        attempts.insert((queue.clone(), id.to_owned()), Attempt { at: now, received });
    }

    /// What an attempt of this id received, if all of it is in flight by that still.
    pub fn again(&self, queue: &QueueKey, id: &str, messages: &Messages, now: Timestamp) -> Option<Vec<Receipt>> {
        let attempts = self.lock();
        let attempt = attempts.get(&(queue.clone(), id.to_owned()))?;
        let is_known = attempt.at.elapsed() < KNOWN;
        let is_as_it_was = |(receipt, until): &(Receipt, Timestamp)| {
            let message = messages.get(receipt.id).filter(|message| !message.is_deleted && *message.queue == *queue);
            message.is_some_and(|message| {
                message.receives == receipt.receives && message.visible == *until && message.is_in_flight(now)
            })
        };
        let is_whole = is_known && attempt.received.iter().all(is_as_it_was);
        is_whole.then(|| attempt.received.iter().map(|(receipt, _)| *receipt).collect())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
