//! Queues: made, found, listed, removed.

use std::ops::Bound;
use std::time::Instant;

use serde::Serialize;

use super::errors::{self, in_words_of, invalid};
use super::shapes::{ATTRIBUTES, MAX_RESULTS, NEXT_TOKEN, QUEUE_URL, TEXTS_BY_NAME};
use super::{Sqs, existing, named_queue, queue_urls};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::names::Scope;
use crate::model::queues::QueueKey;
use crate::model::queues::command::{CreateQueue, QueueCommand};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::{Page, Paging};
use crate::protocol::shape::{Member, TEXT};
use crate::runs::command::RunCommand;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Sqs>] = &[
    operation!("CreateQueue" CREATE => create),
    operation!("DeleteQueue" &[QUEUE_URL] => delete),
    operation!("GetQueueUrl" GET_URL => get_url),
    operation!("ListDeadLetterSourceQueues" &[QUEUE_URL, NEXT_TOKEN, MAX_RESULTS] => list_dead_letter_sources),
    operation!("ListQueues" &[Member::body("QueueNamePrefix", TEXT), NEXT_TOKEN, MAX_RESULTS] => list),
];

const CREATE: &[Member] =
    &[Member::body("QueueName", TEXT).required(), ATTRIBUTES, Member::body("tags", TEXTS_BY_NAME).on_wire("Tag")];

const GET_URL: &[Member] = &[Member::body("QueueName", TEXT).required(), Member::body("QueueOwnerAWSAccountId", TEXT)];

/// Queues of a page at most, and if the caller does not say.
const PAGE: usize = 1000;

const PAGING: Paging = Paging { size: "MaxResults", token: "NextToken", default: PAGE, most: PAGE, unreadable };

/// The text is a guess.
fn unreadable(_token: &str) -> ApiError {
    invalid("Invalid or expired next token.")
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct QueueUrl {
    queue_url: String,
}

/// `CreateQueue`.
async fn create(sqs: &Sqs, call: Call) -> Answer {
    let key = QueueKey { scope: call.scope.clone(), name: call.text_or_empty("QueueName").into() };
    let queue_url = queue_urls::url(&call, &key);
    let attributes = call.map("Attributes").unwrap_or_default();
    let tags = call.map("tags").unwrap_or_default();
    if sqs.deleted.as_ref().is_some_and(|deleted| deleted.contains(&key, Instant::now())) {
        // The text is that of AWS's model.
        let message =
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.";
        return Err(ApiError::new(ErrorCode::QueueDeletedRecently, message));
    }
    sqs.commit(&call, QueueCommand::Create(CreateQueue { key, attributes, tags })).await?;

    call.answer(&QueueUrl { queue_url })
}

/// `DeleteQueue`. Its messages and tasks go with it.
async fn delete(sqs: &Sqs, call: Call) -> Answer {
    let key = queue_urls::key(&call);
    let dropped = RunCommand::DropQueue(key.clone());
    let deleted = sqs.services.commit_both(QueueCommand::Delete(key.clone()), dropped, call.origin()).await;
    deleted.map_err(|error| in_words_of(&call, error))?;
    sqs.purged.forget(&key);
    if let Some(deleted) = &sqs.deleted {
        deleted.note(&key, Instant::now());
    }

    call.done()
}

/// `GetQueueUrl`.
async fn get_url(sqs: &Sqs, call: Call) -> Answer {
    let account = call.text("QueueOwnerAWSAccountId").map_or_else(|| call.account().clone(), Into::into);
    let scope = Scope { account, region: call.scope.region.clone() };
    let key = QueueKey { scope, name: call.text_or_empty("QueueName").into() };
    existing(&sqs.state(), &call, &key)?;

    call.answer(&QueueUrl { queue_url: queue_urls::url(&call, &key) })
}

/// `ListQueues`.
async fn list(sqs: &Sqs, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Output {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        queue_urls: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
    }

    let page = page(&call)?;
    let prefix = call.text_or_empty("QueueNamePrefix");
    let state = sqs.state();
    let from = page.after().map_or(Bound::Included(prefix), Bound::Excluded);
    let queues = state.queues_from(&call.scope, from);
    let queues = queues.map(|queue| &queue.key).take_while(|key| key.name.as_str().starts_with(prefix));
    let (taken, next) = page.take(queues, |key| key.name.to_string());

    let queue_urls = taken.into_iter().map(|key| queue_urls::url(&call, key)).collect();
    // A caller that asks for no pages gets none.
    let next_token = next.filter(|_| call.number(PAGING.size).is_some());
    call.answer(&Output { queue_urls, next_token })
}

/// `ListDeadLetterSourceQueues`.
async fn list_dead_letter_sources(sqs: &Sqs, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    struct Output {
        // As the model spells it.
        #[serde(rename = "queueUrls")]
        queue_urls: Vec<String>,
        #[serde(rename = "NextToken", skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
    }

    let page = page(&call)?;
    let state = sqs.state();
    let queue = named_queue(&state, &call)?;
    let later = |key: &&QueueKey| page.after().is_none_or(|after| key.name.as_str() > after);
    let sources = state.dead_letter_sources(&queue.key).map(|source| &source.key).filter(later);
    let (taken, next) = page.take(sources, |key| key.name.to_string());

    let queue_urls = taken.into_iter().map(|key| queue_urls::url(&call, key)).collect();
    call.answer(&Output { queue_urls, next_token: next })
}

fn page(call: &Call) -> Result<Page, ApiError> {
    let asked = call.input.get(PAGING.size);
    let fits = asked.is_none_or(|asked| asked.as_u64().is_some_and(|asked| (1..=PAGE as u64).contains(&asked)));
    if !fits {
        // The range is documented, the text is a guess.
        return Err(errors::out_of_range(call, PAGING.size, "Must be between 1 and 1000, if provided."));
    }
    Page::of(call, &PAGING)
}
