//! Decisions about log groups and streams of the Logs neighbour. Texts as recorded in `LocalStack`'s
//! `test_logs_groups`, `test_logs_streams` and `test_logs_events` (2026-02); the others say what they are
//! taken from.

use std::sync::Arc;

use super::command::{CreateLogGroup, GroupChange, LogsCommand};
use super::event::LogsEvent;
use super::{LogGroup, LogGroupKey, LogId, LogStream, LogStreamKey, MAX_TAGS, STANDARD};
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event::Event;
use crate::model::limits::Limits;
use crate::model::state::State;

/// Decides a command on the current state.
pub fn decide(state: &State, command: &LogsCommand, stamp: &Stamp, _limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        LogsCommand::CreateGroup(create) => create_group(state, create, stamp),
        LogsCommand::DeleteGroup(key) => delete_group(state, key),
        LogsCommand::CreateStream(key) => create_stream(state, key, stamp),
        LogsCommand::EnsureStream(key) => Ok(ensure_stream(state, key, stamp)),
        LogsCommand::DeleteStream(key) => {
            existing_group(state, &key.group)?;
            if !state.log_streams.contains_key(key) {
                return Err(log_stream_not_found());
            }
            Ok(LogsEvent::LogStreamDeleted { key: key.clone() }.into())
        }
        LogsCommand::ChangeGroup(key, change) => change_group(state, key, change),
    }
}

/// The error for a group that is not there.
pub fn log_group_not_found() -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, "The specified log group does not exist.")
}

/// The error for a stream that is not there.
pub fn log_stream_not_found() -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, "The specified log stream does not exist.")
}

fn existing_group<'a>(state: &'a State, key: &LogGroupKey) -> Result<&'a Arc<LogGroup>, ApiError> {
    state.log_groups.get(key).ok_or_else(log_group_not_found)
}

fn create_group(state: &State, create: &CreateLogGroup, stamp: &Stamp) -> Result<Decision, ApiError> {
    if create.key.name.as_str().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws/")) {
        let message = "Log groups starting with AWS/ are reserved for AWS.";
        return Err(ApiError::new(ErrorCode::InvalidParameter, message));
    }
    if state.log_groups.contains_key(&create.key) {
        return Err(ApiError::new(ErrorCode::ResourceAlreadyExists, "The specified log group already exists"));
    }
    Ok(LogsEvent::LogGroupPut { group: Arc::new(new_group(create, stamp)) }.into())
}

fn new_group(create: &CreateLogGroup, stamp: &Stamp) -> LogGroup {
    LogGroup {
        key: create.key.clone(),
        id: LogId(stamp.revision(0).0),
        created: stamp.time,
        class: create.class.clone(),
        kms_key: create.kms_key.clone(),
        retention_days: None,
        protected: create.protected,
        tags: create.tags.clone(),
    }
}

fn delete_group(state: &State, key: &LogGroupKey) -> Result<Decision, ApiError> {
    if existing_group(state, key)?.protected {
        // The code is the model's; the text is a guess.
        let message = "The specified log group cannot be deleted because deletion protection is enabled.";
        return Err(ApiError::new(ErrorCode::Validation, message));
    }
    Ok(LogsEvent::LogGroupDeleted { key: key.clone() }.into())
}

fn create_stream(state: &State, key: &LogStreamKey, stamp: &Stamp) -> Result<Decision, ApiError> {
    existing_group(state, &key.group)?;
    if state.log_streams.contains_key(key) {
        return Err(ApiError::new(ErrorCode::ResourceAlreadyExists, "The specified log stream already exists"));
    }
    Ok(created(key, stamp).into())
}

fn created(key: &LogStreamKey, stamp: &Stamp) -> LogsEvent {
    let stream = LogStream { key: key.clone(), id: LogId(stamp.revision(1).0), created: stamp.time };
    LogsEvent::LogStreamCreated { stream: Arc::new(stream) }
}

fn ensure_stream(state: &State, key: &LogStreamKey, stamp: &Stamp) -> Decision {
    let mut events: Vec<Event> = Vec::new();
    if !state.log_groups.contains_key(&key.group) {
        let create = CreateLogGroup {
            key: key.group.clone(),
            class: STANDARD.into(),
            kms_key: None,
            protected: false,
            tags: std::collections::BTreeMap::new(),
        };
        events.push(LogsEvent::LogGroupPut { group: Arc::new(new_group(&create, stamp)) }.into());
    }

    if !state.log_streams.contains_key(key) {
        events.push(created(key, stamp).into());
    }
    Decision { events, shows: None }
}

fn change_group(state: &State, key: &LogGroupKey, change: &GroupChange) -> Result<Decision, ApiError> {
    let before = existing_group(state, key)?;
    let mut group = (**before).clone();
    match change {
        GroupChange::Retention(days) => group.retention_days = *days,
        GroupChange::KmsKey(kms_key) => group.kms_key.clone_from(kms_key),
        GroupChange::Protection(protected) => group.protected = *protected,
        GroupChange::Tag(tags) => {
            group.tags.extend(tags.clone());
            if group.tags.len() > MAX_TAGS {
                // The code is the model's; the text is a guess.
                let message = format!("A resource can have at most {MAX_TAGS} tags.");
                return Err(ApiError::new(ErrorCode::TooManyTags, message));
            }
        }
        GroupChange::Untag(keys) => group.tags.retain(|name, _| !keys.contains(name)),
    }

    if group == **before {
        return Ok(Decision::default());
    }
    Ok(LogsEvent::LogGroupPut { group: Arc::new(group) }.into())
}
