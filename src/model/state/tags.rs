//! Events of tags, applied.

use std::sync::Arc;

use super::State;
use crate::model::event::tags::TagEvent;
use crate::model::tags::TaggedResource;

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
        // No such resources are kept yet.
        TaggedResource::EventSourceMapping(..) | TaggedResource::CapacityProvider(..) => {}
    }
}
