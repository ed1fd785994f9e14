//! A queue of the house.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::queue::{Attribute, Message, Queue};
use crate::ledger::Ledger;
use crate::messages::{Messages, MessagesError, ReceiptError, Received, Wanted, digests};
use crate::model::queues::{QueueKey, queue_not_found};
use crate::reactors::sources::source::Problem;
use crate::runs::messages::{AttributeValue, MessageAttribute};

/// How long one receive waits. To wait again costs little here, and a queue that was deleted is noticed then.
const WAIT: Duration = Duration::from_secs(5);

/// A queue of the house.
#[derive(Debug)]
pub struct EmbeddedQueue {
    messages: Arc<Messages>,
    ledger: Arc<Ledger>,
    key: QueueKey,
}

impl EmbeddedQueue {
    /// The queue of a key, whether it is there or not.
    pub fn new(messages: Arc<Messages>, ledger: Arc<Ledger>, key: QueueKey) -> Self {
        Self { messages, ledger, key }
    }

    /// Says of receipts that are of no use any more that their messages come again, or are somebody else's.
    fn tell(&self, outcomes: Vec<Result<(), ReceiptError>>) {
        for error in outcomes.into_iter().filter_map(Result::err) {
            tracing::debug!(queue = %self.key.name, %error, "what became of a message came too late");
        }
    }
}

#[async_trait]
impl Queue for EmbeddedQueue {
    fn longest_wait(&self) -> Duration {
        WAIT
    }

    async fn receive(&self, most: usize, wait: Duration, visibility_s: Option<u32>) -> Result<Vec<Message>, Problem> {
        let received = self.messages.receive(&self.key, &Wanted { most, wait, visibility_s, attempt: None }).await;
        Ok(received.map_err(problem)?.into_iter().map(message).collect())
    }

    async fn delete(&self, receipts: &[String]) -> Result<(), Problem> {
        let deleted = self.messages.delete(&self.key, receipts).await;
        self.tell(deleted.map_err(problem)?);
        Ok(())
    }

    async fn release(&self, receipts: &[String]) -> Result<(), Problem> {
        let at_once: Vec<_> = receipts.iter().map(|receipt| (receipt.clone(), 0)).collect();
        let changed = self.messages.change_visibility(&self.key, &at_once).await;
        self.tell(changed.map_err(problem)?);
        Ok(())
    }

    async fn visibility_s(&self) -> Result<u32, Problem> {
        let state = self.ledger.state();
        let queue = state.queue(&self.key).ok_or_else(|| problem(queue_not_found().into()))?;
        Ok(queue.settings.visibility_s)
    }
}

/// The text is that of a queue at the upstream.
fn problem(error: MessagesError) -> Problem {
    Problem(match error {
        MessagesError::Refused(error) => format!(
            "Error occurred while reading the queue. SQS Error Code: {}. SQS Error Message: {}",
            error.code.name(),
            error.message.unwrap_or_default()
        ),
        error => error.to_string(),
    })
}

fn message(received: Received) -> Message {
    let sent = received.message;
    let attributes = [
        ("ApproximateFirstReceiveTimestamp", Some(received.first_receive.0.to_string())),
        ("ApproximateReceiveCount", Some(received.receive_count.to_string())),
        ("AWSTraceHeader", sent.trace_header),
        ("DeadLetterQueueSourceArn", received.dead_letter_source),
        ("MessageDeduplicationId", sent.deduplication),
        ("MessageGroupId", sent.group),
        ("SenderId", Some(sent.sender)),
        ("SentTimestamp", Some(received.sent.0.to_string())),
        ("SequenceNumber", received.sequence_number),
    ];
    let given = sent.attributes.iter().map(|(name, attribute)| (name.as_str(), attribute));

    Message {
        id: sent.message_id,
        receipt: received.receipt,
        md5_of_body: digests::of_body(&sent.body),
        body: sent.body,
        attributes: attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
        md5_of_sent_attributes: digests::of_attributes(given),
        sent_attributes: shown(sent.attributes),
    }
}

fn shown(attributes: BTreeMap<String, MessageAttribute>) -> BTreeMap<String, Attribute> {
    let shown = |MessageAttribute { data_type, value }| match value {
        AttributeValue::Text(text) => Attribute { data_type, string_value: Some(text), binary_value: None },
        AttributeValue::Binary(bytes) => {
            Attribute { data_type, string_value: None, binary_value: Some(STANDARD.encode(bytes)) }
        }
    };
    attributes.into_iter().map(|(name, attribute)| (name, shown(attribute))).collect()
}
