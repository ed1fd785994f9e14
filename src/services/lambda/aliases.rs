//! Aliases.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::model::arn;
use crate::model::error::ApiError;
use crate::model::functions::alias::{Alias, Routing};
use crate::model::functions::command::{FunctionCommand, PutAlias, UpdateAlias};
use crate::model::functions::decide::alias_not_found;
use crate::model::names::{AliasName, FunctionKey};
use crate::model::qualifier::Version;
use crate::protocol::answer::{Answer, json, no_content};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::services::Services;
use crate::services::lambda::paging::PAGING;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::CREATE_ALIAS => create),
    operation!(requests::DELETE_ALIAS => delete),
    operation!(requests::GET_ALIAS => get),
    operation!(requests::LIST_ALIASES => list),
    operation!(requests::UPDATE_ALIAS => update),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AliasRequest {
    name: String,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<RoutingConfig>,
    revision_id: Option<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RoutingConfig {
    additional_version_weights: Option<BTreeMap<String, f64>>,
}

/// `AliasConfiguration`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AliasConfiguration<'a> {
    alias_arn: String,
    name: &'a str,
    function_version: String,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing_config: Option<RoutingConfig>,
    revision_id: String,
}

impl<'a> AliasConfiguration<'a> {
    fn new(key: &FunctionKey, alias: &'a Alias) -> Self {
        let weights = |routing: &Routing| BTreeMap::from([(routing.version.to_string(), routing.weight)]);
        Self {
            alias_arn: arn::qualified(key, &alias.name),
            name: alias.name.as_str(),
            function_version: alias.version.to_string(),
            description: &alias.description,
            routing_config: alias
                .routing
                .as_ref()
                .map(|routing| RoutingConfig { additional_version_weights: Some(weights(routing)) }),
            revision_id: alias.revision.to_string(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AliasList<'a> {
    aliases: Vec<AliasConfiguration<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// `CreateAlias`.
pub async fn create(services: &Services, mut call: Call) -> Answer {
    let key = call.function()?.key;
    let request: AliasRequest = call.parse()?;
    let name = AliasName::from(request.name.as_str());
    let command = FunctionCommand::CreateAlias(PutAlias {
        key: key.clone(),
        name: name.clone(),
        version: version(request.function_version.as_deref().unwrap_or_default(), &key)?,
        description: request.description.unwrap_or_default(),
        routing: routing(request.routing_config.unwrap_or_default()),
    });

    put(services, &call, command, &key, &name, StatusCode::CREATED).await
}

/// `UpdateAlias`.
pub async fn update(services: &Services, mut call: Call) -> Answer {
    let key = call.function()?.key;
    let request: AliasRequest = call.parse()?;
    let name = AliasName::from(request.name.as_str());
    let command = FunctionCommand::UpdateAlias(UpdateAlias {
        key: key.clone(),
        name: name.clone(),
        version: request.function_version.as_deref().map(|text| version(text, &key)).transpose()?,
        description: request.description,
        routing: request.routing_config.map(routing),
        revision: request.revision_id,
    });

    put(services, &call, command, &key, &name, StatusCode::OK).await
}

async fn put(
    services: &Services,
    call: &Call,
    command: FunctionCommand,
    key: &FunctionKey,
    name: &AliasName,
    status: StatusCode,
) -> Answer {
    let committed = services.commit(command, call.origin(), None).await?;
    let alias = committed.state.function(key).and_then(|function| function.aliases.get(name));
    let alias = alias.ok_or_else(|| alias_not_found(key, name))?;
    json(status, &AliasConfiguration::new(key, alias))
}

/// `GetAlias`.
pub async fn get(services: &Services, call: Call) -> Answer {
    let reference = call.function()?;
    let name = AliasName::from(call.text("Name").unwrap_or_default());
    let state = services.ledger.state();
    let alias = state.function(&reference.key).and_then(|function| function.aliases.get(&name));
    let alias = alias.ok_or_else(|| alias_not_found(&reference.key, &name))?;
    json(StatusCode::OK, &AliasConfiguration::new(&reference.key, alias))
}

/// `DeleteAlias`.
pub async fn delete(services: &Services, call: Call) -> Answer {
    let key = call.function()?.key;
    let name = call.text("Name").unwrap_or_default().into();
    services.commit(FunctionCommand::DeleteAlias { key, name }, call.origin(), None).await?;
    no_content()
}

/// `ListAliases`.
pub async fn list(services: &Services, call: Call) -> Answer {
    let reference = call.function()?;
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    let function = state.function(&reference.key).ok_or_else(|| reference.not_found())?;
    let of_version = call.text("FunctionVersion");
    let aliases = function
        .aliases
        .values()
        .filter(|alias| page.after().is_none_or(|after| alias.name.as_str() > after))
        .filter(|alias| of_version.is_none_or(|version| alias.version.to_string() == version));
    let (aliases, next_marker) = page.take(aliases, |alias| alias.name.to_string());
    let aliases = aliases.into_iter().map(|alias| AliasConfiguration::new(&reference.key, alias)).collect();

    json(StatusCode::OK, &AliasList { aliases, next_marker })
}

/// A version that exists or not; `$LATEST.PUBLISHED` never does here.
fn version(text: &str, key: &FunctionKey) -> Result<Version, ApiError> {
    Version::parse(text).ok_or_else(|| ApiError::function_not_found(&arn::qualified(key, &text)))
}

fn routing(config: RoutingConfig) -> Vec<Routing> {
    let weights = config.additional_version_weights.unwrap_or_default();
    weights
        .into_iter()
        .map(|(version, weight)| Routing { version: version.parse().unwrap_or(u64::MAX), weight })
        .collect()
}
