//! Kinds that many shapes share, from AWS's service model (botocore 1.44.5).

use crate::protocol::shape::{Kind, Member, TEXT, length, one_of, pattern};

/// `LogGroupName`.
pub const GROUP: Kind = pattern(1, 512, r"[\.\-_/#A-Za-z0-9]+");

/// `LogStreamName`.
pub const STREAM: Kind = pattern(1, 512, "[^:*]*");

/// `LogGroupIdentifier`.
pub const IDENTIFIER: Kind = pattern(1, 2048, r"[\w#+=/:,.@-]*");

/// `NextToken`, `SequenceToken`.
pub const TOKEN: Kind = length(1, 100_000);

/// `Timestamp`, in milliseconds since the epoch.
pub const TIME: Kind = Kind::Integer(0, i64::MAX);

/// `DescribeLimit`.
pub const LIMIT: Kind = Kind::Integer(1, 50);

/// `EventsLimit`.
pub const EVENTS_LIMIT: Kind = Kind::Integer(1, 10_000);

/// `LogGroupClass`.
pub const CLASS: Kind = one_of(&["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"]);

/// `KmsKeyId`.
pub const KMS_KEY: Kind = length(0, 256);

/// `TagKey`.
pub const TAG_KEY: Kind = pattern(1, 128, r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$");

/// `TagValue`.
pub const TAG_VALUE: Kind = pattern(0, 256, r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$");

/// `Tags`.
pub const TAGS: Kind = Kind::Map { length: Some((1, 50)), key: &TAG_KEY, value: &TAG_VALUE };

/// `AccountIds`.
pub const ACCOUNTS: Kind = Kind::List { length: Some((0, 20)), item: &pattern(12, 12, r"^\d{12}$") };

/// `AmazonResourceName`.
pub const RESOURCE: Kind = pattern(1, 1011, r"[\w+=/:,.@-]*");

/// `FilterName`.
pub const FILTER_NAME: Kind = pattern(1, 512, "[^:*]*");

/// `logGroupName`, required.
pub const GROUP_NAME: Member = Member::body("logGroupName", GROUP).required();

/// `logStreamName`, required.
pub const STREAM_NAME: Member = Member::body("logStreamName", STREAM).required();

/// `nextToken`.
pub const NEXT_TOKEN: Member = Member::body("nextToken", TOKEN);

/// Any text, of a member that changes nothing here.
pub const ANY_TEXT: Kind = TEXT;
