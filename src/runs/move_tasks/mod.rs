//! Message move tasks: what brings the messages of a dead-letter queue back, or to another queue. A task is under way like
//! what it moves, so it goes on where a killed server was.

mod decide;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use decide::decide;
use imbl::{OrdMap, OrdSet};
use strum::IntoStaticStr;
use uuid::Uuid;

use super::RunId;
use crate::model::queues::QueueKey;
use crate::model::time::Timestamp;

/// Tasks of a queue that are remembered.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>
pub const REMEMBERED: usize = 10;

/// A task's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MoveTaskId(pub Uuid);

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveTask {
    /// Its id.
    pub id: MoveTaskId,
    /// The dead-letter queue.
    pub source: QueueKey,
    /// Where messages go; without it back to where they came from.
    pub destination: Option<QueueKey>,
    /// Messages a second at most.
    pub rate: Option<u32>,
    /// When it was started.
    pub started: Timestamp,
    /// Messages that there were then.
    pub to_move: u64,
    /// Messages that it moved.
    pub moved: u64,
    /// What it does.
    pub status: MoveTaskStatus,
    /// Why it failed.
    pub failure: Option<String>,
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "UPPERCASE")]
pub enum MoveTaskStatus {
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

impl MoveTaskStatus {
    /// Whether there is more to come.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Running | Self::Cancelling)
    }
}

/// What is asked about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveTaskCommand {
    /// Starts one, whose id is that of the command. Refused while another of its queue is active.
    Start {
        /// The dead-letter queue.
        source: QueueKey,
        /// Where messages go; without it back to where they came from.
        destination: Option<QueueKey>,
        /// Messages a second at most.
        rate: Option<u32>,
    },
    /// Has one end. Refused where it has ended.
    Cancel(MoveTaskKey),
    /// Moves the next of its messages, or ends it. Nothing happens where it has ended.
    Step(MoveTaskKey),
}

/// A task's place: those of a queue lie together, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MoveTaskKey {
    /// The dead-letter queue.
    pub source: QueueKey,
    /// When it was started.
    pub started: Timestamp,
    /// Its id.
    pub id: MoveTaskId,
}

impl MoveTask {
    /// Its place.
    pub fn key(&self) -> MoveTaskKey {
        MoveTaskKey { source: self.source.clone(), started: self.started, id: self.id }
    }
}

/// The tasks. A clone is cheap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MoveTasks {
    tasks: OrdMap<MoveTaskKey, (RunId, Arc<MoveTask>)>,
    /// Where each lies. Derived.
    ids: OrdMap<RunId, MoveTaskKey>,
    /// Those that have not ended. Derived.
    active: OrdSet<MoveTaskKey>,
}

impl MoveTasks {
    /// A task, and the entry that it is.
    pub fn get(&self, key: &MoveTaskKey) -> Option<(RunId, &MoveTask)> {
        self.tasks.get(key).map(|(id, task)| (*id, &**task))
    }

    /// Whether an entry is one.
    pub fn contains(&self, id: &RunId) -> bool {
        self.ids.contains_key(id)
    }

    /// All of them, with the entries that they are.
    pub fn iter(&self) -> impl Iterator<Item = (RunId, &MoveTask)> {
        self.tasks.values().map(|(id, task)| (*id, &**task))
    }

    /// Those of a queue, the oldest first.
    pub fn of<'a>(&'a self, source: &'a QueueKey) -> impl DoubleEndedIterator<Item = (RunId, &'a MoveTask)> + use<'a> {
        let at = |started, id| MoveTaskKey { source: source.clone(), started, id: MoveTaskId(id) };
        let tasks = self.tasks.range(at(Timestamp(0), Uuid::nil())..=at(Timestamp(u64::MAX), Uuid::max()));
        tasks.map(|(_, (id, task))| (*id, &**task))
    }

    /// Those that have not ended.
    pub fn active(&self) -> impl Iterator<Item = &MoveTask> {
        self.active.iter().filter_map(|key| self.tasks.get(key)).map(|(_, task)| &**task)
    }

    /// Puts a task in the place of what was known of it before.
    pub(super) fn put(&mut self, id: RunId, task: MoveTask) {
        let key = task.key();
        if task.status.is_active() {
            self.active.insert(key.clone());
        } else {
            self.active.remove(&key);
        }
        if let Some((before, _)) = self.tasks.insert(key.clone(), (id, Arc::new(task))) {
            self.ids.remove(&before);
        }
        self.ids.insert(id, key);
    }

    /// Forgets a task; where more is known of it already, what was known before.
    pub(super) fn remove(&mut self, id: RunId) {
        if let Some(key) = self.ids.remove(&id) {
            self.tasks.remove(&key);
            self.active.remove(&key);
        }
    }

    /// Puts in what a checkpoint holds of one.
    pub fn restore(&mut self, id: RunId, task: MoveTask) {
        self.put(id, task);
    }
}
