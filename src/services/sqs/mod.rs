//! SQS: queues, which are events of the ledger, and their messages (`crate::messages`). Callers speak AWS JSON or the old
//! query protocol, as they like.

mod attributes;
mod batches;
mod errors;
mod message;
mod message_attributes;
mod move_tasks;
mod needs;
mod permissions;
mod purge;
mod queue_urls;
mod queues;
mod receipts;
mod receive;
mod recently;
mod send;
mod shapes;
mod tags;

use std::sync::Arc;

pub use errors::{not_served, unreadable_body};
pub use queue_urls::is_queue_path;
use recently::Recently;
use tokio_util::sync::CancellationToken;

use crate::ledger::Committed;
use crate::model::error::ApiError;
use crate::model::queues::command::QueueCommand;
use crate::model::queues::{Queue, QueueKey};
use crate::model::state::State;
use crate::protocol::call::Call;
use crate::protocol::codec::Dialect;
use crate::protocol::compatible::Compatible;
use crate::protocol::flat::Flat;
use crate::protocol::service::Service;
use crate::services::Services;

/// Bytes of a request at most: messages have 1 MiB of text, which escapes may make six times as long.
pub const MAX_REQUEST: usize = 8 * 1024 * 1024;

/// The service in `X-Amz-Target`.
pub const TARGET: &str = "AmazonSQS";

/// SQS, as a service.
pub static SERVICE: Service<Sqs> = Service {
    dialect: Dialect::Compatible(&DIALECT),
    check: shapes::check,
    admit,
    tables: &[
        attributes::OPERATIONS,
        move_tasks::OPERATIONS,
        permissions::OPERATIONS,
        purge::OPERATIONS,
        queues::OPERATIONS,
        receipts::OPERATIONS,
        receive::OPERATIONS,
        send::OPERATIONS,
        tags::OPERATIONS,
    ],
};

static DIALECT: Compatible = Compatible {
    target: TARGET,
    types: "com.amazonaws.sqs",
    shapes: errors::SHAPES,
    namespace: "http://queue.amazonaws.com/doc/2012-11-05/",
    // As the model of the query protocol names them (botocore 1.29).
    lists: &[
        ("Attributes", Flat::Map("Attribute", "Name", "Value")),
        ("MessageAttributes", Flat::Map("MessageAttribute", "Name", "Value")),
        ("Tags", Flat::Map("Tag", "Key", "Value")),
        ("Messages", Flat::List("Message")),
        ("QueueUrls", Flat::List("QueueUrl")),
        ("queueUrls", Flat::List("QueueUrl")),
        ("Successful", Flat::Results),
        ("Failed", Flat::List("BatchResultErrorEntry")),
        ("Results", Flat::List("ListMessageMoveTasksResultEntry")),
    ],
    times: &[],
};

fn admit(sqs: &Sqs, call: &Call) -> Result<(), ApiError> {
    sqs.services.access.admit(call, || needs::of_call(&sqs.state(), call))
}

/// What its operations work with.
#[derive(Debug)]
pub struct Sqs {
    services: Arc<Services>,
    /// Queues that were purged.
    purged: Recently,
    /// Queues that were deleted, where their names are to be kept for a while.
    deleted: Option<Recently>,
    /// The server is on its way out: who waits for messages has waited long enough.
    ending: CancellationToken,
}

impl Sqs {
    /// The service over what all work with. With `delays_recreation` the name of a deleted queue cannot be used for a
    /// while.
    pub fn new(services: Arc<Services>, delays_recreation: bool) -> Self {
        let deleted = delays_recreation.then(Recently::default);
        Self { services, purged: Recently::default(), deleted, ending: CancellationToken::new() }
    }

    /// Has those who wait for messages wait no longer.
    pub fn end_waits(&self) {
        self.ending.cancel();
    }

    fn state(&self) -> Arc<State> {
        self.services.ledger.state()
    }

    async fn commit(&self, call: &Call, command: QueueCommand) -> Result<Committed, ApiError> {
        let committed = self.services.commit(command, call.origin(), None).await;
        committed.map_err(|error| errors::in_words_of(call, error))
    }
}

/// The queue that a call names.
fn named_queue(state: &State, call: &Call) -> Result<Arc<Queue>, ApiError> {
    existing(state, call, &queue_urls::key(call))
}

/// A queue that is there.
fn existing(state: &State, call: &Call, key: &QueueKey) -> Result<Arc<Queue>, ApiError> {
    state.queues.get(key).cloned().ok_or_else(|| errors::no_queue(call))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::SERVICE;

    /// As many as today's model has (botocore 1.44.5).
    #[test]
    fn all_operations_are_there() {
        let names: BTreeSet<_> = SERVICE.operations().map(|operation| operation.request.name).collect();
        assert_eq!((names.len(), SERVICE.operations().count()), (23, 23));
    }
}
