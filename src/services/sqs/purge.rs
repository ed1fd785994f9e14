//! `PurgeQueue`.

use std::time::Instant;

use super::shapes::QUEUE_URL;
use super::{Sqs, errors, named_queue};
use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};

/// The operations of this file.
pub const OPERATIONS: &[Operation<Sqs>] = &[operation!("PurgeQueue" &[QUEUE_URL] => purge)];

/// `PurgeQueue`, once a minute. Recorded in `LocalStack`'s `test_successive_purge_calls_fail` (2023-11).
async fn purge(sqs: &Sqs, call: Call) -> Answer {
    let queue = named_queue(&sqs.state(), &call)?;
    if !sqs.purged.note(&queue.key, Instant::now()) {
        let message = format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue.key.name);
        return Err(ApiError::new(ErrorCode::PurgeQueueInProgress, message));
    }
    let purged = sqs.services.messages.purge(&queue.key).await;
    if purged.is_err() {
        sqs.purged.forget(&queue.key);
    }
    purged.map_err(|error| errors::of_messages(&call, error))?;

    call.done()
}
