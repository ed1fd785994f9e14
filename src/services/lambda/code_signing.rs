//! Code-signing configurations and the functions that have them.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::arn;
use crate::model::code_signing::command::{CodeSigningCommand, Settings};
use crate::model::code_signing::decide::check_signable;
use crate::model::code_signing::{CodeSigningConfig, CodeSigningKey, code_signing_config_not_found};
use crate::model::error::ApiError;
use crate::model::state::State;
use crate::model::tags::Tags;
use crate::protocol::answer::{Answer, json as answer_json, no_content};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::services::Services;
use crate::services::lambda::paging::PAGING;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::CREATE_CODE_SIGNING_CONFIG => create),
    operation!(requests::DELETE_CODE_SIGNING_CONFIG => delete),
    operation!(requests::DELETE_FUNCTION_CODE_SIGNING_CONFIG => detach),
    operation!(requests::GET_CODE_SIGNING_CONFIG => get),
    operation!(requests::GET_FUNCTION_CODE_SIGNING_CONFIG => get_of_function),
    operation!(requests::LIST_CODE_SIGNING_CONFIGS => list),
    operation!(requests::LIST_FUNCTIONS_BY_CODE_SIGNING_CONFIG => list_functions),
    operation!(requests::PUT_FUNCTION_CODE_SIGNING_CONFIG => attach),
    operation!(requests::UPDATE_CODE_SIGNING_CONFIG => update),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigRequest {
    description: Option<String>,
    allowed_publishers: Option<AllowedPublishers>,
    code_signing_policies: Option<PoliciesRequest>,
    tags: Option<Tags>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AllowedPublishers {
    signing_profile_version_arns: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PoliciesRequest {
    untrusted_artifact_on_deployment: Option<String>,
}

/// `CodeSigningConfig`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    code_signing_config_id: &'a str,
    code_signing_config_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    allowed_publishers: serde_json::Value,
    code_signing_policies: serde_json::Value,
    last_modified: String,
}

impl<'a> Shown<'a> {
    fn new(key: &'a CodeSigningKey, config: &'a CodeSigningConfig) -> Self {
        let policy = if config.enforce { "Enforce" } else { "Warn" };
        Self {
            code_signing_config_id: key.id.as_str(),
            code_signing_config_arn: key.arn(),
            description: config.description.as_deref(),
            allowed_publishers: json!({ "SigningProfileVersionArns": config.publishers }),
            code_signing_policies: json!({ "UntrustedArtifactOnDeployment": policy }),
            last_modified: config.modified.to_string(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigList<'a> {
    code_signing_configs: Vec<Shown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionArnList {
    function_arns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

impl ConfigRequest {
    fn settings(self) -> Settings {
        let policy = self.code_signing_policies.and_then(|policies| policies.untrusted_artifact_on_deployment);
        Settings {
            description: self.description,
            publishers: self.allowed_publishers.map(|allowed| allowed.signing_profile_version_arns),
            enforce: policy.map(|policy| policy == "Enforce"),
        }
    }
}

/// `CreateCodeSigningConfig`.
pub async fn create(services: &Services, mut call: Call) -> Answer {
    let mut request: ConfigRequest = call.parse()?;
    let tags = request.tags.take().unwrap_or_default();
    let key = CodeSigningKey::new(call.scope.clone(), uuid::Uuid::new_v4());
    let command = CodeSigningCommand::Create { key: key.clone(), settings: request.settings(), tags };
    let committed = services.commit(command, call.origin(), None).await?;
    show(&committed.state, &key, StatusCode::CREATED)
}

/// `UpdateCodeSigningConfig`.
pub async fn update(services: &Services, mut call: Call) -> Answer {
    let key = named(&call)?;
    let request: ConfigRequest = call.parse()?;
    let command = CodeSigningCommand::Update { key: key.clone(), settings: request.settings() };
    let committed = services.commit(command, call.origin(), None).await?;
    show(&committed.state, &key, StatusCode::OK)
}

/// `GetCodeSigningConfig`.
pub async fn get(services: &Services, call: Call) -> Answer {
    show(&services.ledger.state(), &named(&call)?, StatusCode::OK)
}

fn show(state: &State, key: &CodeSigningKey, status: StatusCode) -> Answer {
    let config = state.code_signing_configs.get(key).ok_or_else(|| code_signing_config_not_found(&key.arn()))?;
    answer_json(status, &json!({ "CodeSigningConfig": Shown::new(key, config) }))
}

/// The configuration a call names, of the caller's own account and region.
fn named(call: &Call) -> Result<CodeSigningKey, ApiError> {
    let arn = call.text("CodeSigningConfigArn").unwrap_or_default();
    let key = CodeSigningKey::parse(arn).filter(|key| key.scope == call.scope);
    key.ok_or_else(|| code_signing_config_not_found(arn))
}

/// `DeleteCodeSigningConfig`.
pub async fn delete(services: &Services, call: Call) -> Answer {
    let key = named(&call)?;
    services.commit(CodeSigningCommand::Delete { key }, call.origin(), None).await?;
    no_content()
}

/// `ListCodeSigningConfigs`.
pub async fn list(services: &Services, call: Call) -> Answer {
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    let configs = state.code_signing_configs_after(&call.scope, page.after());
    let (configs, next_marker) = page.take(configs, |(key, _)| key.id.to_string());
    let code_signing_configs = configs.into_iter().map(|(key, config)| Shown::new(key, config)).collect();
    answer_json(StatusCode::OK, &ConfigList { code_signing_configs, next_marker })
}

/// `ListFunctionsByCodeSigningConfig`.
pub async fn list_functions(services: &Services, call: Call) -> Answer {
    let key = named(&call)?;
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    if !state.code_signing_configs.contains_key(&key) {
        return Err(code_signing_config_not_found(&key.arn()));
    }
    let functions = state.functions_signed_by(&key, page.after());
    let (functions, next_marker) = page.take(functions, |function| function.name.to_string());
    let function_arns = functions.into_iter().map(arn::function).collect();

    answer_json(StatusCode::OK, &FunctionArnList { function_arns, next_marker })
}

/// `PutFunctionCodeSigningConfig`.
pub async fn attach(services: &Services, call: Call) -> Answer {
    let function = call.function()?.key;
    let config = call.text("CodeSigningConfigArn").unwrap_or_default().to_owned();
    let answer = json!({ "CodeSigningConfigArn": config, "FunctionName": function.name.as_str() });
    services.commit(CodeSigningCommand::Attach { function, config }, call.origin(), None).await?;
    answer_json(StatusCode::OK, &answer)
}

/// `GetFunctionCodeSigningConfig`; of a function without one it says nothing.
pub async fn get_of_function(services: &Services, call: Call) -> Answer {
    let key = call.function()?.key;
    let state = services.ledger.state();
    let function = state.function(&key).ok_or_else(|| ApiError::function_not_found(&arn::function(&key)))?;
    check_signable(&function.latest.code)?;
    let answer = match &function.code_signing_config {
        Some(config) => json!({ "CodeSigningConfigArn": config.arn(), "FunctionName": key.name.as_str() }),
        None => json!({}),
    };

    answer_json(StatusCode::OK, &answer)
}

/// `DeleteFunctionCodeSigningConfig`.
pub async fn detach(services: &Services, call: Call) -> Answer {
    let function = call.function()?.key;
    services.commit(CodeSigningCommand::Detach { function }, call.origin(), None).await?;
    no_content()
}
