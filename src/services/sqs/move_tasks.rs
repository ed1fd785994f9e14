//! Message move tasks: messages of a dead-letter queue on their way back, or to another queue. Texts are recorded in
//! `LocalStack`'s `test_sqs_move_task` (2024), but where said.
//!
//! A task lives as long as the server: what it has not moved when that ends stays where it is.

mod task;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use task::{MoveTask, Progress, Status};
use tokio_util::task::TaskTracker;

use super::Sqs;
use super::errors::{self, invalid};
use super::shapes::{MAX_RESULTS, NUMBER};
use crate::clock;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::queues::QueueKey;
use crate::model::state::State;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::shape::{Member, TEXT};
use crate::services::Services;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Sqs>] = &[
    operation!("CancelMessageMoveTask" &[Member::body("TaskHandle", TEXT).required()] => cancel),
    operation!("ListMessageMoveTasks" &[SOURCE.required(), MAX_RESULTS] => list),
    operation!("StartMessageMoveTask" &[SOURCE.required(), DESTINATION, Member::body(RATE, NUMBER)] => start),
];

const SOURCE: Member = Member::body("SourceArn", TEXT);
const DESTINATION: Member = Member::body("DestinationArn", TEXT);
const RATE: &str = "MaxNumberOfMessagesPerSecond";

/// Tasks of a queue that are remembered.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>
const REMEMBERED: usize = 10;

/// The tasks that there are and were.
#[derive(Debug)]
pub struct MoveTasks {
    services: Arc<Services>,
    running: TaskTracker,
    /// The newest last.
    tasks: Mutex<Vec<Arc<MoveTask>>>,
}

impl MoveTasks {
    /// None yet.
    pub fn new(services: Arc<Services>) -> Self {
        Self { services, running: TaskTracker::new(), tasks: Mutex::default() }
    }

    /// Ends those that run.
    pub async fn close(&self) {
        self.running.close();
        self.lock().iter().for_each(|task| task.cancel.cancel());
        self.running.wait().await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<MoveTask>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of a queue, the newest first.
    fn of(&self, source: &QueueKey) -> Vec<Arc<MoveTask>> {
        self.lock().iter().rev().filter(|task| task.source == *source).cloned().collect()
    }

    fn start(&self, task: MoveTask) -> Result<Arc<MoveTask>, ApiError> {
        let mut tasks = self.lock();
        let of_source = tasks.iter().filter(|there| there.source == task.source);
        if of_source.clone().any(|there| there.progress().status.is_active()) {
            return Err(invalid(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
            ));
        }
        if of_source.count() >= REMEMBERED
            && let Some(oldest) = tasks.iter().position(|there| there.source == task.source)
        {
            tasks.remove(oldest);
        }

        let task = Arc::new(task);
        tasks.push(Arc::clone(&task));
        self.running.spawn(Arc::clone(&task).run(Arc::clone(&self.services)));
        Ok(task)
    }
}

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

    let to_move = sqs.services.messages.counts(&source).visible;
    let task = MoveTask::new(source, destination, rate(&call)?, clock::now(), to_move);
    let task = sqs.move_tasks.start(task)?;
    call.answer(&json!({ "TaskHandle": handle(&task) }))
}

/// `CancelMessageMoveTask`.
async fn cancel(sqs: &Sqs, call: Call) -> Answer {
    let (id, source) = read_handle(call.text_or_empty("TaskHandle"))
        .ok_or_else(|| invalid("Value for parameter TaskHandle is invalid."))?;
    if sqs.state().queue(&source).is_none() {
        return Err(no_such_resource(&SOURCE));
    }
    let task = sqs.move_tasks.of(&source).into_iter().find(|task| task.id == id);
    let task = task.ok_or_else(|| not_found("Task does not exist.".to_owned()))?;
    if !task.progress().status.is_active() {
        // The rule is documented, the text is a guess.
        return Err(invalid("Only an active task can be cancelled."));
    }

    task.cancel.cancel();
    let moved = task.progress().moved;
    call.answer(&json!({ "ApproximateNumberOfMessagesMoved": moved }))
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

    let results = sqs.move_tasks.of(&source).iter().take(most).map(|task| Entry::of(task)).collect();
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
    approximate_number_of_messages_moved: usize,
    approximate_number_of_messages_to_move: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'static str>,
    started_timestamp: u64,
}

impl Entry {
    fn of(task: &MoveTask) -> Self {
        let Progress { status, moved, failure } = task.progress();
        Self {
            task_handle: (status == Status::Running).then(|| handle(task)),
            status: status.into(),
            source_arn: task.source.arn(),
            destination_arn: task.destination.as_ref().map(QueueKey::arn),
            max_number_of_messages_per_second: task.rate,
            approximate_number_of_messages_moved: moved,
            approximate_number_of_messages_to_move: task.to_move,
            failure_reason: failure,
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
fn handle(task: &MoveTask) -> String {
    STANDARD.encode(json!({ "taskId": task.id, "sourceArn": task.source.arn() }).to_string())
}

/// The id and the source of a task.
fn read_handle(handle: &str) -> Option<(String, QueueKey)> {
    let handle: Value = serde_json::from_slice(&STANDARD.decode(handle).ok()?).ok()?;
    let source = QueueKey::of_arn(handle["sourceArn"].as_str()?)?;
    Some((handle["taskId"].as_str()?.to_owned(), source))
}
