//! Messages of the house's own queues, for whoever sends or receives some: the SQS service, deliveries, and the pollers of
//! event sources. What is sent, received, changed or deleted is on disk when it is answered.

mod attempts;
pub mod digests;
mod move_tasks;
mod receipt;
mod receiving;
#[cfg(test)]
mod tests;
mod waiters;

use std::collections::BTreeMap;
use std::sync::Arc;

use attempts::Attempts;
pub use receiving::Wanted;
use uuid::Uuid;
use waiters::Waiters;

use crate::clock;
use crate::ledger::{CommitError, Committed, Ledger, LedgerError};
use crate::model::error::ApiError;
use crate::model::queues::{self, Queue, QueueKey};
use crate::model::time::Timestamp;
use crate::runs::RunId;
use crate::runs::command::{MessageCommand, Receipt, RunCommand};
use crate::runs::messages::{FifoIds, MAX_VISIBILITY_S, MessageAttribute, QueuedMessage, Sending, sequence_number};

/// Why nothing could be done with the messages of a queue.
#[derive(Debug, thiserror::Error)]
pub enum MessagesError {
    /// It is not allowed, as AWS says it.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// The store could not be written.
    #[error(transparent)]
    Commit(CommitError),
    /// The store could not be read.
    #[error("the messages cannot be read: {0}")]
    Read(#[from] LedgerError),
    /// The server is on its way out.
    #[error("the server is shutting down")]
    Stopped,
}

impl From<CommitError> for MessagesError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(error) => Self::Refused(error),
            error => Self::Commit(error),
        }
    }
}

/// A message to be sent.
#[derive(Debug, Clone, Default)]
pub struct NewMessage {
    /// Its text.
    pub body: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// X-Ray trace header.
    pub trace_header: Option<String>,
    /// Seconds before it can be received, where they are not the queue's.
    pub delay_s: Option<u32>,
    /// Its message group.
    pub group: Option<String>,
    /// What tells it apart in a FIFO queue.
    pub deduplication: Option<String>,
    /// `SenderId`.
    pub sender: String,
}

/// What became of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its id; of a duplicate that of the first.
    pub message_id: String,
    /// Its place in a FIFO queue.
    pub sequence_number: Option<String>,
}

/// A message that was received.
#[derive(Debug, Clone)]
pub struct Received {
    /// What was sent.
    pub message: QueuedMessage,
    /// What names this receiving of it.
    pub receipt: String,
    /// How often it was received.
    pub receive_count: u32,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it was first received.
    pub first_receive: Timestamp,
    /// Until when it is hidden from others by that.
    pub hidden_until: Timestamp,
    /// Its place in a FIFO queue.
    pub sequence_number: Option<String>,
    /// ARN of the queue in which it was received too often.
    pub dead_letter_source: Option<String>,
}

/// How many messages a queue has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Those that can be received.
    pub visible: usize,
    /// Those that were received and are hidden.
    pub in_flight: usize,
    /// Those that cannot be received yet.
    pub delayed: usize,
}

/// Why a receipt is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// It is none, or none of this queue.
    #[error("the receipt handle is invalid")]
    Invalid,
    /// The message can be received by others again, or was.
    #[error("the receipt handle has expired")]
    Expired,
    /// The message would be hidden for longer, in all, than any may be.
    #[error("the message would be hidden for too long")]
    HiddenTooLong,
}

/// The messages of all queues.
#[derive(Debug)]
pub struct Messages {
    ledger: Arc<Ledger>,
    waiters: Waiters,
    attempts: Attempts,
}

