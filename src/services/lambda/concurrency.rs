//! Operations on reserved and provisioned concurrency.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::scaling;
use crate::model::arn;
use crate::model::concurrency::command::ConcurrencyCommand;
use crate::model::concurrency::decide::{provisionable, provisioned_not_found, unpublished};
use crate::model::concurrency::{ProvisionedConcurrency, ProvisionedStatus};
use crate::model::error::ApiError;
use crate::model::functions::Function;
use crate::model::names::FunctionKey;
use crate::model::qualifier::{Qualifier, Version};
use crate::protocol::answer::{Answer, json as answer_json, no_content};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::services::Services;
use crate::services::lambda::paging::PAGING;
use crate::services::lambda::shapes::requests;

/// The operations of this file, and those of scaling.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::DELETE_FUNCTION_CONCURRENCY => delete),
    operation!(requests::DELETE_PROVISIONED_CONCURRENCY_CONFIG => delete_provisioned),
    operation!(requests::GET_FUNCTION_CONCURRENCY => get),
    operation!(requests::GET_FUNCTION_SCALING_CONFIG => scaling::get),
    operation!(requests::GET_PROVISIONED_CONCURRENCY_CONFIG => get_provisioned),
    operation!(requests::LIST_PROVISIONED_CONCURRENCY_CONFIGS => list_provisioned),
    operation!(requests::PUT_FUNCTION_CONCURRENCY => put),
    operation!(requests::PUT_FUNCTION_SCALING_CONFIG => scaling::put),
    operation!(requests::PUT_PROVISIONED_CONCURRENCY_CONFIG => put_provisioned),
];

/// `ProvisionedConcurrencyConfigListItem`; without the ARN what is answered about one.
// The names are the API's.
#[allow(clippy::struct_field_names)]
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Provisioned<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    function_arn: Option<String>,
    requested_provisioned_concurrent_executions: u32,
    available_provisioned_concurrent_executions: u32,
    allocated_provisioned_concurrent_executions: u32,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<&'a str>,
    last_modified: String,
}

impl<'a> Provisioned<'a> {
    /// That of a version or alias.
    fn of(services: &Services, function: &'a Function, qualifier: &Qualifier) -> Result<Self, ApiError> {
        let provisioned = function.provisioned_concurrency.get(qualifier).ok_or_else(provisioned_not_found)?;
        Ok(Self::new(provisioned, services.invoker.provisioned(function, qualifier)))
    }

    /// With the environments that are there: some may have ended, and not be there again yet.
    fn new(provisioned: &'a ProvisionedConcurrency, there: u32) -> Self {
        let there = there.min(provisioned.requested);
        let (status, status_reason) = match &provisioned.status {
            ProvisionedStatus::InProgress => ("IN_PROGRESS", None),
            ProvisionedStatus::Ready => ("READY", None),
            ProvisionedStatus::Failed(reason) => ("FAILED", Some(reason.as_str())),
        };
        Self {
            function_arn: None,
            requested_provisioned_concurrent_executions: provisioned.requested,
            available_provisioned_concurrent_executions: there,
            allocated_provisioned_concurrent_executions: there,
            status,
            status_reason,
            last_modified: provisioned.modified.to_string(),
        }
    }

