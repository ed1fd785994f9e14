//! Events of resource-based policies of functions.

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::policies::{Policy, Target};

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
