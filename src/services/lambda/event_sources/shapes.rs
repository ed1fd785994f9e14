//! The requests' shapes, from AWS's service model (botocore 1.44.5).

use crate::protocol::patterns;
use crate::protocol::shape::{Kind, Member, TEXT, length, map, one_of, pattern};

const URI: Kind = pattern(1, 200, r"[ a-zA-Z0-9-\/*:_+=.@-]*");

const ENDPOINT: Kind = pattern(
    1,
    300,
    r"(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]*[a-zA-Z0-9])\.)*([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9\-]*[A-Za-z0-9]):[0-9]{1,5}",
);

const UUID: Member = Member::path("UUID", length(36, 36));

const EVENT_SOURCE_ARN: &str = "EventSourceArn";

const FUNCTION_NAME: Member = Member::body("FunctionName", patterns::NAMESPACED_FUNCTION_NAME);

const ENABLED: Member = Member::body("Enabled", Kind::Boolean);

const BATCH_SIZE: Member = Member::body("BatchSize", Kind::Integer(1, 10_000));

const FILTER_CRITERIA: Member = Member::body(
    "FilterCriteria",
    Kind::Structure(&[Member::body(
        "Filters",
        Kind::List { length: None, item: &Kind::Structure(&[Member::body("Pattern", pattern(0, 4096, r"[\s\S]*"))]) },
    )]),
);

const KMS_KEY_ARN: Member = Member::body("KMSKeyArn", patterns::KMS_KEY_ARN);

const METRICS_CONFIG: Member = Member::body(
    "MetricsConfig",
    Kind::Structure(&[Member::body(
        "Metrics",
        Kind::List { length: Some((0, 3)), item: &one_of(&["EventCount", "ErrorCount", "KafkaMetrics"]) },
    )]),
);

const LOGGING_CONFIG: Member = Member::body(
    "LoggingConfig",
    Kind::Structure(&[Member::body("SystemLogLevel", one_of(&["DEBUG", "INFO", "WARN"]))]),
);

const SCALING_CONFIG: Member =
    Member::body("ScalingConfig", Kind::Structure(&[Member::body("MaximumConcurrency", Kind::Integer(2, 1000))]));

const BATCHING_WINDOW: Member = Member::body("MaximumBatchingWindowInSeconds", Kind::Integer(0, 300));

const PARALLELIZATION_FACTOR: Member = Member::body("ParallelizationFactor", Kind::Integer(1, 10));

const DESTINATION: Kind = Kind::Structure(&[Member::body("Destination", patterns::DESTINATION_ARN)]);

const DESTINATION_CONFIG: Member = Member::body(
    "DestinationConfig",
    Kind::Structure(&[Member::body("OnSuccess", DESTINATION), Member::body("OnFailure", DESTINATION)]),
);

const RECORD_AGE: Member = Member::body("MaximumRecordAgeInSeconds", Kind::Integer(-1, 604_800));

const BISECT: Member = Member::body("BisectBatchOnFunctionError", Kind::Boolean);

const RETRY_ATTEMPTS: Member = Member::body("MaximumRetryAttempts", Kind::Integer(-1, 10_000));

const TUMBLING_WINDOW: Member = Member::body("TumblingWindowInSeconds", Kind::Integer(0, 900));

const SOURCE_ACCESS: Member = Member::body(
    "SourceAccessConfigurations",
    Kind::List {
        length: Some((0, 23)),
        item: &Kind::Structure(&[
            Member::body(
                "Type",
                one_of(&[
                    "BASIC_AUTH",
                    "VPC_SUBNET",
                    "VPC_SECURITY_GROUP",
                    "SASL_SCRAM_512_AUTH",
                    "SASL_SCRAM_256_AUTH",
                    "VIRTUAL_HOST",
                    "CLIENT_CERTIFICATE_TLS_AUTH",
                    "SERVER_ROOT_CA_CERTIFICATE",
                    "OAUTHBEARER_AUTH",
                    "OAUTHBEARER_SCOPE",
                    "OAUTHBEARER_AUDIENCE",
                    "OAUTHBEARER_LOGICAL_CLUSTER",
                    "OAUTHBEARER_IDENTITY_POOL",
                    "IAM_AUTH",
                    "IAM_OAUTHBEARER_AUTH",
                ]),
            ),
            Member::body("URI", URI),
        ]),
    },
);

const SELF_MANAGED_EVENT_SOURCE: Member = Member::body(
    "SelfManagedEventSource",
    Kind::Structure(&[Member::body(
        "Endpoints",
        Kind::Map {
            length: Some((1, 2)),
            key: &one_of(&["KAFKA_BOOTSTRAP_SERVERS"]),
            value: &Kind::List { length: Some((1, 10)), item: &ENDPOINT },
        },
    )]),
);

const RESPONSE_TYPES: Member = Member::body(
    "FunctionResponseTypes",
    Kind::List { length: Some((0, 1)), item: &one_of(&["ReportBatchItemFailures"]) },
);

