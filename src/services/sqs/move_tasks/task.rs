//! One move task, and how it runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use strum::IntoStaticStr;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::messages::{MessagesError, NewMessage, Received, Wanted};
use crate::model::error::ErrorCode;
use crate::model::queues::QueueKey;
use crate::model::time::Timestamp;
use crate::services::Services;

/// Messages that are moved at once by a task without a rate.
const CHUNK: usize = 100;

/// How long messages are hidden while they are moved one by one, in seconds.
const HIDDEN_S: u32 = 30;

/// A task.
#[derive(Debug)]
pub struct MoveTask {
    /// Its id.
    pub id: String,
    /// The dead-letter queue.
    pub source: QueueKey,
    /// Where messages go; without it back to where they came from.
    pub destination: Option<QueueKey>,
    /// Messages a second at most.
    pub rate: Option<u32>,
    /// When it was started.
    pub started: Timestamp,
    /// Messages that there were then.
    pub to_move: usize,
    /// Ends it.
    pub cancel: CancellationToken,
    progress: Mutex<Progress>,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it does.
    pub status: Status,
    /// Messages that it moved.
    pub moved: usize,
    /// Why it failed.
    pub failure: Option<&'static str>,
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Status {
    /// It moves messages.
    Running,
    /// It is about to end.
    Cancelling,
    /// It was ended.
    Cancelled,
    /// All is moved.
    Completed,
    /// It could not go on.
    Failed,
}

impl Status {
    /// Whether there is more to come.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Running | Self::Cancelling)
    }
}

/// How a step of a task went.
enum Step {
    /// Messages were moved.
    Moved(usize),
    /// There are none to be moved.
    Done,
    /// It cannot go on.
    Failed(&'static str),
}

impl MoveTask {
    /// One that does nothing yet.
    pub fn new(
        source: QueueKey,
        destination: Option<QueueKey>,
        rate: Option<u32>,
        started: Timestamp,
        to_move: usize,
    ) -> Self {
        let id = Uuid::new_v4().to_string();
        let progress = Mutex::new(Progress { status: Status::Running, moved: 0, failure: None });
        Self { id, source, destination, rate, started, to_move, cancel: CancellationToken::new(), progress }
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let progress = *self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let is_ending = progress.status == Status::Running && self.cancel.is_cancelled();
        if is_ending { Progress { status: Status::Cancelling, ..progress } } else { progress }
    }

    fn note(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Moves messages until there are none, or it is ended.
    pub async fn run(self: Arc<Self>, services: Arc<Services>) {
        let pause = self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate);
        while !self.cancel.is_cancelled() {
            match self.step(&services).await {
                Step::Moved(count) => self.note(|progress| progress.moved += count),
                Step::Done => return self.note(|progress| progress.status = Status::Completed),
                Step::Failed(reason) => {
                    return self.note(|progress| {
                        progress.status = Status::Failed;
                        progress.failure = Some(reason);
                    });
                }
            }
            tokio::select! {
                () = self.cancel.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }

        self.note(|progress| progress.status = Status::Cancelled);
    }

    async fn step(&self, services: &Services) -> Step {
        let most = if self.rate.is_some() { 1 } else { CHUNK };
        let state = services.ledger.state();
        if state.queue(&self.source).is_none() {
            return Step::Failed(ErrorCode::QueueDoesNotExist.name());
        }
        let moved = if let Some(destination) = &self.destination {
            self.move_to(services, destination, most).await
        } else {
            let mut sources = state.dead_letter_sources(&self.source).map(|queue| &queue.key);
            match (sources.next(), sources.next()) {
                (Some(only), None) => self.move_to(services, only, most).await,
                _ => self.move_back(services, most).await,
            }
        };

        moved.unwrap_or_else(|error| {
            tracing::info!(%error, source = self.source.arn(), "a message move task failed");
            match error {
                MessagesError::Refused(error) => Step::Failed(error.code.name()),
                _ => Step::Failed(ErrorCode::Service.name()),
            }
        })
    }

    /// Moves messages to a queue.
    async fn move_to(&self, services: &Services, destination: &QueueKey, most: usize) -> Result<Step, MessagesError> {
        if services.ledger.state().queue(destination).is_none() {
            return Ok(Step::Failed(ErrorCode::QueueDoesNotExist.name()));
        }
        let before = services.messages.counts(&self.source).visible;
        if before > 0 {
            services.messages.move_some(&self.source, destination, most).await?;
        }
        let moved = before.saturating_sub(services.messages.counts(&self.source).visible);
        Ok(if moved == 0 { Step::Done } else { Step::Moved(moved) })
    }

    /// Sends messages back to the queues that each came from, where these are several.
    async fn move_back(&self, services: &Services, most: usize) -> Result<Step, MessagesError> {
        let wanted = Wanted { most: most.min(10), wait: Duration::ZERO, visibility_s: Some(HIDDEN_S) };
        let received = services.messages.receive(&self.source, wanted).await?;
        if received.is_empty() {
            return Ok(Step::Done);
        }
        let count = received.len();
        for received in received {
            let receipt = received.receipt.clone();
            let Some(from) = received.dead_letter_source.as_deref().and_then(QueueKey::of_arn) else {
                return Ok(Step::Failed("CouldNotDetermineMessageSource"));
            };
            services.messages.send(&from, vec![again(received)]).await?;
            services.messages.delete(&self.source, &[receipt]).await?;
        }

        Ok(Step::Moved(count))
    }
}

/// A message, to be sent once more.
fn again(received: Received) -> NewMessage {
    let message = received.message;
    NewMessage {
        body: message.body,
        attributes: message.attributes,
        trace_header: message.trace_header,
        delay_s: None,
        group: message.group,
        deduplication: message.deduplication,
        sender: message.sender,
    }
}
