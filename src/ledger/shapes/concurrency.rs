//! Reserved and provisioned concurrency, and scaling, as stored.

use serde::{Deserialize, Serialize};

use super::stored::{FunctionKey, Stored};
use super::text::Id;
use crate::model::concurrency;
use crate::model::concurrency::event::ConcurrencyEvent;

/// `Status`; one that failed says why.
#[derive(Serialize, Deserialize)]
pub(super) enum ProvisionedStatus {
    InProgress,
    Ready,
    Failed(String),
}

impl Stored<concurrency::ProvisionedStatus> for ProvisionedStatus {
    fn store(model: &concurrency::ProvisionedStatus) -> Self {
        match model {
            concurrency::ProvisionedStatus::InProgress => Self::InProgress,
            concurrency::ProvisionedStatus::Ready => Self::Ready,
            concurrency::ProvisionedStatus::Failed(reason) => Self::Failed(reason.clone()),
        }
    }
    fn load(self) -> concurrency::ProvisionedStatus {
        match self {
            Self::InProgress => concurrency::ProvisionedStatus::InProgress,
            Self::Ready => concurrency::ProvisionedStatus::Ready,
            Self::Failed(reason) => concurrency::ProvisionedStatus::Failed(reason),
        }
    }
}

shape! {
    ProvisionedConcurrency = concurrency::ProvisionedConcurrency {
        requested: u32, allocated: u32, status: ProvisionedStatus, modified: u64, allocation: Id,
    }
    Scaling = concurrency::Scaling { least: Option<u32>, most: Option<u32> }
}

events! { ConcurrencyEvent {
    50 FunctionConcurrencyPut { key: FunctionKey, reserved: u32 }
    51 FunctionConcurrencyDeleted { key: FunctionKey }
    52 ProvisionedConcurrencyPut { key: FunctionKey, qualifier: String, provisioned: ProvisionedConcurrency }
    53 ProvisionedConcurrencyDeleted { key: FunctionKey, qualifier: String }
    54 ProvisionedConcurrencySettled { key: FunctionKey, qualifier: String, failure: Option<String> }
    55 FunctionScalingPut { key: FunctionKey, qualifier: String, scaling: Option<Scaling> }
} }
