//! How versions of functions on managed instances scale.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::concurrency::Scaling;
use crate::model::concurrency::command::ConcurrencyCommand;
use crate::model::functions::FunctionState;
use crate::model::qualifier::Qualifier;
use crate::protocol::answer::{Answer, json as answer_json};
use crate::protocol::call::Call;
use crate::protocol::error::fault;
use crate::services::Services;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRequest {
    function_scaling_config: Option<ScalingConfig>,
}

/// `FunctionScalingConfig`.
#[derive(Debug, Deserialize, Serialize)]
struct ScalingConfig {
    #[serde(rename = "MinExecutionEnvironments", skip_serializing_if = "Option::is_none")]
    least: Option<u32>,
    #[serde(rename = "MaxExecutionEnvironments", skip_serializing_if = "Option::is_none")]
    most: Option<u32>,
}

/// `PutFunctionScalingConfig`. It is in effect at once.
pub async fn put(services: &Services, mut call: Call) -> Answer {
    let reference = call.function()?;
    let request: PutRequest = call.parse()?;
    let key = reference.key.clone();
    let qualifier = reference.qualifier.clone().ok_or_else(|| reference.not_found())?;
    let scaling = request.function_scaling_config.map(|config| Scaling { least: config.least, most: config.most });
    let command = ConcurrencyCommand::PutFunctionScaling { key, qualifier, scaling };
    let committed = services.commit(command, call.origin(), None).await?;
    let function = committed.state.function(&reference.key);
    let version = function.and_then(|function| function.resolve(reference.qualifier.as_ref()));
    let version = version.ok_or_else(|| fault(&reference.not_found()))?;
    let state = match version.state {
        FunctionState::Pending => "Pending",
        FunctionState::Active => "Active",
        FunctionState::Failed(_) => "Failed",
    };

    answer_json(StatusCode::ACCEPTED, &json!({ "FunctionState": state }))
}

/// `GetFunctionScalingConfig`. What is requested is shown only until it is applied
/// (<https://www.pulumi.com/registry/packages/aws/api-docs/lambda/functionscalingconfig/>), so here never.
pub async fn get(services: &Services, call: Call) -> Answer {
    let reference = call.function()?;
    let state = services.ledger.state();
    let function = state.function(&reference.key).ok_or_else(|| reference.not_found())?;
    function.resolve(reference.qualifier.as_ref()).ok_or_else(|| reference.not_found())?;
    let scaling = reference.qualifier.as_ref().and_then(|qualifier: &Qualifier| function.scaling.get(qualifier));
    let mut answer = json!({ "FunctionArn": reference.arn() });
    if let Some(Scaling { least, most }) = scaling.copied() {
        answer["AppliedFunctionScalingConfig"] = json!(ScalingConfig { least, most });
    }

    answer_json(StatusCode::OK, &answer)
}
