//! What operations are sent, as AWS's model has it (botocore 1.44.5). In forms the items of lists have `member` before their
//! numbers.

use crate::protocol::shape::{Kind, Member, TEXT, length, one_of, pattern};

const NAMESPACE: Kind = pattern(1, 255, "[^:].*");
const NAME: Kind = length(1, 255);
const PERIOD: Kind = Kind::Integer(1, i32::MAX as i64);

const UNIT: Kind = one_of(&[
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
]);

const DIMENSION: Kind =
    Kind::Structure(&[Member::body("Name", NAME).required(), Member::body("Value", length(1, 1024)).required()]);
const DIMENSION_FILTER: Kind =
    Kind::Structure(&[Member::body("Name", NAME).required(), Member::body("Value", length(1, 1024))]);

const METRIC: Kind = Kind::Structure(&[
    Member::body("Namespace", NAMESPACE),
    Member::body("MetricName", NAME),
    Member::body("Dimensions", Kind::List { length: Some((0, 30)), item: &DIMENSION }).on_wire("Dimensions.member"),
]);

const METRIC_STAT: Kind = Kind::Structure(&[
    Member::body("Metric", METRIC).required(),
    Member::body("Period", PERIOD).required(),
    Member::body("Stat", TEXT).required(),
    Member::body("Unit", UNIT),
]);

const METRIC_DATA_QUERY: Kind = Kind::Structure(&[
    Member::body("Id", NAME).required(),
    Member::body("MetricStat", METRIC_STAT),
    Member::body("Expression", length(1, 2048)),
    Member::body("Label", TEXT),
    Member::body("ReturnData", Kind::Boolean),
    Member::body("Period", PERIOD),
    Member::body("AccountId", NAME),
]);

/// `GetMetricData`.
pub const GET_METRIC_DATA: &[Member] = &[
    Member::body("MetricDataQueries", Kind::List { length: None, item: &METRIC_DATA_QUERY })
        .on_wire("MetricDataQueries.member")
        .required(),
    Member::body("StartTime", Kind::Timestamp).required(),
    Member::body("EndTime", Kind::Timestamp).required(),
    Member::body("NextToken", TEXT),
    Member::body("ScanBy", one_of(&["TimestampDescending", "TimestampAscending"])),
    Member::body("MaxDatapoints", Kind::Integer(0, i32::MAX as i64)),
    Member::body("LabelOptions", Kind::Structure(&[Member::body("Timezone", TEXT)])),
];

const STATISTIC: Kind = one_of(&["SampleCount", "Average", "Sum", "Minimum", "Maximum"]);

/// `GetMetricStatistics`.
pub const GET_METRIC_STATISTICS: &[Member] = &[
    Member::body("Namespace", NAMESPACE).required(),
    Member::body("MetricName", NAME).required(),
    Member::body("Dimensions", Kind::List { length: Some((0, 30)), item: &DIMENSION }).on_wire("Dimensions.member"),
    Member::body("StartTime", Kind::Timestamp).required(),
    Member::body("EndTime", Kind::Timestamp).required(),
    Member::body("Period", PERIOD).required(),
    Member::body("Statistics", Kind::List { length: Some((1, 5)), item: &STATISTIC }).on_wire("Statistics.member"),
    Member::body("ExtendedStatistics", Kind::List { length: Some((1, 10)), item: &TEXT })
        .on_wire("ExtendedStatistics.member"),
    Member::body("Unit", UNIT),
];

/// `ListMetrics`.
pub const LIST_METRICS: &[Member] = &[
    Member::body("Namespace", NAMESPACE),
    Member::body("MetricName", NAME),
    Member::body("Dimensions", Kind::List { length: Some((0, 10)), item: &DIMENSION_FILTER })
        .on_wire("Dimensions.member"),
    Member::body("NextToken", TEXT),
    Member::body("RecentlyActive", one_of(&["PT3H"])),
    Member::body("IncludeLinkedAccounts", Kind::Boolean),
    Member::body("OwningAccount", NAME),
];
