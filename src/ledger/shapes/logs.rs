//! Log groups and streams of the Logs neighbour, as stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::stored::{Scope, Stored};
use super::text::Id;
use crate::model::logs::event::LogsEvent;
use crate::model::{logs, names};

id! {
    names::LogGroupName: String, |id| id.to_string(), Into::into;
    names::LogStreamName: String, |id| id.to_string(), Into::into;
    logs::LogId: Id, |id| Id(*id.0.as_bytes()), |id| logs::LogId(Uuid::from_bytes(id.0));
}

shape! {
    LogGroupKey = logs::LogGroupKey { scope: Scope, name: String }
    LogStreamKey = logs::LogStreamKey { group: LogGroupKey, name: String }
    LogGroup = logs::LogGroup {
        key: LogGroupKey, id: Id, created: u64, class: String, kms_key: Option<String>,
        retention_days: Option<u32>, protected: bool, tags: BTreeMap<String, String>,
    }
    LogStream = logs::LogStream { key: LogStreamKey, id: Id, created: u64 }
}

events! { LogsEvent {
    120 LogGroupPut { group: LogGroup }
    121 LogGroupDeleted { key: LogGroupKey }
    122 LogStreamCreated { stream: LogStream }
    123 LogStreamDeleted { key: LogStreamKey }
} }
