//! Recursion and runtime management of functions.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::model::function_settings::command::FunctionSettingsCommand;
use crate::model::function_settings::decide::version;
use crate::model::function_settings::{RuntimeManagement, RuntimeUpdate};
use crate::model::names::FunctionKey;
use crate::model::reference::FunctionReference;
use crate::model::state::State;
use crate::protocol::answer::{Answer, json};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::services::Services;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::GET_FUNCTION_RECURSION_CONFIG => get_recursion),
    operation!(requests::PUT_FUNCTION_RECURSION_CONFIG => put_recursion),
    operation!(requests::GET_RUNTIME_MANAGEMENT_CONFIG => get_runtime),
    operation!(requests::PUT_RUNTIME_MANAGEMENT_CONFIG => put_runtime),
];

const ALLOW: &str = "Allow";
const TERMINATE: &str = "Terminate";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecursionRequest {
    recursive_loop: String,
}

/// The answer to both operations on recursion.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RecursionConfig {
    recursive_loop: &'static str,
}

impl RecursionConfig {
    fn new(allows: bool) -> Self {
        Self { recursive_loop: if allows { ALLOW } else { TERMINATE } }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RuntimeRequest {
    update_runtime_on: String,
    runtime_version_arn: Option<String>,
}

/// The answer to both operations on runtime management; the ARN is `null` where there is none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RuntimeManagementConfig {
    update_runtime_on: &'static str,
    function_arn: String,
    runtime_version_arn: Option<String>,
}

/// `GetFunctionRecursionConfig`.
pub async fn get_recursion(services: &Services, call: Call) -> Answer {
    let reference = call.function()?;
    let state = services.ledger.state();
    let function = state.function(&reference.key).ok_or_else(|| reference.not_found())?;
    json(StatusCode::OK, &RecursionConfig::new(function.allows_recursion))
}

/// `PutFunctionRecursionConfig`.
pub async fn put_recursion(services: &Services, mut call: Call) -> Answer {
    let key = call.function()?.key;
    let request: RecursionRequest = call.parse()?;
    let allows = request.recursive_loop == ALLOW;
    services.commit(FunctionSettingsCommand::PutRecursion { key, allows }, call.origin(), None).await?;
    json(StatusCode::OK, &RecursionConfig::new(allows))
}

/// `GetRuntimeManagementConfig`.
pub async fn get_runtime(services: &Services, call: Call) -> Answer {
    shown(&services.ledger.state(), &call.function()?)
}

/// `PutRuntimeManagementConfig`.
pub async fn put_runtime(services: &Services, mut call: Call) -> Answer {
    let reference = call.function()?;
    let request: RuntimeRequest = call.parse()?;
    let mode = RuntimeUpdate::parse(&request.update_runtime_on);
    let (key, qualifier): (FunctionKey, _) = (reference.key.clone(), reference.qualifier.clone());
    let management = RuntimeManagement { mode, runtime_version_arn: request.runtime_version_arn };
    let command = FunctionSettingsCommand::PutRuntimeManagement { key, qualifier, management };
    let committed = services.commit(command, call.origin(), None).await?;
    shown(&committed.state, &reference)
}

/// A version's runtime management, under the ARN the caller asked for.
fn shown(state: &State, reference: &FunctionReference) -> Answer {
    let version = version(state, &reference.key, reference.qualifier.as_ref())?;
    let function = state.function(&reference.key).ok_or_else(|| reference.not_found())?;
    let management = function.runtime_management.get(&version).cloned().unwrap_or_default();
    json(
        StatusCode::OK,
        &RuntimeManagementConfig {
            update_runtime_on: management.mode.as_str(),
            function_arn: reference.arn(),
            runtime_version_arn: management.runtime_version_arn,
        },
    )
}
