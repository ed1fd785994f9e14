//! Events of log groups and streams of the Logs neighbour.

use std::sync::Arc;

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::logs::{LogGroup, LogGroupKey, LogStream, LogStreamKey};

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
