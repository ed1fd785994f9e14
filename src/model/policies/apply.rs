//! Events of resource-based policies of functions, applied.

use std::sync::Arc;

use crate::model::functions::Function;
use crate::model::names::RevisionId;
use crate::model::policies::Target;
use crate::model::policies::event::PolicyEvent;
use crate::model::state::State;

/// Folds one event.
pub fn apply(state: &mut State, event: &PolicyEvent) {
    match event {
        PolicyEvent::PolicyPut { key, target, policy } => state.change_function(key, |function| {
            function.policies.insert(target.clone(), Arc::new(policy.clone()));
            revise(function, target, policy.revision);
        }),
        PolicyEvent::PolicyDeleted { key, target, revision } => state.change_function(key, |function| {
            function.policies.remove(target);
            revise(function, target, *revision);
        }),
    }
}

/// Gives what a policy is attached to another revision.
fn revise(function: &mut Function, target: &Target, revision: RevisionId) {
    match target {
        Target::Function => Arc::make_mut(&mut function.latest).revision = revision,
        Target::LatestPublished => {
            if let Some(version) = &mut function.latest_published {
                Arc::make_mut(version).revision = revision;
            }
        }
        Target::Version(number) => {
            if let Some(version) = function.versions.get_mut(number) {
                Arc::make_mut(version).revision = revision;
            }
        }
        Target::Alias(name) => {
            if let Some(alias) = function.aliases.get_mut(name) {
                Arc::make_mut(alias).revision = revision;
            }
        }
    }
}
