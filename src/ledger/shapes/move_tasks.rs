//! Message move tasks, as stored.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::queues::QueueKey;
use super::stored::Stored;
use super::text::Id;
use crate::runs::move_tasks::{self, MoveTaskId};

id! {
    MoveTaskId: Id, |id| Id(*id.0.as_bytes()), |id| MoveTaskId(Uuid::from_bytes(id.0));
}

words! {
    MoveTaskStatus = move_tasks::MoveTaskStatus { Running, Cancelling, Cancelled, Completed, Failed }
}

shape! {
    MoveTask = move_tasks::MoveTask {
        id: Id, source: QueueKey, destination: Option<QueueKey>, rate: Option<u32>, started: u64, to_move: u64, moved: u64,
        status: MoveTaskStatus, failure: Option<String>,
    }
}
