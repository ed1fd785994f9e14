//! Listings of groups, and of the filters that no group has here.

use serde_json::{Map, Value, json};

use super::named::{group, group_of};
use super::paging::PAGING;
use super::{Logs, invalid, shapes};
use crate::model::logs::decide::log_group_not_found;
use crate::model::logs::{LogGroup, LogPlace};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::page::{Order, Page};
use crate::protocol::shape::{Kind, Member, pattern};

/// `DescribeLogGroups`.
pub const DESCRIBE_GROUPS: &[Member] = &[
    Member::body("accountIdentifiers", shapes::ACCOUNTS),
    Member::body("logGroupNamePrefix", shapes::GROUP),
    Member::body("logGroupNamePattern", pattern(0, 512, r"[\.\-_/#A-Za-z0-9]*")),
    shapes::NEXT_TOKEN,
    Member::body("limit", shapes::LIMIT),
    Member::body("includeLinkedAccounts", Kind::Boolean),
    Member::body("logGroupClass", shapes::CLASS),
    Member::body("logGroupIdentifiers", Kind::List { length: Some((1, 50)), item: &shapes::IDENTIFIER }),
];

/// `ListLogGroups`.
pub const LIST_GROUPS: &[Member] = &[
    Member::body(
        "logGroupNamePattern",
        pattern(3, 129, r"(\^?[\.\-_\/#A-Za-z0-9]{3,24})(\|\^?[\.\-_\/#A-Za-z0-9]{3,24}){0,4}"),
    ),
    Member::body("logGroupClass", shapes::CLASS),
    Member::body("includeLinkedAccounts", Kind::Boolean),
    Member::body("accountIdentifiers", shapes::ACCOUNTS),
    shapes::NEXT_TOKEN,
    Member::body("limit", Kind::Integer(1, 1000)),
    Member::body("dataSources", Kind::List { length: Some((1, 5)), item: &Kind::Structure(DATA_SOURCE) }),
    Member::body("fieldIndexNames", Kind::List { length: Some((1, 20)), item: &shapes::GROUP }),
    Member::body("logGroupTags", Kind::List { length: Some((1, 5)), item: &Kind::Structure(TAG_FILTER) }),
];

const DATA_SOURCE: &[Member] =
    &[Member::body("name", shapes::ANY_TEXT).required(), Member::body("type", shapes::ANY_TEXT)];

const TAG_FILTER: &[Member] = &[
    Member::body("key", shapes::TAG_KEY).required(),
    Member::body("values", Kind::List { length: Some((0, 5)), item: &shapes::TAG_VALUE }),
];

/// `DescribeSubscriptionFilters`.
pub const DESCRIBE_SUBSCRIPTION_FILTERS: &[Member] = &[
    shapes::GROUP_NAME,
    Member::body("filterNamePrefix", shapes::FILTER_NAME),
    shapes::NEXT_TOKEN,
    Member::body("limit", shapes::LIMIT),
];

/// `DescribeMetricFilters`.
pub const DESCRIBE_METRIC_FILTERS: &[Member] = &[
    Member::body("logGroupName", shapes::GROUP),
    Member::body("filterNamePrefix", shapes::FILTER_NAME),
    shapes::NEXT_TOKEN,
    Member::body("limit", shapes::LIMIT),
    Member::body("metricName", METRIC),
    Member::body("metricNamespace", METRIC),
];

const METRIC: Kind = pattern(0, 255, "[^:*$]*");

