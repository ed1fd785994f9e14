//! Message move tasks, as the service starts and cancels them, and as the reactor has them go on.

use super::{Messages, MessagesError};
use crate::model::queues::QueueKey;
use crate::runs::command::RunCommand;
use crate::runs::move_tasks::{MoveTask, MoveTaskCommand, MoveTaskId, MoveTaskKey};

impl Messages {
    /// Starts a task; it is on disk when this answers.
    ///
    /// # Errors
    /// Another of the queue is active, or the store cannot be written.
    pub async fn start_move_task(
        &self,
        source: QueueKey,
        destination: Option<QueueKey>,
        rate: Option<u32>,
    ) -> Result<MoveTaskId, MessagesError> {
        let start = MoveTaskCommand::Start { source, destination, rate };
        let committed = self.ledger.commit_run(RunCommand::MoveTask(start)).await?;
        Ok(MoveTaskId(committed.stamp.seed))
    }

    /// Has a task end.
    ///
    /// # Errors
    /// It has ended, or the store cannot be written.
    pub async fn cancel_move_task(&self, task: MoveTaskKey) -> Result<(), MessagesError> {
        self.ledger.commit_run(RunCommand::MoveTask(MoveTaskCommand::Cancel(task))).await?;
        Ok(())
    }

    /// Has a task move the next of its messages.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn step_move_task(&self, task: MoveTaskKey) -> Result<(), MessagesError> {
        let source = task.source.clone();
        self.ledger.commit_run(RunCommand::MoveTask(MoveTaskCommand::Step(task.clone()))).await?;
        let runs = self.ledger.runs();
        match runs.move_tasks.get(&task).and_then(|(_, task)| task.destination.as_ref()) {
            Some(destination) => self.waiters.wake(destination),
            None => self.ledger.state().dead_letter_sources(&source).for_each(|queue| self.waiters.wake(&queue.key)),
        }
        Ok(())
    }

    /// The tasks of a queue, the newest first.
    pub fn move_tasks(&self, source: &QueueKey) -> Vec<MoveTask> {
        self.ledger.runs().move_tasks.of(source).rev().map(|(_, task)| task.clone()).collect()
    }
}
