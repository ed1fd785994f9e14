//! Capacity providers: where functions of managed instances run. They are kept and shown; functions run
//! where all others do.

mod request;
mod shown;

use axum::http::StatusCode;
use serde::Serialize;

use self::request::{CreateRequest, UpdateRequest};
use self::shown::{ProviderVersion, ShownProvider};
use crate::model::capacity_providers::CapacityProviderKey;
use crate::model::capacity_providers::command::CapacityProviderCommand;
use crate::model::error::ApiError;
use crate::model::names::{FunctionKey, Scope};
use crate::model::qualifier::Version;
use crate::model::{capacity_providers, tags};
use crate::protocol::answer::{Answer, json};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::services::Services;
use crate::services::lambda::paging::PAGING;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::CREATE_CAPACITY_PROVIDER => create),
    operation!(requests::DELETE_CAPACITY_PROVIDER => delete),
    operation!(requests::GET_CAPACITY_PROVIDER => get),
    operation!(requests::LIST_CAPACITY_PROVIDERS => list),
    operation!(requests::LIST_FUNCTION_VERSIONS_BY_CAPACITY_PROVIDER => list_versions),
    operation!(requests::UPDATE_CAPACITY_PROVIDER => update),
];

/// What operations on one capacity provider answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answered<'a> {
    capacity_provider: ShownProvider<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProviderList<'a> {
    capacity_providers: Vec<ShownProvider<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct VersionList {
    capacity_provider_arn: String,
    function_versions: Vec<ProviderVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// The capacity provider a call names.
fn key(call: &Call) -> Result<CapacityProviderKey, ApiError> {
    CapacityProviderKey::own(&call.scope, call.text("CapacityProviderName").unwrap_or_default())
}

/// `CreateCapacityProvider`.
pub async fn create(services: &Services, mut call: Call) -> Answer {
    // Nothing is looked for yet that could not be found.
    let key = key(&call).map_err(|_| {
        ApiError::invalid_parameter("A capacity provider is created in the caller's own account and region.")
    })?;
    let request: CreateRequest = call.parse()?;
    tags::check(request.tags.keys(), request.tags.len())?;
    let create = request.into_command(key.clone());
    commit(services, &call, CapacityProviderCommand::Create(Box::new(create)), &key).await
}

/// `UpdateCapacityProvider`.
pub async fn update(services: &Services, mut call: Call) -> Answer {
    let key = key(&call)?;
    let request: UpdateRequest = call.parse()?;
    let update = request.into_command(key.clone());
    commit(services, &call, CapacityProviderCommand::Update(Box::new(update)), &key).await
}

/// `DeleteCapacityProvider`.
pub async fn delete(services: &Services, call: Call) -> Answer {
    let key = key(&call)?;
    commit(services, &call, CapacityProviderCommand::Delete(key.clone()), &key).await
}

async fn commit(
    services: &Services,
    call: &Call,
    command: CapacityProviderCommand,
    key: &CapacityProviderKey,
) -> Answer {
    let committed = services.commit(command, call.origin(), None).await?;
    show(&committed.state, key, StatusCode::ACCEPTED)
}

/// `GetCapacityProvider`.
pub async fn get(services: &Services, call: Call) -> Answer {
    show(&services.ledger.state(), &key(&call)?, StatusCode::OK)
}

fn show(state: &crate::model::state::State, key: &CapacityProviderKey, status: StatusCode) -> Answer {
    let provider = state.capacity_provider(key).ok_or_else(|| capacity_providers::not_found(key))?;
    json(status, &Answered { capacity_provider: ShownProvider::new(provider) })
}

/// `ListCapacityProviders`.
pub async fn list(services: &Services, call: Call) -> Answer {
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    let wanted = call.text("State");
    let providers = state
        .capacity_providers_after(&call.scope, page.after())
        .filter(|provider| wanted.is_none_or(|wanted| provider.state.as_str() == wanted));
    let (providers, next_marker) = page.take(providers, |provider| provider.key.name.to_string());
    let capacity_providers = providers.into_iter().map(|provider| ShownProvider::new(provider)).collect();

    json(StatusCode::OK, &ProviderList { capacity_providers, next_marker })
}

/// `ListFunctionVersionsByCapacityProvider`. `$LATEST` is among them: it is configured to use the provider too.
pub async fn list_versions(services: &Services, call: Call) -> Answer {
    let key = key(&call)?;
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    state.capacity_provider(&key).ok_or_else(|| capacity_providers::not_found(&key))?;
    let versions = state.versions_on_provider(&key, page.after_key(parse_marker)?);
    let (versions, next_marker) = page.take(versions, |version| marker(version));
    let function_versions = versions.into_iter().filter_map(|version| ProviderVersion::new(&state, version)).collect();
    json(StatusCode::OK, &VersionList { capacity_provider_arn: key.arn(), function_versions, next_marker })
}

/// Account, region, name and version: an index entry as a marker's key.
fn marker((function, version): &(FunctionKey, Version)) -> String {
    let Scope { account, region } = &function.scope;
    format!("{account}:{region}:{}:{version}", function.name)
}

fn parse_marker(text: &str) -> Option<(FunctionKey, Version)> {
    let [account, region, name, version] = text.split(':').collect::<Vec<_>>().try_into().ok()?;
    let scope = Scope { account: account.into(), region: region.into() };
    Some((FunctionKey { scope, name: name.into() }, Version::parse(version)?))
}
