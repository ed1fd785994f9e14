//! Events of resource-based policies of functions, and what they do to the state.

use std::sync::Arc;

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::functions::Function;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::policies::{Policy, Target};
use crate::model::state::State;

/// What happened to resource-based policies of functions.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum PolicyEvent {
    /// A policy came to be or changed: the whole of it. What it is attached to has its revision now.
    PolicyPut {
        /// The function.
        key: FunctionKey,
        /// What of it.
        target: Target,
        /// The policy.
        policy: Policy,
    },
    /// A policy is gone.
    PolicyDeleted {
        /// The function.
        key: FunctionKey,
        /// What of it.
        target: Target,
        /// New revision of what it was attached to.
        revision: RevisionId,
    },
}

impl PolicyEvent {
    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        let (Self::PolicyPut { key, .. } | Self::PolicyDeleted { key, .. }) = self;
        Subject::function(key)
    }
}

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