const SCHEMA_REGISTRY: Member = Member::body(
    "SchemaRegistryConfig",
    Kind::Structure(&[
        Member::body("SchemaRegistryURI", pattern(1, 10_000, r"[a-zA-Z0-9-\/*:_+=.@-]*")),
        Member::body("EventRecordFormat", one_of(&["JSON", "SOURCE"])),
        Member::body(
            "AccessConfigs",
            Kind::List {
                length: None,
                item: &Kind::Structure(&[
                    Member::body(
                        "Type",
                        one_of(&[
                            "BASIC_AUTH",
                            "CLIENT_CERTIFICATE_TLS_AUTH",
                            "SERVER_ROOT_CA_CERTIFICATE",
                            "OAUTHBEARER_AUTH",
                        ]),
                    ),
                    Member::body("URI", patterns::ARN),
                ]),
            },
        ),
        Member::body(
            "SchemaValidationConfigs",
            Kind::List {
                length: None,
                item: &Kind::Structure(&[Member::body("Attribute", one_of(&["KEY", "VALUE"]))]),
            },
        ),
    ]),
);

const CONSUMER_GROUP: Member = Member::body("ConsumerGroupId", URI);

const MANAGED_KAFKA: Member =
    Member::body("AmazonManagedKafkaEventSourceConfig", Kind::Structure(&[CONSUMER_GROUP, SCHEMA_REGISTRY]));

const SELF_MANAGED_KAFKA: Member = Member::body(
    "SelfManagedKafkaEventSourceConfig",
    Kind::Structure(&[CONSUMER_GROUP, SCHEMA_REGISTRY, Member::body("ConsumptionMode", one_of(&["Stream", "Queue"]))]),
);

const DOCUMENT_DB: Member = Member::body(
    "DocumentDBEventSourceConfig",
    Kind::Structure(&[
        Member::body("DatabaseName", pattern(1, 63, r"[^ /\.$\x22]*")),
        Member::body("CollectionName", pattern(1, 57, r"(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)")),
        Member::body("FullDocument", one_of(&["UpdateLookup", "Default"])),
    ]),
);

const PROVISIONED_POLLERS: Member = Member::body(
    "ProvisionedPollerConfig",
    Kind::Structure(&[
        Member::body("MinimumPollers", Kind::Integer(1, 200)),
        Member::body("MaximumPollers", Kind::Integer(1, 10_000)),
        Member::body("PollerGroupName", pattern(0, 128, "[a-zA-Z0-9-_]*")),
    ]),
);

/// `CreateEventSourceMapping`.
pub const CREATE: &[Member] = &[
    Member::body(EVENT_SOURCE_ARN, patterns::ARN),
    FUNCTION_NAME.required(),
    ENABLED,
    BATCH_SIZE,
    FILTER_CRITERIA,
    KMS_KEY_ARN,
    METRICS_CONFIG,
    LOGGING_CONFIG,
    SCALING_CONFIG,
    BATCHING_WINDOW,
    PARALLELIZATION_FACTOR,
    // In the order in which AWS's text has them (`test_create_event_source_validation`).
    Member::body("StartingPosition", one_of(&["LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"])),
    Member::body("StartingPositionTimestamp", Kind::Timestamp),
    DESTINATION_CONFIG,
    RECORD_AGE,
    BISECT,
    RETRY_ATTEMPTS,
    Member::body("Tags", map(&patterns::TAG_KEY, &patterns::TAG_VALUE)),
    TUMBLING_WINDOW,
    Member::body("Topics", Kind::List { length: Some((1, 1)), item: &pattern(1, 249, r"[^.]([a-zA-Z0-9\-_.]+)") }),
    Member::body("Queues", Kind::List { length: Some((1, 1)), item: &pattern(1, 1000, r"[\s\S]*") }),
    SOURCE_ACCESS,
    SELF_MANAGED_EVENT_SOURCE,
    RESPONSE_TYPES,
    MANAGED_KAFKA,
    SELF_MANAGED_KAFKA,
    DOCUMENT_DB,
    PROVISIONED_POLLERS,
];

/// `UpdateEventSourceMapping`.
pub const UPDATE: &[Member] = &[
    UUID,
    FUNCTION_NAME,
    ENABLED,
    BATCH_SIZE,
    FILTER_CRITERIA,
    KMS_KEY_ARN,
    METRICS_CONFIG,
    LOGGING_CONFIG,
    SCALING_CONFIG,
    BATCHING_WINDOW,
    PARALLELIZATION_FACTOR,
    DESTINATION_CONFIG,
    RECORD_AGE,
    BISECT,
    RETRY_ATTEMPTS,
    TUMBLING_WINDOW,
    SOURCE_ACCESS,
    RESPONSE_TYPES,
    MANAGED_KAFKA,
    SELF_MANAGED_KAFKA,
    DOCUMENT_DB,
    PROVISIONED_POLLERS,
];

/// `GetEventSourceMapping` and `DeleteEventSourceMapping`.
pub const NAMED: &[Member] = &[UUID];

/// `ListEventSourceMappings`.
pub const LIST: &[Member] = &[
    Member::query(EVENT_SOURCE_ARN, patterns::ARN),
    Member::query("FunctionName", patterns::NAMESPACED_FUNCTION_NAME),
    Member::query("Marker", TEXT),
    Member::query("MaxItems", patterns::MAX_ITEMS),
];
