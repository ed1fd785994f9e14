//! Events of queues of the SQS neighbour, and what they do to the state.

use std::ops::Bound;
use std::sync::Arc;

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::names::Scope;
use crate::model::queues::{Queue, QueueKey};
use crate::model::state::State;

/// What happened to queues of the SQS neighbour.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum QueueEvent {
    /// A queue was made or changed.
    QueuePut {
        /// The queue as it is now.
        queue: Arc<Queue>,
    },
    /// A queue is gone.
    QueueDeleted {
        /// The queue.
        key: QueueKey,
    },
}

impl QueueEvent {
    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        let key = match self {
            Self::QueuePut { queue } => &queue.key,
            Self::QueueDeleted { key } => key,
        };
        Subject { arn: key.arn(), scope: key.scope.clone(), name: key.name.to_string() }
    }
}

/// Folds one event.
pub fn apply(state: &mut State, event: &QueueEvent) {
    match event {
        QueueEvent::QueuePut { queue } => drop(state.queues.insert(queue.key.clone(), Arc::clone(queue))),
        QueueEvent::QueueDeleted { key } => drop(state.queues.remove(key)),
    }
}

impl State {
    /// The queue at `key`.
    pub fn queue(&self, key: &QueueKey) -> Option<&Queue> {
        self.queues.get(key).map(Arc::as_ref)
    }

    /// The queues of `scope` whose names come after `after`, or begin with `from` or a later text, in order.
    pub fn queues_from<'a>(
        &'a self,
        scope: &'a Scope,
        from: Bound<&str>,
    ) -> impl Iterator<Item = &'a Arc<Queue>> + use<'a> {
        let first = from.map(|name| QueueKey { scope: scope.clone(), name: name.into() });
        let queues = self.queues.range((first, Bound::Unbounded));
        queues.take_while(move |(key, _)| key.scope == *scope).map(|(_, queue)| queue)
    }

    /// The queues that have the one at `key` as their dead-letter queue, in order. They are of its account and region.
    pub fn dead_letter_sources<'a>(&'a self, key: &'a QueueKey) -> impl Iterator<Item = &'a Arc<Queue>> + use<'a> {
        let arn = key.arn();
        let sends_there = move |queue: &&Arc<Queue>| {
            queue.settings.redrive.as_ref().is_some_and(|redrive| redrive.dead_letter_queue == arn)
        };
        self.queues_from(&key.scope, Bound::Unbounded).filter(sends_there)
    }
}
