//! Tags, as stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::code_signing::CodeSigningKey;
use super::stored::{FunctionKey, Scope, Stored};
use super::text::Id;
use crate::model::tags;
use crate::model::tags::event::TagEvent;

/// The kind of a resource is its place: a new one comes last.
#[derive(Serialize, Deserialize)]
enum TaggedResource {
    Function(FunctionKey),
    CodeSigningConfig(CodeSigningKey),
    EventSourceMapping(Scope, String),
    CapacityProvider(Scope, String),
}

impl Stored<tags::TaggedResource> for TaggedResource {
    fn store(model: &tags::TaggedResource) -> Self {
        match model {
            tags::TaggedResource::Function(key) => Self::Function(Stored::store(key)),
            tags::TaggedResource::CodeSigningConfig(key) => Self::CodeSigningConfig(Stored::store(key)),
            tags::TaggedResource::EventSourceMapping(scope, uuid) => {
                Self::EventSourceMapping(Stored::store(scope), uuid.clone())
            }
            tags::TaggedResource::CapacityProvider(scope, name) => {
                Self::CapacityProvider(Stored::store(scope), name.clone())
            }
        }
    }
    fn load(self) -> tags::TaggedResource {
        match self {
            Self::Function(key) => tags::TaggedResource::Function(key.load()),
            Self::CodeSigningConfig(key) => tags::TaggedResource::CodeSigningConfig(key.load()),
            Self::EventSourceMapping(scope, uuid) => tags::TaggedResource::EventSourceMapping(scope.load(), uuid),
            Self::CapacityProvider(scope, name) => tags::TaggedResource::CapacityProvider(scope.load(), name),
        }
    }
}

events! { TagEvent {
    65 TagsPut { resource: TaggedResource, tags: BTreeMap<String, String>, revision: Id }
} }
