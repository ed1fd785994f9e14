//! Events of log groups and streams of the Logs neighbour, and what they do to the state.

use std::ops::Bound;
use std::sync::Arc;

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::logs::{LogGroup, LogGroupKey, LogPlace, LogStream, LogStreamKey};
use crate::model::names::Scope;
use crate::model::state::State;

/// What happened to log groups and streams of the Logs neighbour.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum LogsEvent {
    /// A group was made or changed.
    LogGroupPut {
        /// The group as it is now.
        group: Arc<LogGroup>,
    },
    /// A group is gone, and its streams with it.
    LogGroupDeleted {
        /// The group.
        key: LogGroupKey,
    },
    /// A stream was made.
    LogStreamCreated {
        /// The stream.
        stream: Arc<LogStream>,
    },
    /// A stream is gone.
    LogStreamDeleted {
        /// The stream.
        key: LogStreamKey,
    },
}

impl LogsEvent {
    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        match self {
            Self::LogGroupPut { group } => of_group(&group.key),
            Self::LogGroupDeleted { key } => of_group(key),
            Self::LogStreamCreated { stream } => of_stream(&stream.key),
            Self::LogStreamDeleted { key } => of_stream(key),
        }
    }
}

fn of_group(key: &LogGroupKey) -> Subject {
    Subject { arn: key.arn(), scope: key.scope.clone(), name: key.name.to_string() }
}

fn of_stream(key: &LogStreamKey) -> Subject {
    Subject { arn: key.arn(), scope: key.group.scope.clone(), name: key.name.to_string() }
}

/// Folds one event.
pub fn apply(state: &mut State, event: &LogsEvent) {
    match event {
        LogsEvent::LogGroupPut { group } => {
            state.log_groups.insert(group.key.clone(), Arc::clone(group));
        }
        LogsEvent::LogGroupDeleted { key } => {
            state.log_groups.remove(key);
            let streams: Vec<_> = state.log_streams_from(key, "").map(|stream| stream.key.clone()).collect();
            for stream in streams {
                state.log_streams.remove(&stream);
            }
        }
        LogsEvent::LogStreamCreated { stream } => {
            state.log_streams.insert(stream.key.clone(), Arc::clone(stream));
        }
        LogsEvent::LogStreamDeleted { key } => {
            state.log_streams.remove(key);
        }
    }
}

impl State {
    /// The log groups of `scope` from the name `from` on, in order.
    pub fn log_groups_from<'a>(
        &'a self,
        scope: &'a Scope,
        from: &str,
    ) -> impl Iterator<Item = &'a Arc<LogGroup>> + use<'a> {
        let first = LogGroupKey { scope: scope.clone(), name: from.into() };
        let groups = self.log_groups.range((Bound::Included(first), Bound::Unbounded));
        groups.take_while(move |(key, _)| key.scope == *scope).map(|(_, group)| group)
    }

    /// The streams of a log group from the name `from` on, in order.
    pub fn log_streams_from<'a>(
        &'a self,
        group: &'a LogGroupKey,
        from: &str,
    ) -> impl Iterator<Item = &'a Arc<LogStream>> + use<'a> {
        let first = LogStreamKey { group: group.clone(), name: from.into() };
        let streams = self.log_streams.range((Bound::Included(first), Bound::Unbounded));
        streams.take_while(move |(key, _)| key.group == *group).map(|(_, stream)| stream)
    }

    /// Where the lines of a stream lie, if it is there.
    pub fn log_place(&self, key: &LogStreamKey) -> Option<LogPlace> {
        let group = self.log_groups.get(&key.group)?;
        let stream = self.log_streams.get(key)?;
        Some(LogPlace { group: group.id, stream: stream.id })
    }
}
