//! Shapes of schema 4: logs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::keys::Scope;
use crate::ledger::shapes::text::Id;

shape! {
    LogGroupKey { scope: Scope, name: String }
    LogStreamKey { group: LogGroupKey, name: String }
    LogGroup {
        key: LogGroupKey, id: Id, created: u64, class: String, kms_key: Option<String>,
        retention_days: Option<u32>, protected: bool, tags: BTreeMap<String, String>,
    }
    LogStream { key: LogStreamKey, id: Id, created: u64 }
}

events! {
    120 / 1 LogGroupPut { group: LogGroup }
    121 / 1 LogGroupDeleted { key: LogGroupKey }
    122 / 1 LogStreamCreated { stream: LogStream }
    123 / 1 LogStreamDeleted { key: LogStreamKey }
}
