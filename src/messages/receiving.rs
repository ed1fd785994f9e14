//! Receiving messages: at once, after a wait, or those of an attempt whose answer was lost.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{Messages, MessagesError, Received, receipt};
use crate::clock;
use crate::model::queues::{Queue, QueueKey};
use crate::runs::RunId;
use crate::runs::command::{MessageCommand, Receipt};
use crate::runs::messages::{MessageState, QueuedMessage, sequence_number};

/// What is to be received.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Messages at most.
    pub most: usize,
    /// How long to wait for the first.
    pub wait: Duration,
    /// Seconds that they are hidden, where they are not the queue's.
    pub visibility_s: Option<u32>,
    /// What names this attempt, of a FIFO queue.
    pub attempt: Option<String>,
}

impl Messages {
    /// Receives messages; waits for the first as long as is wanted, and comes back as soon as there is one.
    ///
    /// # Errors
    /// The queue is not there, too many are in flight, or the store cannot be read or written.
    pub async fn receive(&self, key: &QueueKey, wanted: &Wanted) -> Result<Vec<Received>, MessagesError> {
        let deadline = Instant::now() + wanted.wait;
        let waiter = self.waiters.of(key);
        loop {
            // Before the look, so that nothing that comes after it is missed.
            let woken = waiter.woken();
            tokio::pin!(woken);
            woken.as_mut().enable();

            let received = self.receive_now(key, wanted).await?;
            if !received.is_empty() || Instant::now() >= deadline {
                return Ok(received);
            }
            let next = self.next_visible(key).map_or(deadline, |next| next.min(deadline));
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    async fn receive_now(&self, key: &QueueKey, wanted: &Wanted) -> Result<Vec<Received>, MessagesError> {
        let queue = self.queue(key)?;
        let attempt = wanted.attempt.as_deref().filter(|_| queue.settings.fifo.is_some());
        let again = attempt.and_then(|id| {
            let runs = self.ledger.runs();
            self.attempts.again(key, id, &runs.messages, clock::now())
        });
        let received = match again {
            Some(receipts) => {
                let seconds = wanted.visibility_s.unwrap_or(queue.settings.visibility_s);
                self.receive_again(key, &receipts, seconds).await?
            }
            None => self.receive_next(&queue, wanted).await?,
        };

        if let Some(id) = attempt
            && !received.is_empty()
        {
            let hidden = received.iter().map(|(received, receipt)| (*receipt, received.hidden_until));
            self.attempts.note(key, id, hidden.collect());
        }
        Ok(received.into_iter().map(|(received, _)| received).collect())
    }

    async fn receive_next(&self, queue: &Queue, wanted: &Wanted) -> Result<Vec<(Received, Receipt)>, MessagesError> {
        let key = &queue.key;
        // Asking costs a write: nobody asks for nothing.
        let likely = self.ledger.runs().messages.receivable(key, clock::now(), wanted.most);
        if likely.is_empty() {
            return Ok(Vec::new());
        }

        // What will most likely be received is read while the disk is waited for.
        let command = MessageCommand::Receive { most: wanted.most, visibility_s: wanted.visibility_s };
        let (committed, read) = tokio::join!(self.commit(key, command), self.read(likely));
        let committed = committed?;
        let redrive = queue.settings.redrive.as_ref();
        if let Some(dead_letters) = redrive.and_then(|redrive| QueueKey::of_arn(&redrive.dead_letter_queue)) {
            self.waiters.wake(&dead_letters);
        }

        self.received(key, committed.told.entries, read?).await
    }

    /// Hides messages once more that an attempt has received.
    async fn receive_again(
        &self,
        key: &QueueKey,
        receipts: &[Receipt],
        seconds: u32,
    ) -> Result<Vec<(Received, Receipt)>, MessagesError> {
        let changes = receipts.iter().map(|receipt| (*receipt, seconds)).collect();
        self.commit(key, MessageCommand::ChangeVisibility(changes)).await?;
        self.received(key, receipts.iter().map(|receipt| receipt.id).collect(), Vec::new()).await
    }

    /// Messages that were received, of which some may have been read.
    async fn received(
        &self,
        key: &QueueKey,
        ids: Vec<RunId>,
        read: Vec<(RunId, QueuedMessage)>,
    ) -> Result<Vec<(Received, Receipt)>, MessagesError> {
        let runs = self.ledger.runs();
        let mut read: HashMap<RunId, QueuedMessage> = read.into_iter().collect();
        let unread: Vec<RunId> = ids.iter().filter(|id| !read.contains_key(*id)).copied().collect();
        if !unread.is_empty() {
            read.extend(self.read(unread).await?);
        }
        let there = ids.into_iter().filter_map(|id| Some((id, read.remove(&id)?, runs.messages.get(id)?)));
        Ok(there.map(|(id, message, state)| received(key, id, message, state)).collect())
    }

    /// When a message can be received that cannot be now.
    fn next_visible(&self, key: &QueueKey) -> Option<Instant> {
        let now = clock::now();
        let next = self.ledger.runs().messages.queue(key)?.next_visible(now)?;
        Some(Instant::now() + Duration::from_millis(next.0.saturating_sub(now.0)))
    }
}

fn received(key: &QueueKey, id: RunId, message: QueuedMessage, state: &MessageState) -> (Received, Receipt) {
    let receipt = Receipt { id, receives: state.receives };
    let received = Received {
        message,
        receipt: receipt::write(key, receipt),
        receive_count: state.receives,
        sent: state.sent,
        first_receive: state.receiving().first,
        hidden_until: state.visible,
        sequence_number: state.fifo().is_some().then(|| sequence_number(id)),
        dead_letter_source: state.dead_letter_source().map(QueueKey::arn),
    };
    (received, receipt)
}
