//! A queue of the upstream's SQS.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::queue::{Attribute, Message, Queue};
use crate::clock;
use crate::model::arn::Arn;
use crate::model::names::Scope;
use crate::reactors::sources::source::Problem;
use crate::upstream::{
    QUEUE_BATCH, QueueAccess, QueueMessage, QueueMessageAttribute, Receive, ServiceError, Signer, Upstream,
};

/// The longest wait that SQS allows: an idle queue costs next to nothing.
const LONG_POLL: Duration = Duration::from_secs(20);

/// How long an answer may take beyond the time that messages are waited for.
const ANSWER: Duration = Duration::from_secs(15);

/// A queue of the upstream.
#[derive(Debug)]
pub struct UpstreamQueue {
    upstream: Arc<Upstream>,
    scope: Scope,
    name: String,
    /// Its URL, once SQS has told it.
    url: Mutex<Option<String>>,
}

impl UpstreamQueue {
    /// The queue with this ARN.
    pub fn of_arn(upstream: Arc<Upstream>, arn: &str) -> Option<Self> {
        let arn = Arn::parse(arn)?;
        Some(Self { upstream, scope: arn.scope(), name: arn.resource.to_owned(), url: Mutex::new(None) })
    }

    async fn access(&self) -> Result<QueueAccess, ServiceError> {
        let account = self.scope.account.as_str();
        let signer = Signer {
            access_key_id: account.to_owned(),
            region: self.scope.region.to_string(),
            day: clock::now().date().replace('-', ""),
        };
        let known = self.url.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(url) = known {
            return Ok(QueueAccess { url, signer });
        }
        let url = self.upstream.queue_url(&self.name, account, &signer).await?;
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = Some(url.clone());

        Ok(QueueAccess { url, signer })
    }

    /// Asks SQS something, and gives it its time.
    async fn ask<T>(
        &self,
        wait: Duration,
        asking: impl AsyncFnOnce(&Upstream, &QueueAccess) -> Result<T, ServiceError>,
    ) -> Result<T, Problem> {
        let asked = async {
            let access = self.access().await?;
            asking(&self.upstream, &access).await
        };
        let limit = wait + ANSWER;
        let Ok(answer) = tokio::time::timeout(limit, asked).await else {
            return Err(Problem(format!("SQS did not answer within {} s", limit.as_secs())));
        };

        answer.map_err(|error| {
            // A queue that was made anew may have another one.
            *self.url.lock().unwrap_or_else(PoisonError::into_inner) = None;
            match error {
                ServiceError::Refused { code, message } => Problem(format!(
                    "Error occurred while reading the queue. SQS Error Code: {code}. SQS Error Message: {message}"
                )),
                error @ ServiceError::Upstream(_) => Problem(error.to_string()),
            }
        })
    }
}

#[async_trait]
impl Queue for UpstreamQueue {
    fn longest_wait(&self) -> Duration {
        LONG_POLL
    }

    async fn receive(&self, most: usize, wait: Duration, visibility_s: Option<u32>) -> Result<Vec<Message>, Problem> {
        // SQS counts in seconds.
        let wait_s = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let receive = Receive { most, wait_s, visibility_s };
        let received = self.ask(wait, async |upstream, queue| upstream.receive(queue, receive).await).await?;
        Ok(received.into_iter().map(message).collect())
    }

    async fn delete(&self, receipts: &[String]) -> Result<(), Problem> {
        for receipts in receipts.chunks(QUEUE_BATCH) {
            let deleting =
                async |upstream: &Upstream, queue: &QueueAccess| upstream.delete_messages(queue, receipts).await;
            if let Some((count, reason)) = self.ask(Duration::ZERO, deleting).await? {
                tracing::warn!(queue = self.name, count, reason, "messages were not deleted, and will come again");
            }
        }
        Ok(())
    }

    async fn release(&self, receipts: &[String]) -> Result<(), Problem> {
        for receipts in receipts.chunks(QUEUE_BATCH) {
            let releasing =
                async |upstream: &Upstream, queue: &QueueAccess| upstream.change_visibility(queue, receipts, 0).await;
            if let Some((count, reason)) = self.ask(Duration::ZERO, releasing).await? {
                tracing::debug!(queue = self.name, count, reason, "messages were not given back, and come again later");
            }
        }
        Ok(())
    }

    async fn visibility_s(&self) -> Result<u32, Problem> {
        self.ask(Duration::ZERO, async |upstream, queue| upstream.queue_visibility_s(queue).await).await
    }
}

fn message(received: QueueMessage) -> Message {
    let attribute = |attribute: QueueMessageAttribute| {
        let QueueMessageAttribute { data_type, string_value, binary_value } = attribute;
        Attribute { data_type, string_value, binary_value }
    };
    let attributes = received.message_attributes.into_iter();
    Message {
        id: received.message_id,
        receipt: received.receipt_handle,
        body: received.body,
        md5_of_body: received.md5_of_body,
        attributes: received.attributes,
        sent_attributes: attributes.map(|(name, given)| (name, attribute(given))).collect(),
        md5_of_sent_attributes: received.md5_of_message_attributes,
    }
}
