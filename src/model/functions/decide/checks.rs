//! Checks that several decisions share.

use crate::model::arn;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::{Function, FunctionState, UpdateStatus};
use crate::model::limits::Limits;
use crate::model::names::Scope;
use crate::model::state::State;

/// Refuses a function that is `Pending` or being updated (`test_lambda_concurrent_code_updates`).
pub fn check_settled(function: &Function) -> Result<(), ApiError> {
    let latest = &function.latest;
    let arn = arn::function(&function.key);
    if latest.state == FunctionState::Pending {
        return Err(ApiError::conflict(format!(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending \
             for resource: {arn}"
        )));
    }

    if latest.last_update == Some(UpdateStatus::InProgress) {
        return Err(ApiError::conflict(format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {arn}"
        )));
    }

    Ok(())
}

/// Refuses code beyond the account's total.
pub fn check_storage(state: &State, scope: &Scope, growth: u64, limits: &Limits) -> Result<(), ApiError> {
    if state.usage(scope).code_size.saturating_add(growth) > limits.total_code_size {
        return Err(ApiError::new(ErrorCode::CodeStorageExceeded, "Code storage limit exceeded."));
    }
    Ok(())
}
