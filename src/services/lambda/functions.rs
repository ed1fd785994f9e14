//! Functions: create, read, list, update, delete.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;

use super::code::Package;
use super::configuration::{FunctionConfiguration, Shown};
use super::function_modes::publication;
use super::function_request::{CodeRequest, ConfigurationRequest, CreateRequest};
use super::layers::check_size;
use super::{code, layers, neighbours};
use crate::ledger::Committed;
use crate::model::error::ApiError;
use crate::model::functions::command::{
    CreateFunction, FunctionCommand, UpdateFunctionCode, UpdateFunctionConfiguration,
};
use crate::model::functions::{Function, FunctionVersion};
use crate::model::names::FunctionKey;
use crate::model::qualifier::Version;
use crate::model::tags;
use crate::protocol::answer::{Answer, json, no_content};
use crate::protocol::call::Call;
use crate::protocol::error::fault;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::protocol::word::Word;
use crate::runs::command::RunCommand;
use crate::services::Services;
use crate::services::lambda::paging::PAGING;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::CREATE_FUNCTION => create),
    operation!(requests::DELETE_FUNCTION => delete),
    operation!(requests::GET_FUNCTION => get),
    operation!(requests::GET_FUNCTION_CONFIGURATION => get_configuration),
    operation!(requests::LIST_FUNCTIONS => list),
    operation!(requests::UPDATE_FUNCTION_CODE => update_code),
    operation!(requests::UPDATE_FUNCTION_CONFIGURATION => update_configuration),
];

/// Characters of a function's plain name.
///
/// Source: recorded in `test_function_arns`; the model's own limit is for the whole ARN.
const MAX_NAME: usize = 64;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionList<'a> {
    functions: Vec<FunctionConfiguration<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// `CreateFunction`.
pub async fn create(services: &Services, mut call: Call) -> Answer {
    let key = call.function()?.key;
    check_name(&key)?;
    let request: CreateRequest = call.parse()?;
    tags::check(request.tags.keys(), request.tags.len())?;
    let tags = request.tags.clone();
    let publish = publication(request.publish, request.publish_to.as_ref());
    let code_signing_config = request.code_signing_config_arn.clone();
    let (mut config, source) = request.into_config(&key)?;
    if let Some(vpc) = &mut config.vpc {
        neighbours::locate(services, &call, vpc).await?;
    }
    let Package { code, attachment, signed } = code::take(services, &call, source).await?;
    let layers: Vec<String> = config.layers.iter().map(|layer| layer.arn.clone()).collect();
    layers::import(services, &call, &layers).await?;
    check_size(services, &code, attachment.as_ref(), layers::zips(services, &key.scope, &layers)).await?;
    let create = CreateFunction { key: key.clone(), code, config, tags, publish, code_signing_config, signed };
    let command = FunctionCommand::CreateFunction(Box::new(create));
    let committed = services.commit(command, call.origin(), attachment).await?;
    let committed = settled(services, committed, &key).await;
    let version = shown_version(&committed, &key)?;
    let shown = FunctionConfiguration::new(&key, version, Shown::Unqualified).with_function_arn(&key);

    json(StatusCode::CREATED, &shown)
}

/// How long a creation waits for its function: no longer than clients wait for an answer.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

fn check_name(key: &FunctionKey) -> Result<(), ApiError> {
    let name = key.name.as_str();
    if name.chars().count() <= MAX_NAME {
        return Ok(());
    }
    Err(ApiError::invalid_parameter(format!(
        "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: \
         Member must have length less than or equal to {MAX_NAME}"
    )))
}

/// `UpdateFunctionCode`.
pub async fn update_code(services: &Services, mut call: Call) -> Answer {
    let key = call.function()?.key;
    let request: CodeRequest = call.parse()?;
    // A function that is not there is told before the package is looked at.
    let state = services.ledger.state();
    let Some(function) = state.function(&key) else {
        return Err(ApiError::function_not_found(&crate::model::arn::function(&key)));
    };
    let layers = function.latest.config.layers.iter().filter_map(|layer| layer.blob).collect();
    let Package { code, attachment, signed } = code::take(services, &call, request.source).await?;
    check_size(services, &code, attachment.as_ref(), layers).await?;
    let command = FunctionCommand::UpdateFunctionCode(UpdateFunctionCode {
        key: key.clone(),
        code,
        architecture: request.architectures.map(|[Word(architecture)]| architecture),
        publish: publication(request.publish, request.publish_to.as_ref()),
        revision: request.revision_id,
        signed,
    });
    if request.dry_run.unwrap_or(false) {
        return show(&services.ledger.preview(&command.into())?, &key, StatusCode::OK);
    }
    let committed = services.commit(command, call.origin(), attachment).await?;

    show(&settled(services, committed, &key).await, &key, StatusCode::OK)
}

/// `UpdateFunctionConfiguration`.
pub async fn update_configuration(services: &Services, mut call: Call) -> Answer {
    let key = call.function()?.key;
    let request: ConfigurationRequest = call.parse()?;
    let revision = request.revision_id.clone();
    let mut patch = request.into_patch();
    if let Some(vpc) = &mut patch.vpc {
        neighbours::locate(services, &call, vpc).await?;
    }
    let code = services.ledger.state().function(&key).map(|function| function.latest.code.clone());

    if let (Some(code), Some(layers)) = (code, &patch.layers) {
        layers::import(services, &call, layers).await?;
        check_size(services, &code, None, layers::zips(services, &key.scope, layers)).await?;
    }

    let update = UpdateFunctionConfiguration { key: key.clone(), patch, revision };
    let command = FunctionCommand::UpdateFunctionConfiguration(Box::new(update));
    let committed = services.commit(command, call.origin(), None).await?;
    show(&settled(services, committed, &key).await, &key, StatusCode::OK)
}

