//! The operations: a row each.

use super::{Logs, filter_events, get_events, groups, listings, put_events, streams, tags};
use crate::protocol::operation::{Operation, operation};

/// Every operation that is served.
pub const OPERATIONS: &[Operation<Logs>] = &[
    operation!("AssociateKmsKey" groups::ASSOCIATE_KMS_KEY => groups::associate_kms_key),
    operation!("CreateLogGroup" groups::CREATE => groups::create),
    operation!("CreateLogStream" streams::STREAM => streams::create),
    operation!("DeleteLogGroup" groups::GROUP => groups::delete),
    operation!("DeleteLogStream" streams::STREAM => streams::delete),
    operation!("DeleteRetentionPolicy" groups::GROUP => groups::delete_retention),
    operation!("DescribeLogGroups" listings::DESCRIBE_GROUPS => listings::describe_groups),
    operation!("DescribeLogStreams" streams::DESCRIBE => streams::describe),
    operation!("DescribeMetricFilters" listings::DESCRIBE_METRIC_FILTERS => listings::describe_metric_filters),
    operation!("DescribeSubscriptionFilters" listings::DESCRIBE_SUBSCRIPTION_FILTERS => listings::describe_subscription_filters),
    operation!("DisassociateKmsKey" groups::DISASSOCIATE_KMS_KEY => groups::disassociate_kms_key),
    operation!("FilterLogEvents" filter_events::FILTER => filter_events::filter),
    operation!("GetLogEvents" get_events::GET => get_events::get),
    operation!("ListLogGroups" listings::LIST_GROUPS => listings::list_groups),
    operation!("ListTagsForResource" tags::RESOURCE => tags::list_resource),
    operation!("ListTagsLogGroup" groups::GROUP => tags::list_group),
    operation!("PutLogEvents" put_events::PUT => put_events::put),
    operation!("PutLogGroupDeletionProtection" groups::PROTECTION => groups::put_protection),
    operation!("PutRetentionPolicy" groups::RETENTION => groups::put_retention),
    operation!("TagLogGroup" tags::TAG_GROUP => tags::tag_group),
    operation!("TagResource" tags::TAG_RESOURCE => tags::tag_resource),
    operation!("UntagLogGroup" tags::UNTAG_GROUP => tags::untag_group),
    operation!("UntagResource" tags::UNTAG_RESOURCE => tags::untag_resource),
];

/// What an operation that is not served is about, in plain words.
pub fn lack(name: &str) -> &'static str {
    const LACKS: [(&str, &str); 11] = [
        ("SubscriptionFilter", "no subscription filters"),
        ("AccountPolic", "no policies of accounts"),
        ("MetricFilter", "no metric filters"),
        ("ResourcePolic", "no resource policies"),
        ("QueryDefinition", "no queries (Logs Insights)"),
        ("Quer", "no queries (Logs Insights)"),
        ("ExportTask", "no exports"),
        ("Destination", "no destinations"),
        ("Deliver", "no deliveries"),
        ("Anomal", "no anomaly detectors"),
        ("LiveTail", "no live tail"),
    ];
    LACKS.iter().find(|(part, _)| name.contains(part)).map_or("not all of its operations", |(_, lack)| lack)
}

#[cfg(test)]
mod tests {
    use super::lack;

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(lack("PutMetricFilter"), "no metric filters");
        assert_eq!(lack("StartQuery"), "no queries (Logs Insights)");
        assert_eq!(lack("DescribeQueries"), "no queries (Logs Insights)");
        assert_eq!(lack("PutResourcePolicy"), "no resource policies");
        assert_eq!(lack("Nonsense"), "not all of its operations");
    }
}
