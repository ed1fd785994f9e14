//! Events of reserved and provisioned concurrency, and scaling.

use strum::IntoStaticStr;

use crate::model::concurrency::{ProvisionedConcurrency, Scaling};
use crate::model::event::Subject;
use crate::model::names::FunctionKey;
use crate::model::qualifier::Qualifier;

/// What happened to reserved and provisioned concurrency, and scaling.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum ConcurrencyEvent {
    /// Concurrent executions were reserved for a function.
    FunctionConcurrencyPut {
        /// The function.
        key: FunctionKey,
        /// How many.
        reserved: u32,
    },
    /// A function's reservation is gone.
    FunctionConcurrencyDeleted {
        /// The function.
        key: FunctionKey,
    },
    /// Provisioned concurrency was asked for, or its allocation began anew: the whole of it.
    ProvisionedConcurrencyPut {
        /// The function.
        key: FunctionKey,
        /// The version or alias.
        qualifier: Qualifier,
        /// The configuration.
        provisioned: ProvisionedConcurrency,
    },
    /// Provisioned concurrency is gone.
    ProvisionedConcurrencyDeleted {
        /// The function.
        key: FunctionKey,
        /// The version or alias.
        qualifier: Qualifier,
    },
    /// An allocation ended.
    ProvisionedConcurrencySettled {
        /// The function.
        key: FunctionKey,
        /// The version or alias.
        qualifier: Qualifier,
        /// Why nothing could be allocated.
        failure: Option<String>,
    },
    /// How a version scales was set.
    FunctionScalingPut {
        /// The function.
        key: FunctionKey,
        /// The version.
        qualifier: Qualifier,
        /// `None`: as AWS decides.
        scaling: Option<Scaling>,
    },
}

impl ConcurrencyEvent {
    /// The function it is about.
    pub fn key(&self) -> &FunctionKey {
        match self {
            Self::FunctionConcurrencyPut { key, .. }
            | Self::FunctionConcurrencyDeleted { key }
            | Self::ProvisionedConcurrencyPut { key, .. }
            | Self::ProvisionedConcurrencyDeleted { key, .. }
            | Self::ProvisionedConcurrencySettled { key, .. }
            | Self::FunctionScalingPut { key, .. } => key,
        }
    }

    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        Subject::function(self.key())
    }
}
