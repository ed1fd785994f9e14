//! Decisions about tags.

use super::command::TagCommand;
use super::event::TagEvent;
use super::{TaggedResource, Tags};
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::ApiError;
use crate::model::limits::Limits;
use crate::model::state::State;
use crate::model::tags;

/// Decides a command on the current state.
pub fn decide(state: &State, command: &TagCommand, stamp: &Stamp, _limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        TagCommand::Tag { resource, tags: given } => {
            let mut all = existing(state, resource)?.clone();
            all.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
            tags::check(given.keys(), all.len())?;
            Ok(put(resource, all, stamp))
        }
        TagCommand::Untag { resource, names } => {
            let mut all = existing(state, resource)?.clone();
            all.retain(|name, _| !names.contains(name));
            Ok(put(resource, all, stamp))
        }
    }
}

fn existing<'a>(state: &'a State, resource: &TaggedResource) -> Result<&'a Tags, ApiError> {
    resource.tags(state).ok_or_else(|| resource.not_found())
}

fn put(resource: &TaggedResource, tags: Tags, stamp: &Stamp) -> Decision {
    TagEvent::TagsPut { resource: resource.clone(), tags, revision: stamp.revision(0) }.into()
}