    fn listed(self, key: &FunctionKey, qualifier: &Qualifier) -> Self {
        Self { function_arn: Some(arn::qualified(key, qualifier)), ..self }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProvisionedList<'a> {
    provisioned_concurrency_configs: Vec<Provisioned<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// `PutFunctionConcurrency`.
pub async fn put(services: &Services, call: Call) -> Answer {
    let key = whole(&call)?;
    let reserved = number(&call, "ReservedConcurrentExecutions");
    let command = ConcurrencyCommand::PutFunctionConcurrency { key, reserved };
    services.commit(command, call.origin(), None).await?;
    answer_json(StatusCode::OK, &json!({ "ReservedConcurrentExecutions": reserved }))
}

/// `GetFunctionConcurrency`; of a function without a reservation it says nothing.
pub async fn get(services: &Services, call: Call) -> Answer {
    let key = whole(&call)?;
    let state = services.ledger.state();
    let function = state.function(&key).ok_or_else(|| ApiError::function_not_found(&arn::function(&key)))?;
    let answer = match function.reserved_concurrency {
        Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
        None => json!({}),
    };
    answer_json(StatusCode::OK, &answer)
}

/// `DeleteFunctionConcurrency`.
pub async fn delete(services: &Services, call: Call) -> Answer {
    let key = whole(&call)?;
    services.commit(ConcurrencyCommand::DeleteFunctionConcurrency { key }, call.origin(), None).await?;
    no_content()
}

/// The function of a call that is about all of it (`test_function_concurrency_exceptions`).
fn whole(call: &Call) -> Result<FunctionKey, ApiError> {
    let reference = call.function()?;
    if reference.qualifier.is_some() {
        return Err(ApiError::invalid_parameter(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
             Please specify either a function name or an unqualified function ARN.",
        ));
    }
    Ok(reference.key)
}

fn number(call: &Call, name: &str) -> u32 {
    // The shape has checked that it is there and fits.
    call.number(name).and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

/// `PutProvisionedConcurrencyConfig`.
pub async fn put_provisioned(services: &Services, call: Call) -> Answer {
    let (key, qualifier) = published(&call, unpublished)?;
    let requested = number(&call, "ProvisionedConcurrentExecutions");
    let function = key.clone();
    let name = qualifier.clone();
    let command = ConcurrencyCommand::PutProvisionedConcurrency { key, qualifier, requested };
    let committed = services.commit(command, call.origin(), None).await?;
    let function = provisionable(&committed.state, &function, &name)?;
    let put = function.provisioned_concurrency.get(&name).ok_or_else(provisioned_not_found)?;

    // Those that a former allocation left, which may just be ending, are not this one's.
    answer_json(StatusCode::ACCEPTED, &Provisioned::new(put, put.allocated))
}

/// `GetProvisionedConcurrencyConfig`.
pub async fn get_provisioned(services: &Services, call: Call) -> Answer {
    let (key, qualifier) = published(&call, not_published)?;
    let state = services.ledger.state();
    let function = provisionable(&state, &key, &qualifier)?;
    answer_json(StatusCode::OK, &Provisioned::of(services, function, &qualifier)?)
}

/// `DeleteProvisionedConcurrencyConfig`.
pub async fn delete_provisioned(services: &Services, call: Call) -> Answer {
    let (key, qualifier) = published(&call, not_published)?;
    let command = ConcurrencyCommand::DeleteProvisionedConcurrency { key, qualifier };
    services.commit(command, call.origin(), None).await?;
    no_content()
}

/// `ListProvisionedConcurrencyConfigs`.
pub async fn list_provisioned(services: &Services, call: Call) -> Answer {
    let key = call.function()?.key;
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    let function = state.function(&key).ok_or_else(|| ApiError::function_not_found(&arn::function(&key)))?;
    let after = page.after().map(Qualifier::parse);
    let all = function.provisioned_concurrency.iter();
    let all = all.filter(|(qualifier, _)| after.as_ref().is_none_or(|after| *qualifier > after));
    let (found, next_marker) = page.take(all, |(qualifier, _)| qualifier.to_string());
    let provisioned_concurrency_configs = found
        .into_iter()
        .map(|(qualifier, provisioned)| {
            let there = services.invoker.provisioned(function, qualifier);
            Provisioned::new(provisioned, there).listed(&key, qualifier)
        })
        .collect();

    answer_json(StatusCode::OK, &ProvisionedList { provisioned_concurrency_configs, next_marker })
}

/// The function and the version or alias of a call; `$LATEST` gets the given error.
fn published(call: &Call, refused: fn() -> ApiError) -> Result<(FunctionKey, Qualifier), ApiError> {
    let reference = call.function()?;
    match reference.qualifier {
        // The shape has checked that there is one.
        None | Some(Qualifier::Version(Version::Latest)) => Err(refused()),
        Some(qualifier) => Ok((reference.key, qualifier)),
    }
}

fn not_published() -> ApiError {
    ApiError::invalid_parameter("The function resource provided must be an alias or a published version.")
}
