//! Log groups and streams of the Logs neighbour, as stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Scope, Stored};
use crate::model::event::logs::LogsEvent;
use crate::model::{logs, names};

id! {
    names::LogGroupName: String, |id| id.to_string(), Into::into;
    names::LogStreamName: String, |id| id.to_string(), Into::into;
    logs::LogId: [u8; 16], |id| *id.0.as_bytes(), |bytes| logs::LogId(Uuid::from_bytes(bytes));
}

shape! {
    LogGroupKey = logs::LogGroupKey { scope: Scope, name: String }
    LogStreamKey = logs::LogStreamKey { group: LogGroupKey, name: String }
    LogGroup = logs::LogGroup {
        key: LogGroupKey, id: [u8; 16], created: u64, class: String, kms_key: Option<String>,
        retention_days: Option<u32>, protected: bool, tags: BTreeMap<String, String>,
    }
    LogStream = logs::LogStream { key: LogStreamKey, id: [u8; 16], created: u64 }
}

events! { LogsEvent {
    120 / 1 LogGroupPut { group: LogGroup }
    121 / 1 LogGroupDeleted { key: LogGroupKey }
    122 / 1 LogStreamCreated { stream: LogStream }
    123 / 1 LogStreamDeleted { key: LogStreamKey }
} }
