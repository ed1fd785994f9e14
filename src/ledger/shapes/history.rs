//! History's own events, as stored; and resources of all kinds, in frames and as JSON.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::capacity_providers::{CapacityProvider, CapacityProviderKey};
use super::code_signing::{CodeSigningConfig, CodeSigningKey};
use super::event_sources::{EventSourceMapping, MappingKey};
use super::functions::Function;
use super::iam::{EntityKey, Group, InstanceProfile, Policy, Role, User};
use super::layers::{Layer, LayerKey};
use super::logs::{LogGroup, LogGroupKey, LogStream, LogStreamKey};
use super::queues::{Queue, QueueKey};
use super::stored::{FunctionKey, Stored};
use super::text::Map;
use crate::model::history::event::HistoryEvent;
use crate::model::{history, resource};

/// Declares the kinds of resources; one's number is its place, so that a new one comes last. In JSON a kind is
/// named as in ARNs and on the command line.
macro_rules! resources {
    ($($name:literal $kind:ident($key:ty, $value:ty),)*) => {
        /// A resource's place.
        #[derive(Serialize, Deserialize)]
        pub(super) enum ResourceKey {
            $(#[serde(rename = $name)] $kind($key),)*
        }

        /// A resource, whole.
        #[derive(Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) enum Resource {
            $(
                /// Its place beside it, which some values do not hold themselves.
                #[serde(rename = $name)]
                $kind { at: $key, is: Box<$value> },
            )*
        }

        impl Stored<resource::ResourceKey> for ResourceKey {
            fn store(model: &resource::ResourceKey) -> Self {
                match model { $(resource::ResourceKey::$kind(key) => Self::$kind(Stored::store(key)),)* }
            }
            fn load(self) -> resource::ResourceKey {
                match self { $(Self::$kind(key) => resource::ResourceKey::$kind(key.load()),)* }
            }
        }

        impl Stored<resource::Resource> for Resource {
            fn store(model: &resource::Resource) -> Self {
                match model {
                    $(resource::Resource::$kind(key, value) => {
                        Self::$kind { at: Stored::store(key), is: Box::new(Stored::store(value)) }
                    })*
                }
            }
            fn load(self) -> resource::Resource {
                match self { $(Self::$kind { at, is } => resource::Resource::$kind(at.load(), (*is).load()),)* }
            }
        }
    };
}
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
    "queue" Queue(QueueKey, Queue),
}

shape! {
    Changes = resource::Changes { put: Vec<Resource>, removed: Vec<ResourceKey> }
    Mark = history::Mark { sequence: u64, time: u64 }
}

/// Why many resources changed at once.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum Cause {
    Rewind { to: u64, mark: Option<String>, only: Vec<String> },
    PodLoaded { digest: String, source: String, message: Option<String>, strategy: String },
}

impl Stored<history::Cause> for Cause {
    fn store(model: &history::Cause) -> Self {
        match model.clone() {
            history::Cause::Rewind { to, mark, only } => Self::Rewind { to, mark, only },
            history::Cause::PodLoaded { digest, source, message, strategy } => {
                Self::PodLoaded { digest, source, message, strategy }
            }
        }
    }
    fn load(self) -> history::Cause {
        match self {
            Self::Rewind { to, mark, only } => history::Cause::Rewind { to, mark, only },
            Self::PodLoaded { digest, source, message, strategy } => {
                history::Cause::PodLoaded { digest, source, message, strategy }
            }
        }
    }
}

events! { HistoryEvent {
    140 StateRestored { cause: Cause, changes: Changes }
    141 MarkPut { name: String, time: u64 }
    142 MarkDeleted { name: String }
    143 HistoryCompacted { resources: Vec<Resource>, marks: Map<String, Mark> }
} }

/// A resource as JSON.
pub(in crate::ledger) fn resource_to_json(model: &resource::Resource) -> serde_json::Result<Value> {
    serde_json::to_value(Resource::store(model))
}

/// The same, into a serializer.
pub(in crate::ledger) fn serialize_resource<S: Serializer>(
    model: &resource::Resource,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    Resource::store(model).serialize(serializer)
}

/// Reads what [`resource_to_json`] wrote.
pub(in crate::ledger) fn resource_from_json(json: Value) -> serde_json::Result<resource::Resource> {
    serde_json::from_value::<Resource>(json).map(Stored::load)
}
