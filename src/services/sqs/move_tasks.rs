//! Message move tasks: messages of a dead-letter queue on their way back, or to another queue. Texts are recorded in
//! `LocalStack`'s `test_sqs_move_task` (2024), but where said. The tasks themselves are under way, and what has them go on is
//! a reactor.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Sqs;
use super::errors::{self, invalid};
use super::shapes::{MAX_RESULTS, NUMBER};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::queues::QueueKey;
use crate::model::state::State;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::shape::{Member, TEXT};
use crate::runs::move_tasks::{MoveTask, MoveTaskId, MoveTaskStatus};

/// The operations of this file.
pub const OPERATIONS: &[Operation<Sqs>] = &[
    operation!("CancelMessageMoveTask" &[Member::body("TaskHandle", TEXT).required()] => cancel),
    operation!("ListMessageMoveTasks" &[SOURCE.required(), MAX_RESULTS] => list),
    operation!("StartMessageMoveTask" &[SOURCE.required(), DESTINATION, Member::body(RATE, NUMBER)] => start),
];

const SOURCE: Member = Member::body("SourceArn", TEXT);
const DESTINATION: Member = Member::body("DestinationArn", TEXT);
const RATE: &str = "MaxNumberOfMessagesPerSecond";

/// `StartMessageMoveTask`.
async fn start(sqs: &Sqs, call: Call) -> Answer {
    let state = sqs.state();
    let source = queue(&state, &call, &SOURCE)?;
    if state.dead_letter_sources(&source).next().is_none() {
        return Err(invalid("Source queue must be configured as a Dead Letter Queue."));
    }
    let destination = call.text(DESTINATION.name).map(|_| queue(&state, &call, &DESTINATION)).transpose()?;
    // Both rules are documented, their texts are guesses.
    if destination.as_ref() == Some(&source) {
        return Err(invalid("Source and destination queues cannot be the same."));
    }
    if destination.as_ref().is_some_and(|destination| destination.is_fifo() != source.is_fifo()) {
        return Err(invalid("Source and destination queues must be of the same type."));
    }

    let started = sqs.services.messages.start_move_task(source.clone(), destination, rate(&call)?).await;
    let id = started.map_err(|error| errors::of_messages(&call, error))?;
    call.answer(&json!({ "TaskHandle": handle(id, &source) }))
}

/// `CancelMessageMoveTask`.
async fn cancel(sqs: &Sqs, call: Call) -> Answer {
    let (id, source) = read_handle(call.text_or_empty("TaskHandle"))
        .ok_or_else(|| invalid("Value for parameter TaskHandle is invalid."))?;
    if sqs.state().queue(&source).is_none() {
        return Err(no_such_resource(&SOURCE));
    }
    let task = sqs.services.messages.move_tasks(&source).into_iter().find(|task| task.id == id);
    let task = task.ok_or_else(|| not_found("Task does not exist.".to_owned()))?;
    let cancelled = sqs.services.messages.cancel_move_task(task.key()).await;
    cancelled.map_err(|error| errors::of_messages(&call, error))?;

    call.answer(&json!({ "ApproximateNumberOfMessagesMoved": task.moved }))
}

/// `ListMessageMoveTasks`.
async fn list(sqs: &Sqs, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Output {
        results: Vec<Entry>,
    }

    let source = queue(&sqs.state(), &call, &SOURCE)?;
    let most = call.input.get(MAX_RESULTS.name).map_or(Some(1), Value::as_u64);
    let most = most.filter(|most| (1..=10).contains(most)).and_then(|most| usize::try_from(most).ok());
    // The range is documented, the text is a guess.
    let most =
        most.ok_or_else(|| errors::out_of_range(&call, MAX_RESULTS.name, "Must be between 1 and 10, if provided."))?;

    let results = sqs.services.messages.move_tasks(&source).into_iter().take(most).map(Entry::of).collect();
    call.answer(&Output { results })
}

/// A task as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    task_handle: Option<String>,
    status: &'static str,
    source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_number_of_messages_per_second: Option<u32>,
    approximate_number_of_messages_moved: u64,
    approximate_number_of_messages_to_move: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
    started_timestamp: u64,
}

impl Entry {
    fn of(task: MoveTask) -> Self {
        Self {
            task_handle: (task.status == MoveTaskStatus::Running).then(|| handle(task.id, &task.source)),
            status: task.status.into(),
            source_arn: task.source.arn(),
            destination_arn: task.destination.as_ref().map(QueueKey::arn),
            max_number_of_messages_per_second: task.rate,
            approximate_number_of_messages_moved: task.moved,
            approximate_number_of_messages_to_move: task.to_move,
            failure_reason: task.failure,
            started_timestamp: task.started.0,
        }
    }
}

fn rate(call: &Call) -> Result<Option<u32>, ApiError> {
    if !call.input.contains_key(RATE) {
        return Ok(None);
    }
    let rate = call.number(RATE).filter(|rate| (1..=500).contains(rate)).and_then(|rate| u32::try_from(rate).ok());
    // The range is documented, the text is a guess.
    rate.map(Some).ok_or_else(|| errors::out_of_range(call, RATE, "Must be between 1 and 500, if provided."))
}

/// The queue of an ARN that a call has.
fn queue(state: &State, call: &Call, member: &Member) -> Result<QueueKey, ApiError> {
    let key = QueueKey::of_arn(call.text_or_empty(member.name)).ok_or_else(|| {
        let name = member.name;
        invalid(format!(
            "You must use this format to specify the {name}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
        ))
    })?;
    if state.queue(&key).is_none() {
        return Err(no_such_resource(member));
    }
    Ok(key)
}

fn no_such_resource(member: &Member) -> ApiError {
    not_found(format!("The resource that you specified for the {} parameter doesn't exist.", member.name))
}

fn not_found(message: String) -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, message)
}

/// What names a task: AWS's handles are such JSON, too.
fn handle(id: MoveTaskId, source: &QueueKey) -> String {
    STANDARD.encode(json!({ "taskId": id.0.to_string(), "sourceArn": source.arn() }).to_string())
}

/// The id and the source of a task.
fn read_handle(handle: &str) -> Option<(MoveTaskId, QueueKey)> {
    let handle: Value = serde_json::from_slice(&STANDARD.decode(handle).ok()?).ok()?;
    let source = QueueKey::of_arn(handle["sourceArn"].as_str()?)?;
    let id = Uuid::parse_str(handle["taskId"].as_str()?).ok()?;
    Some((MoveTaskId(id), source))
}
