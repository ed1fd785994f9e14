//! Events of log groups and streams of the Logs neighbour, applied.

use std::ops::Bound;
use std::sync::Arc;

use crate::model::logs::event::LogsEvent;
use crate::model::logs::{LogGroup, LogGroupKey, LogPlace, LogStream, LogStreamKey};
use crate::model::names::Scope;
use crate::model::state::State;

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
        let (group, stream) = (self.log_groups.get(&key.group)?, self.log_streams.get(key)?);
        Some(LogPlace { group: group.id, stream: stream.id })
    }
}
