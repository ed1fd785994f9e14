//! Layers and their versions.

mod import;
mod permissions;
mod size;

use std::sync::Arc;

use axum::http::StatusCode;
pub use import::import;
use serde::{Deserialize, Serialize};
pub use size::{check_size, zips};

use super::code;
use super::code::Package;
use super::function_request::CodeSource;
use crate::model::arn;
use crate::model::error::ApiError;
use crate::model::layers::command::{LayerCommand, PublishLayerVersion};
use crate::model::layers::decide::{layer_allowed, layer_denied};
use crate::model::layers::{LayerArn, LayerVersion};
use crate::model::names::LayerKey;
use crate::model::runtimes::Architecture;
use crate::protocol::answer::{Answer, json, no_content};
use crate::protocol::call::Call;
use crate::protocol::error::fault;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::protocol::word::Word;
use crate::services::Services;
use crate::services::lambda::paging::PAGING;
use crate::services::lambda::shapes::requests;

/// The operations of this folder.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::ADD_LAYER_VERSION_PERMISSION => permissions::add),
    operation!(requests::DELETE_LAYER_VERSION => delete),
    operation!(requests::GET_LAYER_VERSION => get),
    operation!(requests::GET_LAYER_VERSION_BY_ARN => get_by_arn),
    operation!(requests::GET_LAYER_VERSION_POLICY => permissions::get),
    operation!(requests::LIST_LAYER_VERSIONS => list_versions),
    operation!(requests::LIST_LAYERS => list),
    operation!(requests::PUBLISH_LAYER_VERSION => publish),
    operation!(requests::REMOVE_LAYER_VERSION_PERMISSION => permissions::remove),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublishRequest {
    description: Option<String>,
    content: CodeSource,
    compatible_architectures: Option<Vec<Word<Architecture>>>,
    compatible_runtimes: Option<Vec<String>>,
    license_info: Option<String>,
}

/// `LayerVersionsListItem`. `CompatibleRuntimes` and the like are shown as they were given, empty lists too
/// (recorded in `test_layer_exceptions`, `test_layer_s3_content`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListItem<'a> {
    layer_version_arn: String,
    version: u64,
    description: &'a str,
    created_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    compatible_architectures: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compatible_runtimes: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_info: Option<&'a str>,
}

impl<'a> ListItem<'a> {
    fn new(key: &LayerKey, version: &'a LayerVersion) -> Self {
        Self {
            layer_version_arn: arn::layer_version(key, version.number),
            version: version.number,
            description: &version.description,
            created_date: version.created.to_string(),
            compatible_architectures: version.architectures.as_ref().map(|list| list.iter().map(Into::into).collect()),
            compatible_runtimes: version.runtimes.as_deref(),
            license_info: version.license.as_deref(),
        }
    }
}

/// A layer version with its content.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownVersion<'a> {
    content: Content,
    layer_arn: String,
    #[serde(flatten)]
    item: ListItem<'a>,
}

/// `LayerVersionContentOutput`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    location: String,
    code_sha256: String,
    code_size: u64,
}

