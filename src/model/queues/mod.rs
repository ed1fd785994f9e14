//! Queues of the SQS neighbour: what holds messages, and how. The messages themselves are under way, and no part of
//! the state.

pub mod attributes;
pub mod command;
pub mod decide;
pub mod event;
mod permissions;
mod redrive;

use std::collections::BTreeMap;

use super::arn::{self, Arn};
use super::error::{ApiError, ErrorCode};
use super::names::{QueueName, Scope};
use super::time::Timestamp;

/// What names of FIFO queues end with.
pub const FIFO_SUFFIX: &str = ".fifo";

/// Tags of a queue at most.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>
pub const MAX_TAGS: usize = 50;

/// Bytes of a message, and of a batch of them, at most.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MAX_MESSAGE_BYTES: u32 = 1_048_576;

/// How long KMS's data keys are used again if nobody says, in seconds.
pub const DEFAULT_REUSE_S: u32 = 300;

/// A queue's place in the state. Sorted by scope, then name: a listing is one range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueKey {
    /// Account and region.
    pub scope: Scope,
    /// The queue's name.
    pub name: QueueName,
}

/// A queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Its place.
    pub key: QueueKey,
    /// When it was made.
    pub created: Timestamp,
    /// When its attributes were changed.
    pub modified: Timestamp,
    /// Its attributes.
    pub settings: QueueSettings,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// What can be configured of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSettings {
    /// Seconds after which a message is first seen, if the sender does not say.
    pub delay_s: u32,
    /// Bytes of a message at most.
    pub max_message_bytes: u32,
    /// Seconds after which a message is gone.
    pub retention_s: u32,
    /// Seconds that a receiver waits for a message, if it does not say.
    pub wait_s: u32,
    /// Seconds for which a received message is not seen, if the receiver does not say.
    pub visibility_s: u32,
    /// Resource-based policy, as it was given. Nothing is enforced.
    pub policy: Option<String>,
    /// Where messages go that were received too often.
    pub redrive: Option<Redrive>,
    /// Which queues may send such messages here.
    pub redrive_allow: Option<RedriveAllow>,
    /// What only FIFO queues have.
    pub fifo: Option<Fifo>,
    /// How AWS would encrypt it.
    pub encryption: Encryption,
}

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// ARN of the dead-letter queue.
    pub dead_letter_queue: String,
    /// How often a message may be received before.
    pub max_receive_count: u32,
}

/// Which queues may have a queue as their dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedriveAllow {
    /// All of the account and region.
    AllowAll,
    /// None.
    DenyAll,
    /// Those with these ARNs.
    ByQueue(Vec<String>),
}

/// What only FIFO queues have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fifo {
    /// Whether a message without an id of its own is told from others by its body.
    pub content_based_deduplication: bool,
    /// Where a message is told from others.
    pub deduplication_scope: DeduplicationScope,
    /// What a limit of throughput would be for.
    pub throughput_limit: ThroughputLimit,
}

/// Where messages of a FIFO queue are told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeduplicationScope {
    /// In the queue.
    #[default]
    Queue,
    /// In their message group.
    MessageGroup,
}

/// What a limit of a FIFO queue's throughput would be for. Larder has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThroughputLimit {
    /// The queue.
    #[default]
    PerQueue,
    /// Each message group.
    PerMessageGroupId,
}

/// How AWS would encrypt a queue. Larder does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// With keys of SQS's own.
    pub managed: bool,
    /// With this key of KMS.
    pub kms_key: Option<String>,
    /// How long data keys of KMS are used again, in seconds, where somebody said.
    pub reuse_s: Option<u32>,
}

impl QueueKey {
    /// The queue of an ARN.
    pub fn of_arn(text: &str) -> Option<Self> {
        let arn = Arn::parse(text).filter(|arn| arn.service == "sqs")?;
        let is_whole = ![arn.region, arn.account, arn.resource].contains(&"") && !arn.resource.contains(':');
        is_whole.then(|| Self { scope: arn.scope(), name: arn.resource.into() })
    }

    /// The queue's ARN.
    pub fn arn(&self) -> String {
        let Scope { account, region } = &self.scope;
        format!("arn:{}:sqs:{region}:{account}:{}", arn::partition(region), self.name)
    }

    /// Whether it is a FIFO queue.
    pub fn is_fifo(&self) -> bool {
        self.name.as_str().ends_with(FIFO_SUFFIX)
    }
}

impl QueueSettings {
    /// Those of a queue of which nothing is said.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
    pub fn new(is_fifo: bool) -> Self {
        Self {
            delay_s: 0,
            max_message_bytes: MAX_MESSAGE_BYTES,
            retention_s: 345_600,
            wait_s: 0,
            visibility_s: 30,
            policy: None,
            redrive: None,
            redrive_allow: None,
            fifo: is_fifo.then(Fifo::default),
            encryption: Encryption { managed: true, kms_key: None, reuse_s: None },
        }
    }
}

/// Whether a message may have a character.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
pub fn is_message_letter(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The error for a queue that is not there.
pub fn queue_not_found() -> ApiError {
    ApiError::new(ErrorCode::QueueDoesNotExist, "The specified queue does not exist.")
}

/// The error for a parameter's value, as SQS words it.
pub fn invalid_value(value: &str, parameter: &str, reason: &str) -> ApiError {
    let message = format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}");
    ApiError::new(ErrorCode::InvalidQueryValue, message)
}
