//! Event-invoke configurations.

use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::paging;
use crate::model::arn;
use crate::model::error::ApiError;
use crate::model::event_invoke::command::{EventInvokeCommand, SetEventInvoke};
use crate::model::event_invoke::decide::{function_not_found, not_found};
use crate::model::event_invoke::{Destinations, EventInvoke};
use crate::model::names::FunctionKey;
use crate::model::qualifier::{Qualifier, Version};
use crate::protocol::answer::{Answer, json, no_content};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::services::Services;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::DELETE_FUNCTION_EVENT_INVOKE_CONFIG => delete),
    operation!(requests::GET_FUNCTION_EVENT_INVOKE_CONFIG => get),
    operation!(requests::LIST_FUNCTION_EVENT_INVOKE_CONFIGS => list),
    operation!(requests::PUT_FUNCTION_EVENT_INVOKE_CONFIG => put),
    operation!(requests::UPDATE_FUNCTION_EVENT_INVOKE_CONFIG => update),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetRequest {
    maximum_retry_attempts: Option<u32>,
    maximum_event_age_in_seconds: Option<u32>,
    destination_config: Option<DestinationConfig>,
}

/// `DestinationConfig`; answers have both members, whatever was given.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DestinationConfig {
    on_success: Option<Destination>,
    on_failure: Option<Destination>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
}

impl From<DestinationConfig> for Destinations {
    fn from(config: DestinationConfig) -> Self {
        let arn = |given: Option<Destination>| given?.destination.filter(|arn| !arn.is_empty());
        Self { on_success: arn(config.on_success), on_failure: arn(config.on_failure) }
    }
}

impl From<&Destinations> for DestinationConfig {
    fn from(destinations: &Destinations) -> Self {
        let shown = |arn: &Option<String>| Some(Destination { destination: arn.clone() });
        Self { on_success: shown(&destinations.on_success), on_failure: shown(&destinations.on_failure) }
    }
}

/// `FunctionEventInvokeConfig`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionEventInvokeConfig {
    /// Seconds since the epoch.
    last_modified: f64,
    function_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<u32>,
    destination_config: DestinationConfig,
}

impl FunctionEventInvokeConfig {
    fn new(key: &FunctionKey, qualifier: &Qualifier, config: &EventInvoke) -> Self {
        Self {
            last_modified: Duration::from_millis(config.modified.0).as_secs_f64(),
            function_arn: arn::qualified(key, qualifier),
            maximum_retry_attempts: config.retry_attempts,
            maximum_event_age_in_seconds: config.event_age_s,
            destination_config: DestinationConfig::from(&config.destinations),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EventInvokeList {
    function_event_invoke_configs: Vec<FunctionEventInvokeConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// `PutFunctionEventInvokeConfig`.
pub async fn put(services: &Services, call: Call) -> Answer {
    set(services, call, EventInvokeCommand::PutEventInvoke).await
}

/// `UpdateFunctionEventInvokeConfig`.
pub async fn update(services: &Services, call: Call) -> Answer {
    set(services, call, EventInvokeCommand::UpdateEventInvoke).await
}

async fn set(services: &Services, mut call: Call, command: fn(SetEventInvoke) -> EventInvokeCommand) -> Answer {
    let (key, qualifier) = target(&call)?;
    let request: SetRequest = call.parse()?;
    let command = command(SetEventInvoke {
        key: key.clone(),
        qualifier: qualifier.clone(),
        retry_attempts: request.maximum_retry_attempts,
        event_age_s: request.maximum_event_age_in_seconds,
        destinations: request.destination_config.map(Destinations::from),
    });
    let committed = services.commit(command, call.origin(), None).await?;
    let config = committed.state.function(&key).and_then(|function| function.event_invoke.get(&qualifier));
    let config = config.ok_or_else(|| not_found(&key, &qualifier))?;

    json(StatusCode::OK, &FunctionEventInvokeConfig::new(&key, &qualifier, config))
}

/// `GetFunctionEventInvokeConfig`.
pub async fn get(services: &Services, call: Call) -> Answer {
    let (key, qualifier) = target(&call)?;
    let state = services.ledger.state();
    let config = state.function(&key).and_then(|function| function.event_invoke.get(&qualifier));
    let config = config.ok_or_else(|| not_found(&key, &qualifier))?;
    json(StatusCode::OK, &FunctionEventInvokeConfig::new(&key, &qualifier, config))
}

/// `DeleteFunctionEventInvokeConfig`.
pub async fn delete(services: &Services, call: Call) -> Answer {
    let (key, qualifier) = target(&call)?;
    services.commit(EventInvokeCommand::DeleteEventInvoke { key, qualifier }, call.origin(), None).await?;
    no_content()
}

/// `ListFunctionEventInvokeConfigs`.
pub async fn list(services: &Services, call: Call) -> Answer {
    let key = call.function()?.key;
    let state = services.ledger.state();
    let function = state.function(&key).ok_or_else(function_not_found)?;
    let configs = function.event_invoke.iter();
    let configs = configs.map(|(qualifier, config)| FunctionEventInvokeConfig::new(&key, qualifier, config));
    let (function_event_invoke_configs, next_marker) =
        paging::by_arn(&call, configs, |config| config.function_arn.clone());
    json(StatusCode::OK, &EventInvokeList { function_event_invoke_configs, next_marker })
}

/// The version or alias a call is about; `$LATEST` where it names none.
fn target(call: &Call) -> Result<(FunctionKey, Qualifier), ApiError> {
    let reference = call.function()?;
    Ok((reference.key, reference.qualifier.unwrap_or(Qualifier::Version(Version::Latest))))
}