impl<'a> ShownVersion<'a> {
    fn new(call: &Call, key: &LayerKey, version: &'a LayerVersion) -> Self {
        let content = version.content();
        let content = Content {
            location: code::location(call, &content),
            code_sha256: content.sha256(),
            code_size: content.size(),
        };
        Self { content, layer_arn: arn::layer(key), item: ListItem::new(key, version) }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct VersionList<'a> {
    layer_versions: Vec<ListItem<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LayerList<'a> {
    layers: Vec<LayersListItem<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LayersListItem<'a> {
    layer_name: &'a str,
    layer_arn: String,
    latest_matching_version: ListItem<'a>,
}

/// `PublishLayerVersion`.
pub async fn publish(services: &Services, mut call: Call) -> Answer {
    let key = own_layer(&call, "PublishLayerVersion")?;
    let request: PublishRequest = call.parse()?;
    // A layer is a zip, whatever else a body says.
    let source = CodeSource { image_uri: None, ..request.content };
    let Package { code, attachment, .. } = code::take(services, &call, source).await?;
    let command = LayerCommand::PublishLayerVersion(PublishLayerVersion {
        key: key.clone(),
        content: code.content,
        description: request.description.unwrap_or_default(),
        license: request.license_info,
        runtimes: request.compatible_runtimes,
        architectures: request.compatible_architectures.map(|list| list.into_iter().map(|Word(one)| one).collect()),
    });
    let committed = services.commit(command, call.origin(), attachment).await?;
    let layer = committed.state.layers.get(&key);
    let version = layer.and_then(|layer| layer.versions.get(&layer.last_version));

    // A commit of a version leaves it in the state.
    let version = version.ok_or_else(|| fault(&ApiError::no_such_resource()))?;
    json(StatusCode::CREATED, &ShownVersion::new(&call, &key, version))
}

/// `GetLayerVersion`.
pub async fn get(services: &Services, call: Call) -> Answer {
    let key = layer(&call);
    let number = version_number(&call)?;
    show(services, &call, &key, number)
}

/// `GetLayerVersionByArn`.
pub async fn get_by_arn(services: &Services, call: Call) -> Answer {
    let named = LayerArn::parse(&call.scope, call.text("Arn").unwrap_or_default());
    show(services, &call, &named.key, named.number.unwrap_or(0))
}

fn show(services: &Services, call: &Call, key: &LayerKey, number: u64) -> Answer {
    let state = services.ledger.state();
    let version = state.layer_version(key, number);
    if key.scope.account != call.scope.account && !version.is_some_and(|one| layer_allowed(&call.scope, key, one)) {
        let arn = arn::layer_version(key, number);
        return Err(layer_denied(&call.scope.account, "GetLayerVersion", &arn));
    }
    let version = version.filter(|_| key.scope.region == call.scope.region).ok_or_else(ApiError::no_such_resource)?;
    json(StatusCode::OK, &ShownVersion::new(call, key, version))
}

/// `ListLayers`.
pub async fn list(services: &Services, call: Call) -> Answer {
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    let latest = state.layers_after(&call.scope, page.after()).filter_map(|(key, layer)| {
        let version = layer.versions.values().rev().find(|version| matches(&call, version))?;
        Some((key, version))
    });
    let (latest, next_marker) = page.take(latest, |(key, _)| key.name.to_string());
    let layers = latest.into_iter().map(|(key, version)| LayersListItem {
        layer_name: key.name.as_str(),
        layer_arn: arn::layer(key),
        latest_matching_version: ListItem::new(key, version),
    });

    json(StatusCode::OK, &LayerList { layers: layers.collect(), next_marker })
}

/// `ListLayerVersions`: the newest first. A layer that is not there has none (recorded in
/// `test_layer_exceptions`).
pub async fn list_versions(services: &Services, call: Call) -> Answer {
    let key = own_layer(&call, "ListLayerVersions")?;
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    let before: u64 = page.after_key(|number| number.parse().ok())?.unwrap_or(u64::MAX);
    let versions = state.layers.get(&key).into_iter().flat_map(|layer| layer.versions.values().rev());
    let versions = versions.filter(|version| version.number < before && matches(&call, version));
    let (versions, next_marker) = page.take(versions, |version| version.number.to_string());
    let layer_versions = versions.into_iter().map(|version| ListItem::new(&key, version)).collect();

    json(StatusCode::OK, &VersionList { layer_versions, next_marker })
}

/// Whether a version is one of those a listing asks for.
fn matches(call: &Call, version: &Arc<LayerVersion>) -> bool {
    let runs = |wanted: &str| version.runtimes.iter().flatten().any(|runtime| runtime == wanted);
    let fits = |wanted: &str| version.architectures.iter().flatten().any(|one| <&str>::from(one) == wanted);

    call.text("CompatibleRuntime").is_none_or(runs) && call.text("CompatibleArchitecture").is_none_or(fits)
}

/// `DeleteLayerVersion`.
pub async fn delete(services: &Services, call: Call) -> Answer {
    let number = version_number(&call)?;
    let key = own_layer(&call, "DeleteLayerVersion")?;
    services.commit(LayerCommand::DeleteLayerVersion { key, number }, call.origin(), None).await?;
    no_content()
}

/// The layer a call names.
fn layer(call: &Call) -> LayerKey {
    LayerArn::parse(&call.scope, call.text("LayerName").unwrap_or_default()).key
}

/// The layer a call names, which has to be the caller's own: permissions of layers are for reading only.
fn own_layer(call: &Call, action: &str) -> Result<LayerKey, ApiError> {
    let key = layer(call);
    if key.scope.account != call.scope.account {
        return Err(layer_denied(&call.scope.account, action, &arn::layer(&key)));
    }
    if key.scope.region != call.scope.region {
        return Err(ApiError::no_such_resource());
    }
    Ok(key)
}

/// Recorded in `test_layer_exceptions`.
fn version_number(call: &Call) -> Result<u64, ApiError> {
    match call.number("VersionNumber") {
        Some(number) if number > 0 => Ok(number),
        _ => Err(ApiError::invalid_parameter("Layer Version Cannot be less than 1")),
    }
}
