//! Published versions.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::configuration::{FunctionConfiguration, Shown};
use super::{function_modes, functions};
use crate::model::functions::command::{FunctionCommand, PublishVersion};
use crate::model::qualifier::Version;
use crate::protocol::answer::{Answer, json};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::page::Page;
use crate::services::Services;
use crate::services::lambda::paging::PAGING;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] =
    &[operation!(requests::LIST_VERSIONS_BY_FUNCTION => list), operation!(requests::PUBLISH_VERSION => publish)];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublishRequest {
    code_sha256: Option<String>,
    description: Option<String>,
    revision_id: Option<String>,
    publish_to: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct VersionList<'a> {
    versions: Vec<FunctionConfiguration<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// `PublishVersion`.
pub async fn publish(services: &Services, mut call: Call) -> Answer {
    let key = call.function()?.key;
    let request: PublishRequest = call.parse()?;
    let command = FunctionCommand::PublishVersion(PublishVersion {
        key: key.clone(),
        to: function_modes::target(request.publish_to.as_ref()),
        code_sha256: request.code_sha256,
        description: request.description,
        revision: request.revision_id,
    });
    let committed = services.commit(command, call.origin(), None).await?;

    functions::show(&committed, &key, StatusCode::CREATED)
}

/// `ListVersionsByFunction`.
pub async fn list(services: &Services, call: Call) -> Answer {
    let reference = call.function()?;
    let page = Page::of(&call, &PAGING)?;
    let state = services.ledger.state();
    let function = state.function(&reference.key).ok_or_else(|| reference.not_found())?;
    let after = page.after_key(Version::parse)?;
    let versions = function.all_versions().filter(|version| after.is_none_or(|after| version.version > after));
    let (versions, next_marker) = page.take(versions, |version| version.version.to_string());
    let shown =
        versions.iter().map(|version| FunctionConfiguration::new(&reference.key, version, Shown::Versioned).listed());

    json(StatusCode::OK, &VersionList { versions: shown.collect(), next_marker })
}
