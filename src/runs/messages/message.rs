//! A message of a queue: what it says, and what is known of it without reading that.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::model::queues::{DeduplicationScope, QueueKey, QueueSettings};
use crate::model::time::Timestamp;
use crate::runs::RunId;

/// How long a FIFO queue knows a message again, in milliseconds.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html>
pub const DEDUPLICATION_MS: u64 = 5 * 60 * 1000;

/// Seconds for which a message can be hidden at most, from the moment on in which it was received.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
pub const MAX_VISIBILITY_S: u32 = 43_200;

/// The number before that of a FIFO queue's first message: AWS's have twenty digits.
const BEFORE_FIRST: u128 = 18_849_496_460_467_696_127;

/// A message, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    /// Its id.
    pub message_id: String,
    /// Its text.
    pub body: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// X-Ray trace header (`AWSTraceHeader`).
    pub trace_header: Option<String>,
    /// `SenderId`.
    pub sender: String,
    /// Its message group.
    pub group: Option<String>,
    /// What tells it apart from others in a FIFO queue.
    pub deduplication: Option<String>,
}

/// An attribute of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageAttribute {
    /// `DataType`: `String`, `Number` or `Binary`, with more behind a dot.
    pub data_type: String,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// Of a string or a number.
    Text(String),
    /// Of bytes.
    Binary(Bytes),
}

/// A message on its way into a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The message.
    pub message: QueuedMessage,
    /// Seconds before it can be received; without it as many as the queue says.
    pub delay_s: Option<u32>,
}

/// A message that was in a queue of another store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroughtMessage {
    /// The message.
    pub message: QueuedMessage,
    /// How often it was received there.
    pub receives: u32,
    /// The queue in which it was received too often.
    pub dead_letter_source: Option<QueueKey>,
}

/// What is known of a message without reading it. There may be a million: what few have lies elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageState {
    /// The queue that it is in.
    pub queue: Arc<QueueKey>,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it can be received, again.
    pub visible: Timestamp,
    /// How often it was received, in this queue.
    pub receives: u32,
    /// Whether it was deleted: a FIFO queue knows it for a while.
    pub is_deleted: bool,
    /// What few have.
    more: Option<Arc<More>>,
}

/// What is known of a message that was received, or is in a FIFO queue or a dead-letter queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct More {
    receiving: Receiving,
    dead_letter_source: Option<Arc<QueueKey>>,
    fifo: Option<FifoIds>,
}

/// When a message was received, in the queue that it is in. Zero is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Receiving {
    /// When it was first.
    pub first: Timestamp,
    /// When it was last.
    pub last: Timestamp,
}

/// What a FIFO queue orders a message by, and knows it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FifoIds {
    /// Its message group.
    pub group: String,
    /// What tells it apart: among those of the group, or of the queue.
    pub deduplication: Deduplication,
}

/// What tells a message apart from others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deduplication {
    /// The group among whose messages; without it among all of the queue's.
    pub group: Option<String>,
    /// The id.
    pub id: String,
}

impl FifoIds {
    /// Those of a message in a queue of these settings; `None` in a standard queue.
    pub fn of(message: &QueuedMessage, settings: &QueueSettings) -> Option<Self> {
        let fifo = settings.fifo?;
        let group = message.group.clone().unwrap_or_default();
        let in_group = fifo.deduplication_scope == DeduplicationScope::MessageGroup;
        let id = message.deduplication.clone().unwrap_or_default();
        Some(Self { deduplication: Deduplication { group: in_group.then(|| group.clone()), id }, group })
    }
}

impl MessageState {
    /// One that was sent, and can be received from then on.
    pub fn new(queue: Arc<QueueKey>, fifo: Option<FifoIds>, (sent, visible): (Timestamp, Timestamp)) -> Self {
        let more = fifo.map(|fifo| Arc::new(More { fifo: Some(fifo), ..More::default() }));
        Self { queue, sent, visible, receives: 0, is_deleted: false, more }
    }

    /// When it was received.
    pub fn receiving(&self) -> Receiving {
        self.more.as_ref().map(|more| more.receiving).unwrap_or_default()
    }

    /// The queue in which it was received too often.
    pub fn dead_letter_source(&self) -> Option<&QueueKey> {
        self.more.as_ref()?.dead_letter_source.as_deref()
    }

    /// What a FIFO queue orders it by, and knows it by.
    pub fn fifo(&self) -> Option<&FifoIds> {
        self.more.as_ref()?.fifo.as_ref()
    }

    /// Notes when it was received.
    pub fn set_receiving(&mut self, receiving: Receiving) {
        self.change_more(|more| more.receiving = receiving);
    }

    /// Notes the queue in which it was received too often.
    pub fn set_dead_letter_source(&mut self, source: Option<Arc<QueueKey>>) {
        self.change_more(|more| more.dead_letter_source = source);
    }

    fn change_more(&mut self, change: impl FnOnce(&mut More)) {
        let mut more = self.more.as_deref().cloned().unwrap_or_default();
        change(&mut more);
        self.more = (more != More::default()).then(|| Arc::new(more));
    }

    /// Puts it into another queue, as if it had just come.
    pub fn move_to(&mut self, queue: Arc<QueueKey>, dead_letter_source: Option<Arc<QueueKey>>, time: Timestamp) {
        self.queue = queue;
        self.visible = time;
        self.receives = 0;
        self.change_more(|more| {
            more.dead_letter_source = dead_letter_source;
            more.receiving = Receiving::default();
        });
    }

    /// Whether it was received, and is hidden from others.
    pub fn is_in_flight(&self, now: Timestamp) -> bool {
        self.receives > 0 && self.visible > now
    }
}

/// `SequenceNumber` of a FIFO queue's message: twenty digits that grow.
pub fn sequence_number(id: RunId) -> String {
    (BEFORE_FIRST + u128::from(id.0)).to_string()
}
