//! Tags of every resource that has some.

use axum::http::StatusCode;
use serde_json::json;

use crate::model::error::{ApiError, ErrorCode};
use crate::model::state::State;
use crate::model::tags::command::TagCommand;
use crate::model::tags::{TaggedResource, Tags};
use crate::protocol::answer::{Answer, json as answer_json, no_content};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::services::Services;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::LIST_TAGS => list),
    operation!(requests::TAG_RESOURCE => tag),
    operation!(requests::UNTAG_RESOURCE => untag),
];

/// `ListTags`.
pub async fn list(services: &Services, call: Call) -> Answer {
    let state = services.ledger.state();
    let resource = resource(&call, &state)?;
    let tags = resource.tags(&state).ok_or_else(|| resource.not_found())?;
    answer_json(StatusCode::OK, &json!({ "Tags": tags }))
}

/// `TagResource`.
pub async fn tag(services: &Services, mut call: Call) -> Answer {
    let tags = call.input.remove("Tags").unwrap_or_default();
    let tags: Tags =
        serde_json::from_value(tags).map_err(|error| ApiError::new(ErrorCode::Serialization, error.to_string()))?;
    if tags.is_empty() {
        return Err(ApiError::invalid_parameter("An error occurred and the request cannot be processed."));
    }
    let resource = resource(&call, &services.ledger.state())?;
    services.commit(TagCommand::Tag { resource, tags }, call.origin(), None).await?;

    no_content()
}

/// `UntagResource`.
pub async fn untag(services: &Services, call: Call) -> Answer {
    let resource = resource(&call, &services.ledger.state())?;
    let keys = call.input.get("TagKeys").and_then(serde_json::Value::as_array).into_iter().flatten();
    let names = keys.filter_map(|key| key.as_str().map(str::to_owned)).collect();
    services.commit(TagCommand::Untag { resource, names }, call.origin(), None).await?;
    no_content()
}

/// The resource, if the caller may see it: as functions are seen (`test_function_arns`), one of another
/// account only if it is there, none of another region.
fn resource(call: &Call, state: &State) -> Result<TaggedResource, ApiError> {
    let resource = TaggedResource::parse(call.text("Resource").unwrap_or_default())?;
    let own = &call.scope;
    let other = resource.scope();
    if other.region != own.region {
        let message = format!("Functions from '{}' are not reachable in this region ('{}')", other.region, own.region);
        return Err(match resource {
            TaggedResource::Function(_) => ApiError::new(ErrorCode::ResourceNotFound, message),
            _ => resource.not_found(),
        });
    }

    if other.account != own.account && resource.tags(state).is_none() {
        return Err(ApiError::silent(ErrorCode::AccessDenied));
    }
    Ok(resource)
}