impl Messages {
    /// Over a ledger.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, waiters: Waiters::default(), attempts: Attempts::default() }
    }

    /// Sends messages: all, or none.
    ///
    /// # Errors
    /// The queue is not there, or the store cannot be written.
    pub async fn send(&self, key: &QueueKey, messages: Vec<NewMessage>) -> Result<Vec<Sent>, MessagesError> {
        let queue = self.queue(key)?;
        let sending: Vec<_> = messages.into_iter().map(sending).collect();
        let committed = self.commit(key, MessageCommand::Send(sending.clone())).await?;
        self.waiters.wake(key);

        let mut sent = Vec::with_capacity(sending.len());
        for (at, Sending { message, .. }) in sending.into_iter().enumerate() {
            sent.push(match FifoIds::of(&message, &queue.settings) {
                None => Sent { message_id: message.message_id, sequence_number: None },
                Some(fifo) => self.sent_in_order(key, &fifo, message, committed.told.entries.get(at)).await?,
            });
        }

        Ok(sent)
    }

    /// What became of a message of a FIFO queue: another one may be there in its place.
    async fn sent_in_order(
        &self,
        key: &QueueKey,
        fifo: &FifoIds,
        message: QueuedMessage,
        began: Option<&RunId>,
    ) -> Result<Sent, MessagesError> {
        let runs = self.ledger.runs();
        let known = runs.messages.queue(key).and_then(|queue| queue.with(&fifo.deduplication));
        // One that was deleted and forgotten meanwhile.
        let Some(id) = known.or_else(|| began.copied()) else {
            return Ok(Sent { message_id: message.message_id, sequence_number: None });
        };
        let there = self.read(vec![id]).await?.pop().map(|(_, message)| message);
        let message_id = there.map_or(message.message_id, |there| there.message_id);
        Ok(Sent { message_id, sequence_number: Some(sequence_number(id)) })
    }

    /// Deletes messages that were received. One that is gone already is as good.
    ///
    /// # Errors
    /// The queue is not there, or the store cannot be written. What is wrong with a receipt is told in its place.
    pub async fn delete(
        &self,
        key: &QueueKey,
        receipts: &[String],
    ) -> Result<Vec<Result<(), ReceiptError>>, MessagesError> {
        let queue = self.queue(key)?;
        let read: Vec<_> = receipts.iter().map(|receipt| self.deletable(&queue, receipt)).collect();
        let good: Vec<_> = read.iter().flatten().copied().collect();
        if !good.is_empty() {
            self.commit(key, MessageCommand::Delete(good)).await?;
            // The next of their groups can be received.
            self.waiters.wake(key);
        }

        Ok(read.into_iter().map(|receipt| receipt.map(drop)).collect())
    }

    /// The receipt of a message that may be deleted: in a FIFO queue only as long as it is hidden from others.
    fn deletable(&self, queue: &Queue, receipt: &str) -> Result<Receipt, ReceiptError> {
        let receipt = receipt::read(&queue.key, receipt).ok_or(ReceiptError::Invalid)?;
        let runs = self.ledger.runs();
        let Some(message) = runs.messages.get(receipt.id) else { return Ok(receipt) };
        let is_late = message.receives != receipt.receives || !message.is_in_flight(clock::now());
        if queue.settings.fifo.is_some() && !message.is_deleted && is_late {
            return Err(ReceiptError::Expired);
        }

        Ok(receipt)
    }

    /// Has messages that were received hidden for so many seconds from now on.
    ///
    /// # Errors
    /// The queue is not there, or the store cannot be written. What is wrong with a receipt is told in its place.
    pub async fn change_visibility(
        &self,
        key: &QueueKey,
        changes: &[(String, u32)],
    ) -> Result<Vec<Result<(), ReceiptError>>, MessagesError> {
        self.queue(key)?;
        let read: Vec<_> = changes.iter().map(|(receipt, seconds)| self.changeable(key, receipt, *seconds)).collect();
        let with_seconds = read.iter().zip(changes);
        let good: Vec<_> = with_seconds
            .filter_map(|(receipt, (_, seconds))| Some((receipt.as_ref().ok().copied().flatten()?, *seconds)))
            .collect();
        if !good.is_empty() {
            self.commit(key, MessageCommand::ChangeVisibility(good)).await?;
            self.waiters.wake(key);
        }

        Ok(read.into_iter().map(|receipt| receipt.map(drop)).collect())
    }

    /// The receipt of a message that is in flight by it; none of one that can be received again by now, of which nothing
    /// is to be changed (recorded in `LocalStack`'s
    /// `test_change_message_visibility_after_visibility_timeout_expiration`, 2023-11).
    fn changeable(&self, key: &QueueKey, receipt: &str, seconds: u32) -> Result<Option<Receipt>, ReceiptError> {
        let receipt = receipt::read(key, receipt).ok_or(ReceiptError::Invalid)?;
        let runs = self.ledger.runs();
        let message = runs.messages.get(receipt.id).filter(|message| !message.is_deleted);
        let message = message.filter(|message| message.receives == receipt.receives).ok_or(ReceiptError::Expired)?;
        let now = clock::now();
        if !message.is_in_flight(now) {
            return Ok(None);
        }

        // Of one that a former build received it is not known when that was.
        let since = Some(message.receiving().last).filter(|last| *last != Timestamp::default()).unwrap_or(now);
        let until = now.0.saturating_add(u64::from(seconds) * 1000);
        if until.saturating_sub(since.0) > u64::from(MAX_VISIBILITY_S) * 1000 {
            return Err(ReceiptError::HiddenTooLong);
        }
        Ok(Some(receipt))
    }

    /// Drops all messages.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn purge(&self, key: &QueueKey) -> Result<(), MessagesError> {
        self.commit(key, MessageCommand::DropAll).await.map(drop)
    }

    /// Drops what is too old in a queue, and forgets what need not be known any more.
    ///
    /// # Errors
    /// The queue is not there, or the store cannot be written.
    pub async fn drop_expired(&self, key: &QueueKey) -> Result<(), MessagesError> {
        self.commit(key, MessageCommand::DropExpired).await.map(drop)
    }

    /// How many messages a queue has.
    pub fn counts(&self, key: &QueueKey) -> Counts {
        let runs = self.ledger.runs();
        let Some(queue) = runs.messages.queue(key) else { return Counts::default() };
        let mut counts = Counts { visible: queue.len(), ..Counts::default() };
        for message in runs.messages.hidden(queue, clock::now()) {
            counts.visible -= 1;
            *if message.receives > 0 { &mut counts.in_flight } else { &mut counts.delayed } += 1;
        }

        counts
    }

    fn queue(&self, key: &QueueKey) -> Result<Arc<Queue>, MessagesError> {
        Ok(self.ledger.state().queues.get(key).cloned().ok_or_else(queues::queue_not_found)?)
    }

    async fn commit(&self, key: &QueueKey, command: MessageCommand) -> Result<Committed, MessagesError> {
        Ok(self.ledger.commit_run(RunCommand::Messages(key.clone(), command)).await?)
    }

    /// What messages say that are still there.
    async fn read(&self, ids: Vec<RunId>) -> Result<Vec<(RunId, QueuedMessage)>, MessagesError> {
        let ledger = Arc::clone(&self.ledger);
        let read = move || {
            let mut read = Vec::with_capacity(ids.len());
            ledger.messages(&ids, |id, message| read.push((id, message)))?;
            Ok::<_, LedgerError>(read)
        };
        Ok(tokio::task::spawn_blocking(read).await.map_err(|_| MessagesError::Stopped)??)
    }
}

fn sending(new: NewMessage) -> Sending {
    let message = QueuedMessage {
        message_id: Uuid::new_v4().to_string(),
        body: new.body,
        attributes: new.attributes,
        trace_header: new.trace_header,
        sender: new.sender,
        group: new.group,
        deduplication: new.deduplication,
    };
    Sending { message, delay_s: new.delay_s }
}
