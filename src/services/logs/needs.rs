//! Which permissions the operations of CloudWatch Logs take.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>.

use crate::model::arn;
use crate::model::logs::LogGroupKey;
use crate::model::names::Scope;
use crate::model::state::State;
use crate::protocol::call::Call;
use crate::services::access::Need;
use crate::services::access::need::tags;

/// What a call takes.
pub fn of_call(state: &State, call: &Call) -> Vec<Need> {
    let action = format!("logs:{}", call.operation);
    let keys = call.texts("tagKeys").or_else(|| call.texts("tags")).unwrap_or_default();
    let need = Need::new(action, resource(call)).with_tags(tags(call.input.get("tags"))).with_many("aws:TagKeys", keys);
    let key = LogGroupKey { scope: call.scope.clone(), name: call.text_or_empty("logGroupName").into() };
    let known = state.log_groups.get(&key);
    vec![need.on_tagged(known.iter().flat_map(|group| &group.tags))]
}

/// A group with a stream, as AWS's errors name them; both are empty where a call names none.
fn resource(call: &Call) -> String {
    if let Some(arn) = call.text("resourceArn").or_else(|| call.text("resourceIdentifier")) {
        return arn.to_owned();
    }
    let Scope { account, region } = &call.scope;
    let identifier = call.text_or_empty("logGroupIdentifier");
    let by_arn = identifier.split_once(":log-group:").map(|(_, name)| name.trim_end_matches(":*"));
    let group = call.text("logGroupName").or(by_arn).unwrap_or(identifier);
    let stream = call.text_or_empty("logStreamName");
    format!("arn:{}:logs:{region}:{account}:log-group:{group}:log-stream:{stream}", arn::partition(region))
}
