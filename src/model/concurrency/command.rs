//! Commands about reserved and provisioned concurrency, and scaling.

use crate::model::concurrency::Scaling;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::qualifier::Qualifier;

/// A wish to change reserved and provisioned concurrency, and scaling.
#[derive(Debug, Clone, PartialEq)]
pub enum ConcurrencyCommand {
    /// The function exists; enough stays unreserved, and for what is provisioned.
    PutFunctionConcurrency {
        /// The function.
        key: FunctionKey,
        /// Concurrent executions to reserve.
        reserved: u32,
    },
    /// The function exists.
    DeleteFunctionConcurrency {
        /// The function.
        key: FunctionKey,
    },
    /// The version or alias exists, has no rival, and the reservation or the account has enough.
    PutProvisionedConcurrency {
        /// The function.
        key: FunctionKey,
        /// A published version or an alias.
        qualifier: Qualifier,
        /// Environments to provision.
        requested: u32,
    },
    /// The version or alias exists. Deleting what is not there succeeds, as on AWS.
    DeleteProvisionedConcurrency {
        /// The function.
        key: FunctionKey,
        /// A published version or an alias.
        qualifier: Qualifier,
    },
    /// Ends an allocation, badly if there is a reason or the version has one; nothing happens if it is not
    /// the current one, or if the version is still `Pending`.
    SettleProvisionedConcurrency {
        /// The function.
        key: FunctionKey,
        /// A published version or an alias.
        qualifier: Qualifier,
        /// The allocation that was looked at.
        allocation: RevisionId,
        /// `StatusReason`: why its environments could not be made.
        failure: Option<String>,
    },
    /// The version exists and runs on managed instances.
    PutFunctionScaling {
        /// The function.
        key: FunctionKey,
        /// A published version.
        qualifier: Qualifier,
        /// `None`: as AWS decides.
        scaling: Option<Scaling>,
    },
}
