//! Tags of log groups, by both of AWS's ways.

use serde_json::{Value, json};

use super::groups::change;
use super::named::{group, group_of_arn};
use super::{Logs, invalid, shapes};
use crate::model::error::ApiError;
use crate::model::logs::LogGroupKey;
use crate::model::logs::command::GroupChange;
use crate::model::logs::decide::log_group_not_found;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::shape::{Kind, Member};

/// A request that names a resource alone.
pub const RESOURCE: &[Member] = &[RESOURCE_ARN];

/// `TagResource`.
pub const TAG_RESOURCE: &[Member] = &[RESOURCE_ARN, Member::body("tags", shapes::TAGS).required()];

/// `UntagResource`.
pub const UNTAG_RESOURCE: &[Member] =
    &[RESOURCE_ARN, Member::body("tagKeys", Kind::List { length: Some((0, 50)), item: &shapes::TAG_KEY }).required()];

/// `TagLogGroup`.
pub const TAG_GROUP: &[Member] = &[shapes::GROUP_NAME, Member::body("tags", shapes::TAGS).required()];

/// `UntagLogGroup`.
pub const UNTAG_GROUP: &[Member] = &[
    shapes::GROUP_NAME,
    Member::body("tags", Kind::List { length: Some((1, 10_000)), item: &shapes::TAG_KEY }).required(),
];

const RESOURCE_ARN: Member = Member::body("resourceArn", shapes::RESOURCE).required();

/// `TagResource`.
pub async fn tag_resource(logs: &Logs, call: Call) -> Answer {
    let key = resource(&call)?;
    let tags = call.map("tags").unwrap_or_default();
    change(logs, call, key, GroupChange::Tag(tags)).await
}

/// `UntagResource`.
pub async fn untag_resource(logs: &Logs, call: Call) -> Answer {
    let key = resource(&call)?;
    let keys = tag_keys(&call, "tagKeys");
    change(logs, call, key, GroupChange::Untag(keys)).await
}

/// `ListTagsForResource`.
pub async fn list_resource(logs: &Logs, call: Call) -> Answer {
    let key = resource(&call)?;
    list(logs, &call, &key)
}

/// `TagLogGroup`.
pub async fn tag_group(logs: &Logs, call: Call) -> Answer {
    let key = group(&call);
    let tags = call.map("tags").unwrap_or_default();
    change(logs, call, key, GroupChange::Tag(tags)).await
}

/// `UntagLogGroup`.
pub async fn untag_group(logs: &Logs, call: Call) -> Answer {
    let key = group(&call);
    let keys = tag_keys(&call, "tags");
    change(logs, call, key, GroupChange::Untag(keys)).await
}

/// `ListTagsLogGroup`.
pub async fn list_group(logs: &Logs, call: Call) -> Answer {
    list(logs, &call, &group(&call))
}

fn list(logs: &Logs, call: &Call, key: &LogGroupKey) -> Answer {
    let state = logs.ledger.state();
    let group = state.log_groups.get(key).ok_or_else(log_group_not_found)?;
    let tags: Value = group.tags.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    call.answer(&json!({ "tags": tags }))
}

fn tag_keys(call: &Call, name: &str) -> Vec<String> {
    call.texts(name).unwrap_or_default().into_iter().map(str::to_owned).collect()
}

/// The group of `resourceArn`: nothing else has tags here. The text is a guess.
fn resource(call: &Call) -> Result<LogGroupKey, ApiError> {
    let arn = call.text("resourceArn").unwrap_or_default();
    group_of_arn(arn).ok_or_else(|| invalid(format!("The specified resourceArn is not one of a log group: {arn}")))
}