/// What a commit made of a function once that is settled, where the user wants to wait for it; a function that is
/// deleted meanwhile is shown as it was.
async fn settled(services: &Services, committed: Committed, key: &FunctionKey) -> Committed {
    if !services.synchronous {
        return committed;
    }
    let mut changes = services.ledger.changes();
    let waiting = async {
        loop {
            changes.mark_unchanged();
            let state = services.ledger.state();
            if !state.unsettled.keys().any(|(function, _)| function == key) || changes.changed().await.is_err() {
                return state;
            }
        }
    };
    match tokio::time::timeout(SETTLED_WITHIN, waiting).await {
        Ok(state) if shown_version(&Committed { state: state.clone(), ..committed.clone() }, key).is_ok() => {
            Committed { state, ..committed }
        }
        _ => committed,
    }
}

/// Answers with the version a commit is about.
pub fn show(committed: &Committed, key: &FunctionKey, status: StatusCode) -> Answer {
    let version = shown_version(committed, key)?;
    let management =
        committed.state.function(key).and_then(|function| function.runtime_management.get(&version.version));
    json(status, &FunctionConfiguration::new(key, version, Shown::Unqualified).with_runtime_version(management))
}

fn shown_version<'a>(committed: &'a Committed, key: &FunctionKey) -> Result<&'a FunctionVersion, ApiError> {
    let version = committed.shows.unwrap_or(Version::Latest);
    let found = committed.state.function(key).and_then(|function| function.version(version));
    // A commit about a version leaves it in the state.
    let found = found.ok_or_else(|| fault(&ApiError::function_not_found(&crate::model::arn::function(key))))?;
    Ok(found)
}

/// `GetFunction`.
pub async fn get(services: &Services, call: Call) -> Answer {
    let reference = call.function()?;
    let state = services.ledger.state();
    let function = state.function(&reference.key).ok_or_else(|| reference.not_found())?;
    let version = function.resolve(reference.qualifier.as_ref()).ok_or_else(|| reference.not_found())?;
    let mut answer = serde_json::json!({
        "Configuration": shown(&reference, function, version),
        "Code": code::shown(&call, &version.code),
    });
    if !function.tags.is_empty() {
        answer["Tags"] = serde_json::json!(function.tags);
    }
    if let Some(reserved) = function.reserved_concurrency {
        answer["Concurrency"] = serde_json::json!({ "ReservedConcurrentExecutions": reserved });
    }

    json(StatusCode::OK, &answer)
}

/// `GetFunctionConfiguration`.
pub async fn get_configuration(services: &Services, call: Call) -> Answer {
    let reference = call.function()?;
    let state = services.ledger.state();
    let function = state.function(&reference.key).ok_or_else(|| reference.not_found())?;
    let version = function.resolve(reference.qualifier.as_ref()).ok_or_else(|| reference.not_found())?;
    json(StatusCode::OK, &shown(&reference, function, version))
}

/// A version with the ARN the caller asked for.
fn shown<'a>(
    reference: &'a crate::model::reference::FunctionReference,
    function: &Function,
    version: &'a FunctionVersion,
) -> FunctionConfiguration<'a> {
    let qualifier = reference.qualifier.as_ref().map(ToString::to_string);
    let shown = qualifier.as_deref().map_or(Shown::Unqualified, Shown::Qualified);
    let management = function.runtime_management.get(&version.version);
    FunctionConfiguration::new(&reference.key, version, shown).with_runtime_version(management)
}

/// `ListFunctions`.
pub async fn list(services: &Services, call: Call) -> Answer {
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    if call.text("FunctionVersion").is_some() {
        return list_all_versions(&state, &call, &page);
    }
    let functions = state.functions_after(&call.scope, page.after());
    let (functions, next_marker) = page.take(functions, |function| function.key.name.to_string());
    let functions = functions
        .iter()
        .map(|function| FunctionConfiguration::new(&function.key, &function.latest, Shown::Unqualified).listed())
        .collect();

    json(StatusCode::OK, &FunctionList { functions, next_marker })
}

/// `FunctionVersion=ALL`: every version of every function. A marker names function and version.
fn list_all_versions(state: &crate::model::state::State, call: &Call, page: &Page) -> Answer {
    let after = page.after_key(|key| {
        let (name, version) = key.split_once(':')?;
        Some((name, Version::parse(version)?))
    })?;
    // The function of the marker may have more versions: it is looked at again.
    let first =
        after.and_then(|(name, _)| state.function(&FunctionKey { scope: call.scope.clone(), name: name.into() }));
    let rest = state.functions_after(&call.scope, after.map(|(name, _)| name));
    let versions = first
        .cloned()
        .into_iter()
        .chain(rest)
        .flat_map(|function| function.all_versions().map(move |version| (Arc::clone(&function), version)))
        .skip_while(|(function, version)| {
            after.is_some_and(|(name, seen)| function.key.name.as_str() == name && version.version <= seen)
        });
    let (versions, next_marker) =
        page.take(versions, |(function, version)| format!("{}:{}", function.key.name, version.version));
    let functions = versions
        .iter()
        .map(|(function, version)| FunctionConfiguration::new(&function.key, version, Shown::Versioned).listed())
        .collect();

    json(StatusCode::OK, &FunctionList { functions, next_marker })
}

/// `DeleteFunction`.
pub async fn delete(services: &Services, call: Call) -> Answer {
    let reference = call.function()?;
    let command = FunctionCommand::DeleteFunction { key: reference.key, qualifier: reference.qualifier };
    services.commit_both(command, RunCommand::DropOrphans, call.origin()).await?;
    no_content()
}