/// `DescribeLogGroups`.
pub async fn describe_groups(logs: &Logs, call: Call) -> Answer {
    let prefix = call.text("logGroupNamePrefix");
    let part = call.text("logGroupNamePattern");
    if prefix.is_some() && part.is_some() {
        // Recorded in `test_describe_log_groups_prefix_and_pattern_error`.
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let page = Page::of(&call, &PAGING)?;
    let state = logs.ledger.state();
    let identifiers: Option<Vec<_>> = call
        .texts("logGroupIdentifiers")
        .map(|identifiers| identifiers.into_iter().map(|identifier| group_of(&call, identifier)).collect());
    let class = call.text("logGroupClass");
    let wanted = |group: &&std::sync::Arc<LogGroup>| {
        prefix.is_none_or(|prefix| group.key.name.as_str().starts_with(prefix))
            && part.is_none_or(|part| group.key.name.as_str().contains(part))
            && class.is_none_or(|class| group.class == class)
            && identifiers.as_ref().is_none_or(|identifiers| identifiers.contains(&group.key))
    };
    let from = page.after().or(prefix).unwrap_or_default();
    let groups = state.log_groups_from(&call.scope, from).filter(wanted);
    let (groups, next) = page.take_sorted(groups, |group| group.key.name.to_string(), Order::Ascending);
    let groups = groups.into_iter().map(|group| described(logs, group, part.is_some())).collect();

    call.answer(&listing("logGroups", groups, next))
}

/// Bytes of a group's streams. Lines of streams that are gone may be there still, after a kill: nobody sees them.
fn stored_bytes(logs: &Logs, group: &LogGroup) -> u64 {
    let state = logs.ledger.state();
    let streams = state.log_streams_from(&group.key, "");
    logs.lines.bytes(streams.map(|stream| LogPlace { group: group.id, stream: stream.id }))
}

/// A group as it is described. Where a pattern is asked for, some members are left out (recorded in
/// `test_describe_log_groups_with_pattern`).
fn described(logs: &Logs, group: &LogGroup, short: bool) -> Value {
    let arn = group.key.arn();
    let mut described = json!({
        "logGroupName": group.key.name.as_str(),
        "creationTime": group.created.0,
        "metricFilterCount": 0,
        "arn": format!("{arn}:*"),
        "logGroupClass": group.class,
        "logGroupArn": arn,
    });
    if !short {
        described["storedBytes"] = stored_bytes(logs, group).into();
        described["deletionProtectionEnabled"] = group.protected.into();
    }

    if let Some(days) = group.retention_days {
        described["retentionInDays"] = days.into();
    }
    if let Some(key) = &group.kms_key {
        described["kmsKeyId"] = key.as_str().into();
    }
    described
}

/// `ListLogGroups`. No group here has data sources or indexed fields: who asks for some finds none.
pub async fn list_groups(logs: &Logs, call: Call) -> Answer {
    let page = Page::of(&call, &PAGING)?;
    let state = logs.ledger.state();
    let name = call.text("logGroupNamePattern");
    let class = call.text("logGroupClass");
    let tags = call.list("logGroupTags").unwrap_or_default();
    let none = call.list("dataSources").is_some() || call.list("fieldIndexNames").is_some();
    let groups = state.log_groups_from(&call.scope, page.after().unwrap_or_default()).filter(|group| {
        !none
            && name.is_none_or(|pattern| is_named(group.key.name.as_str(), pattern))
            && class.is_none_or(|class| group.class == class)
            && tags.iter().all(|filter| is_tagged(group, filter))
    });
    let (groups, next) = page.take_sorted(groups, |group| group.key.name.to_string(), Order::Ascending);
    let shown = |group: &LogGroup| {
        json!({
            "logGroupName": group.key.name.as_str(), "logGroupArn": group.key.arn(), "logGroupClass": group.class,
        })
    };

    call.answer(&listing("logGroups", groups.into_iter().map(|group| shown(group)).collect(), next))
}

/// Parts of the name, divided by `|`; one behind `^` is its beginning.
fn is_named(name: &str, pattern: &str) -> bool {
    pattern.split('|').any(|part| match part.strip_prefix('^') {
        Some(start) => name.starts_with(start),
        None => name.contains(part),
    })
}

fn is_tagged(group: &LogGroup, filter: &Value) -> bool {
    let Some(value) = filter["key"].as_str().and_then(|key| group.tags.get(key)) else { return false };
    let values = filter["values"].as_array().map(Vec::as_slice).unwrap_or_default();
    values.is_empty() || values.iter().any(|wanted| wanted == value.as_str())
}

/// `DescribeSubscriptionFilters`: none can be put.
pub async fn describe_subscription_filters(logs: &Logs, call: Call) -> Answer {
    if !logs.ledger.state().log_groups.contains_key(&group(&call)) {
        return Err(log_group_not_found());
    }
    call.answer(&listing("subscriptionFilters", Vec::new(), None))
}

/// `DescribeMetricFilters`: none can be put.
pub async fn describe_metric_filters(logs: &Logs, call: Call) -> Answer {
    if call.text("logGroupName").is_some() && !logs.ledger.state().log_groups.contains_key(&group(&call)) {
        return Err(log_group_not_found());
    }
    call.answer(&listing("metricFilters", Vec::new(), None))
}

/// A page of a listing.
pub fn listing(name: &str, items: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = Map::new();
    answer.insert(name.to_owned(), items.into());
    if let Some(next) = next {
        answer.insert("nextToken".to_owned(), next.into());
    }
    answer.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_pattern_means_parts_and_beginnings() {
        assert!(is_named("/aws/lambda/f", "^/aws/lambda|discovery"));
        assert!(is_named("my-discovery", "^/aws/lambda|discovery"));
        assert!(!is_named("my/aws/lambda", "^/aws/lambda|discovery"));
    }
}
