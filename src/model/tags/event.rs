//! Events of tags, and what they do to the state.

use std::sync::Arc;

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::names::RevisionId;
use crate::model::state::State;
use crate::model::tags::{TaggedResource, Tags, mapping_key, provider_key};

/// What happened to tags.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum TagEvent {
    /// A resource's tags changed: all it has now.
    TagsPut {
        /// The resource.
        resource: TaggedResource,
        /// All its tags.
        tags: Tags,
        /// The new revision of a function's `$LATEST`.
        revision: RevisionId,
    },
}

impl TagEvent {
    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        let Self::TagsPut { resource, .. } = self;
        Subject { arn: resource.arn(), scope: resource.scope().clone(), name: resource.name().to_owned() }
    }
}

/// Folds one event.
pub fn apply(state: &mut State, event: &TagEvent) {
    let TagEvent::TagsPut { resource, tags, revision } = event;
    match resource {
        // Tags change a function's revision (`test_tag_lifecycle`), not its deployment.
        TaggedResource::Function(key) => state.change_function(key, |function| {
            function.tags.clone_from(tags);
            Arc::make_mut(&mut function.latest).revision = *revision;
        }),
        TaggedResource::CodeSigningConfig(key) => {
            if let Some(config) = state.code_signing_configs.get_mut(key) {
                Arc::make_mut(config).tags.clone_from(tags);
            }
        }
        TaggedResource::EventSourceMapping(scope, uuid) => {
            if let Some(key) = mapping_key(scope, uuid) {
                state.change_mapping(&key, |mapping| mapping.tags.clone_from(tags));
            }
        }
        TaggedResource::CapacityProvider(scope, name) => {
            if let Some(provider) = state.capacity_providers.get_mut(&provider_key(scope, name)) {
                Arc::make_mut(provider).tags.clone_from(tags);
            }
        }
    }
}
