//! Resource-based policies of functions as whole documents (2026). They are the policies that
//! [`super::policies`] changes statement by statement.

use axum::http::StatusCode;
use serde::Deserialize;

use super::policies;
use super::policies::ShownPolicy;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::policies::Target;
use crate::model::policies::command::{Place, PolicyCommand};
use crate::model::policies::document::Document;
use crate::model::reference::FunctionReference;
use crate::protocol::answer::{Answer, json, no_content};
use crate::protocol::call::Call;
use crate::protocol::error::fault;
use crate::protocol::operation::{Operation, operation};
use crate::services::Services;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::DELETE_RESOURCE_POLICY => delete),
    operation!(requests::GET_RESOURCE_POLICY => get),
    operation!(requests::PUT_RESOURCE_POLICY => put),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRequest {
    policy: String,
    revision_id: Option<String>,
}

/// `GetResourcePolicy`.
pub async fn get(services: &Services, call: Call) -> Answer {
    policies::show(services, &resource(services, &call)?)
}

/// `PutResourcePolicy`.
pub async fn put(services: &Services, mut call: Call) -> Answer {
    let reference = resource(services, &call)?;
    let request: PutRequest = call.parse()?;
    let document = Document::parse(&request.policy, &reference.arn())?;
    let target = Target::of(reference.qualifier.as_ref());
    let key = reference.key.clone();
    let place = Place { key: reference.key, qualifier: reference.qualifier, revision: request.revision_id };
    let command = PolicyCommand::PutResourcePolicy { place, document };
    let committed = services.commit(command, call.origin(), None).await?;
    let policy = committed.state.function(&key).and_then(|function| function.policies.get(&target));

    // A commit of a policy leaves it in the state.
    json(StatusCode::OK, &ShownPolicy::new(policy.ok_or_else(|| fault(&ApiError::no_such_resource()))?))
}

/// `DeleteResourcePolicy`.
pub async fn delete(services: &Services, call: Call) -> Answer {
    let FunctionReference { key, qualifier } = resource(services, &call)?;
    let place = Place { key, qualifier, revision: call.text("RevisionId").map(str::to_owned) };
    services.commit(PolicyCommand::DeleteResourcePolicy { place }, call.origin(), None).await?;
    no_content()
}

/// The function a call is about. Runtimes, which the pattern allows too, are not Larder's.
fn resource(services: &Services, call: &Call) -> Result<FunctionReference, ApiError> {
    let arn = call.text("ResourceArn").unwrap_or_default();
    if arn.contains(":runtime/") {
        return Err(ApiError::no_such_resource());
    }
    let reference = FunctionReference::resolve(&call.scope, arn, None)?;
    let known = || services.ledger.state().function(&reference.key).is_some();
    if reference.key.scope.account != call.scope.account && !known() {
        return Err(ApiError::silent(ErrorCode::AccessDenied));
    }

    Ok(reference)
}
