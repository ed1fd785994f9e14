//! Patterns and kinds that many shapes share, from AWS's service model (botocore 1.44.5).

use super::shape::{Kind, pattern};

/// `FunctionName`.
pub const FUNCTION_NAME: Kind = pattern(
    1,
    140,
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
);

/// `NamespacedFunctionName`.
pub const NAMESPACED_FUNCTION_NAME: Kind = pattern(
    1,
    256,
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
);

/// `NumericLatestPublishedOrAliasQualifier`.
pub const QUALIFIER: Kind = pattern(1, 128, r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+");

/// `Alias`.
pub const ALIAS: Kind = pattern(1, 128, r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)");

/// `VersionWithLatestPublished`.
pub const VERSION: Kind = pattern(1, 1024, r"(\$LATEST(\.PUBLISHED)?|[0-9]+)");

/// `AdditionalVersion`.
pub const ADDITIONAL_VERSION: Kind = pattern(1, 1024, "[0-9]+");

/// `Arn`, `EventSourceArn`: an ARN of any service.
pub const ARN: Kind = pattern(
    0,
    10_000,
    r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)",
);

/// `DestinationArn`.
pub const DESTINATION_ARN: Kind = pattern(
    0,
    350,
    r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)",
);

/// `Description`.
pub const DESCRIPTION: Kind = super::shape::length(0, 256);

/// `MaxListItems`.
pub const MAX_ITEMS: Kind = Kind::Integer(1, 10_000);

/// `RoleArn`.
pub const ROLE: Kind = pattern(0, 10_000, r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+");

/// `Handler`.
pub const HANDLER: Kind = pattern(0, 128, r"[^\s]+");

/// `KMSKeyArn`.
pub const KMS_KEY_ARN: Kind = pattern(0, 10_000, r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()");

/// `LayerVersionArn`.
pub const LAYER_VERSION_ARN: Kind = pattern(
    1,
    2048,
    r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)",
);

/// `CapacityProviderName`: a name or an ARN.
pub const CAPACITY_PROVIDER: Kind = pattern(
    1,
    140,
    r"(arn:aws[a-zA-Z-]*:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:capacity-provider:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+",
);

/// `CapacityProviderArn`.
pub const CAPACITY_PROVIDER_ARN: Kind = pattern(
    1,
    140,
    r"arn:aws[a-zA-Z-]*:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:capacity-provider:[a-zA-Z0-9-_]+",
);

/// `TenantId`.
pub const TENANT_ID: Kind = pattern(1, 256, r"[a-zA-Z0-9\._:\/=+\-@ ]+");

/// `DurableExecutionName`.
pub const DURABLE_EXECUTION_NAME: Kind = pattern(1, 64, "[a-zA-Z0-9-_]+");

/// `LogGroup`.
pub const LOG_GROUP: Kind = pattern(1, 512, r"[\.\-_/#A-Za-z0-9]+");

/// `SubnetId`.
pub const SUBNET: Kind = pattern(0, 1024, "subnet-[0-9a-z]*");

/// `SecurityGroupId`.
pub const SECURITY_GROUP: Kind = pattern(0, 1024, "sg-[0-9a-zA-Z]*");

/// `FileSystemArn`.
pub const FILE_SYSTEM_ARN: Kind = pattern(
    0,
    256,
    r"arn:aws[a-zA-Z-]*:elasticfilesystem:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:access-point/fsap-[a-f0-9]{17}$|^arn:aws[-a-z]*:s3files:[0-9a-z-:]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}",
);

/// `LocalMountPath`.
pub const MOUNT_PATH: Kind = pattern(0, 160, r"/mnt/[a-zA-Z0-9-_.]+");

/// `EnvironmentVariableName`.
pub const VARIABLE_NAME: Kind = Kind::Text { length: None, pattern: Some("[a-zA-Z]([a-zA-Z0-9_])+"), values: &[] };

/// `ResourceArn`.
pub const RESOURCE_ARN: Kind = pattern(0, 10_000, r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()");

/// `CodeSigningConfigArn`.
pub const CODE_SIGNING_CONFIG_ARN: Kind = pattern(
    0,
    200,
    r"arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:code-signing-config:csc-[a-z0-9]{17}",
);

/// `TagKey`.
pub const TAG_KEY: Kind = pattern(1, 128, r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");

/// `TagValue`.
pub const TAG_VALUE: Kind = pattern(0, 256, r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");
