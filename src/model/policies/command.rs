//! Commands about resource-based policies of functions.

use crate::model::names::FunctionKey;
use crate::model::policies::Grant;
use crate::model::policies::document::Document;
use crate::model::qualifier::Qualifier;

/// A wish to change resource-based policies of functions.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicyCommand {
    /// The function, version or alias exists, the statement id is free, the revision is the current one.
    AddPermission {
        /// Whose policy.
        place: Place,
        /// What is allowed.
        grant: Grant,
    },
    /// The policy has the statement, and the revision.
    RemovePermission {
        /// Whose policy.
        place: Place,
        /// The statement's id.
        sid: String,
    },
    /// The function, version or alias exists; the whole policy is replaced.
    PutResourcePolicy {
        /// Whose policy.
        place: Place,
        /// The new policy.
        document: Document,
    },
    /// There is a policy, and it has the revision.
    DeleteResourcePolicy {
        /// Whose policy.
        place: Place,
    },
}

/// Whose policy is to change, and from which state.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The function.
    pub key: FunctionKey,
    /// A version or alias of it.
    pub qualifier: Option<Qualifier>,
    /// The revision the caller knows.
    pub revision: Option<String>,
}
