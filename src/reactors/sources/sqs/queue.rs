//! A queue as it is read, wherever it is.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::reactors::sources::source::Problem;

/// A queue.
#[async_trait]
pub trait Queue: fmt::Debug + Send + Sync {
    /// How long one receive waits at most.
    fn longest_wait(&self) -> Duration;

    /// Waits up to `wait` for messages, `most` at most. They are nobody else's for `visibility_s`, or as long as the queue
    /// says.
    async fn receive(&self, most: usize, wait: Duration, visibility_s: Option<u32>) -> Result<Vec<Message>, Problem>;

    /// Deletes messages by their receipts.
    async fn delete(&self, receipts: &[String]) -> Result<(), Problem>;

    /// Gives messages back, for everybody to be received at once.
    async fn release(&self, receipts: &[String]) -> Result<(), Problem>;

    /// How long received messages are nobody else's, in seconds.
    async fn visibility_s(&self) -> Result<u32, Problem>;
}

/// A received message.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// The receipt of this time.
    pub receipt: String,
    /// What was sent.
    pub body: String,
    /// The digest of that.
    pub md5_of_body: String,
    /// Attributes of the system, as SQS names them.
    pub attributes: BTreeMap<String, String>,
    /// Attributes of the sender.
    pub sent_attributes: BTreeMap<String, Attribute>,
    /// The digest of those, where there are some.
    pub md5_of_sent_attributes: Option<String>,
}

/// An attribute that a sender gave.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// `String`, `Number`, `Binary`, perhaps with a name of its own behind it.
    pub data_type: String,
    /// A text.
    pub string_value: Option<String>,
    /// Bytes, in base64.
    pub binary_value: Option<String>,
}
