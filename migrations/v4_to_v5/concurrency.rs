//! Shapes of schema 4: concurrency.

use serde::{Deserialize, Serialize};

use super::keys::FunctionKey;
use crate::ledger::shapes::text::Id;

shape! {
    ProvisionedConcurrency {
        requested: u32, allocated: u32, status: ProvisionedStatus, modified: u64, allocation: Id,
    }
    Scaling { least: Option<u32>, most: Option<u32> }
}

#[derive(Serialize, Deserialize)]
pub enum ProvisionedStatus {
    InProgress,
    Ready,
    Failed(String),
}

events! {
    50 / 1 FunctionConcurrencyPut { key: FunctionKey, reserved: u32 }
    51 / 1 FunctionConcurrencyDeleted { key: FunctionKey }
    52 / 1 ProvisionedConcurrencyPut { key: FunctionKey, qualifier: String, provisioned: ProvisionedConcurrency }
    53 / 1 ProvisionedConcurrencyDeleted { key: FunctionKey, qualifier: String }
    54 / 1 ProvisionedConcurrencySettled { key: FunctionKey, qualifier: String, failure: Option<String> }
    55 / 1 FunctionScalingPut { key: FunctionKey, qualifier: String, scaling: Option<Scaling> }
}
