//! Events of tags, applied.

use std::sync::Arc;

use crate::model::state::State;
use crate::model::tags::event::TagEvent;
use crate::model::tags::{TaggedResource, mapping_key, provider_key};

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
