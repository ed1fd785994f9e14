//! The operations: a row each.

use std::future::Future;
use std::pin::Pin;

use super::request::Request;
use super::{Answer, Logs, filter_events, get_events, groups, listings, put_events, streams, tags};
use crate::api::shape::Member;

/// An operation's code.
type Handler = for<'a> fn(&'a Logs, Request) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Its name in AWS's model.
    pub name: &'static str,
    /// Its request.
    pub members: &'static [Member],
    /// Its code.
    pub handler: Handler,
}

/// Declares the table.
macro_rules! operations {
    ($($name:literal $members:path => $function:path;)*) => {
        /// Every operation that is served.
        pub static OPERATIONS: &[Operation] = &[$(
            Operation { name: $name, members: $members, handler: |logs, request| Box::pin($function(logs, request)) },
        )*];
    };
}
operations! {
    "AssociateKmsKey" groups::ASSOCIATE_KMS_KEY => groups::associate_kms_key;
    "CreateLogGroup" groups::CREATE => groups::create;
    "CreateLogStream" streams::STREAM => streams::create;
    "DeleteLogGroup" groups::GROUP => groups::delete;
    "DeleteLogStream" streams::STREAM => streams::delete;
    "DeleteRetentionPolicy" groups::GROUP => groups::delete_retention;
    "DescribeLogGroups" listings::DESCRIBE_GROUPS => listings::describe_groups;
    "DescribeLogStreams" streams::DESCRIBE => streams::describe;
    "DescribeMetricFilters" listings::DESCRIBE_METRIC_FILTERS => listings::describe_metric_filters;
    "DescribeSubscriptionFilters" listings::DESCRIBE_SUBSCRIPTION_FILTERS => listings::describe_subscription_filters;
    "DisassociateKmsKey" groups::DISASSOCIATE_KMS_KEY => groups::disassociate_kms_key;
    "FilterLogEvents" filter_events::FILTER => filter_events::filter;
    "GetLogEvents" get_events::GET => get_events::get;
    "ListLogGroups" listings::LIST_GROUPS => listings::list_groups;
    "ListTagsForResource" tags::RESOURCE => tags::list_resource;
    "ListTagsLogGroup" groups::GROUP => tags::list_group;
    "PutLogEvents" put_events::PUT => put_events::put;
    "PutLogGroupDeletionProtection" groups::PROTECTION => groups::put_protection;
    "PutRetentionPolicy" groups::RETENTION => groups::put_retention;
    "TagLogGroup" tags::TAG_GROUP => tags::tag_group;
    "TagResource" tags::TAG_RESOURCE => tags::tag_resource;
    "UntagLogGroup" tags::UNTAG_GROUP => tags::untag_group;
    "UntagResource" tags::UNTAG_RESOURCE => tags::untag_resource;
}

/// The operation of a name.
pub fn find(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}

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
