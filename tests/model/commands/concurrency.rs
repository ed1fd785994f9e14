//! Random commands about reserved and provisioned concurrency, and scaling.

use larder::model::concurrency::Scaling;
use larder::model::concurrency::command::ConcurrencyCommand;
use larder::model::state::State;
use proptest::prelude::*;

use super::functions::{key, qualifier};

pub fn command() -> impl Strategy<Value = ConcurrencyCommand> {
    prop_oneof![
        (key(), 0..1100_u32).prop_map(|(key, reserved)| ConcurrencyCommand::PutFunctionConcurrency { key, reserved }),
        key().prop_map(|key| ConcurrencyCommand::DeleteFunctionConcurrency { key }),
        (key(), qualifier(), 1..1100_u32).prop_map(|(key, qualifier, requested)| {
            ConcurrencyCommand::PutProvisionedConcurrency { key, qualifier, requested }
        }),
        (key(), qualifier())
            .prop_map(|(key, qualifier)| ConcurrencyCommand::DeleteProvisionedConcurrency { key, qualifier }),
        (key(), qualifier(), 0..4_u32).prop_map(|(key, qualifier, least)| ConcurrencyCommand::PutFunctionScaling {
            key,
            qualifier,
            scaling: Some(Scaling { least: Some(least), most: None }),
        }),
    ]
}

/// What settles every allocation that waits, well or badly.
pub fn settle(state: &State, well: bool) -> impl Iterator<Item = ConcurrencyCommand> {
    state.provisioning.iter().map(move |((key, qualifier), allocation)| {
        ConcurrencyCommand::SettleProvisionedConcurrency {
            key: key.clone(),
            qualifier: qualifier.clone(),
            allocation: *allocation,
            failure: (!well).then(|| "FUNCTION_ERROR_INIT_FAILURE".to_owned()),
        }
    })
}
