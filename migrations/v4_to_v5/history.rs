//! Shapes of schema 4: history.

use serde::{Deserialize, Serialize};

use super::capacity_providers::{CapacityProvider, CapacityProviderKey};
use super::code_signing::{CodeSigningConfig, CodeSigningKey};
use super::event_sources::{EventSourceMapping, MappingKey};
use super::functions::Function;
use super::iam::{EntityKey, Group, InstanceProfile, Policy, Role, User};
use super::keys::FunctionKey;
use super::layers::{Layer, LayerKey};
use super::logs::{LogGroup, LogGroupKey, LogStream, LogStreamKey};
use crate::ledger::shapes::text::Map;

resources! {
    "function" Function(FunctionKey, Function),
    "layer" Layer(LayerKey, Layer),
    "code-signing-config" CodeSigningConfig(CodeSigningKey, CodeSigningConfig),
    "capacity-provider" CapacityProvider(CapacityProviderKey, CapacityProvider),
    "event-source-mapping" EventSourceMapping(MappingKey, EventSourceMapping),
    "role" Role(EntityKey, Role),
    "policy" Policy(EntityKey, Policy),
    "instance-profile" InstanceProfile(EntityKey, InstanceProfile),
    "log-group" LogGroup(LogGroupKey, LogGroup),
    "log-stream" LogStream(LogStreamKey, LogStream),
    "user" User(EntityKey, User),
    "group" Group(EntityKey, Group),
}

shape! {
    Changes { put: Vec<Resource>, removed: Vec<ResourceKey> }
    Mark { sequence: u64, time: u64 }
}

#[derive(Serialize, Deserialize)]
pub enum Cause {
    Rewind { to: u64, mark: Option<String>, only: Vec<String> },
    PodLoaded { digest: String, source: String, message: Option<String>, strategy: String },
}

events! {
    140 / 2 StateRestored { cause: Cause, changes: Changes }
    141 / 1 MarkPut { name: String, time: u64 }
    142 / 1 MarkDeleted { name: String }
    143 / 2 HistoryCompacted { resources: Vec<Resource>, marks: Map<String, Mark> }
}
