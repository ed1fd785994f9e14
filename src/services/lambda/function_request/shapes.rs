//! The shapes, from AWS's service model (botocore 1.44.5).

use crate::protocol::patterns;
use crate::protocol::shape::{Kind, Member, TEXT, broken_item, length, map, one_of, pattern};
use crate::services::lambda::function_modes;

const FUNCTION_NAME: Member = Member::path("FunctionName", patterns::FUNCTION_NAME);

/// `S3Bucket`.
pub const BUCKET: Kind = pattern(3, 63, r"[0-9A-Za-z\.\-_]*(?<!\.)");

/// `S3Key` and `S3ObjectVersion`.
pub const S3_NAME: Kind = pattern(1, 1024, ".*");

/// The members of `FunctionCode`, which `UpdateFunctionCode` has at its top.
macro_rules! code_members {
    ($($more:expr),* $(,)?) => {
        &[
            $($more,)*
            Member::body("ZipFile", Kind::Blob),
            Member::body("S3Bucket", BUCKET),
            Member::body("S3Key", S3_NAME),
            Member::body("S3ObjectVersion", S3_NAME),
            Member::body("S3ObjectStorageMode", one_of(&["COPY", "REFERENCE"])),
            Member::body("ImageUri", TEXT),
            Member::body("SourceKMSKeyArn", patterns::KMS_KEY_ARN),
        ]
    };
}

/// The members of a configuration that can be set when a function is created and later.
macro_rules! configuration_members {
    ($($more:expr),* $(,)?) => {
        &[
            $($more,)*
            // Not the model's enum: AWS answers an unknown runtime in its own words.
            Member::body("Runtime", TEXT),
            Member::body("Handler", patterns::HANDLER),
            Member::body("Description", patterns::DESCRIPTION),
            // The limits of functions outside of managed instances are lower: `decide` looks.
            Member::body("Timeout", Kind::Integer(1, 5400)),
            Member::body("MemorySize", Kind::Integer(128, 32_768)),
            Member::body("VpcConfig", VPC),
            Member::body("DeadLetterConfig", Kind::Structure(&[Member::body("TargetArn", patterns::RESOURCE_ARN)])),
            Member::body("Environment", ENVIRONMENT),
            Member::body("KMSKeyArn", patterns::KMS_KEY_ARN),
            Member::body("TracingConfig", Kind::Structure(&[Member::body("Mode", one_of(&["Active", "PassThrough"]))])),
            Member::body("Layers", LAYERS),
            Member::body("FileSystemConfigs", FILE_SYSTEMS),
            Member::body("EphemeralStorage", Kind::Structure(&[Member::body("Size", Kind::Integer(512, 32_768)).required()])),
            Member::body("SnapStart", Kind::Structure(&[Member::body("ApplyOn", one_of(&["PublishedVersions", "None"]))])),
            Member::body("LoggingConfig", LOGGING),
            Member::body("ImageConfig", IMAGE_CONFIG),
            Member::body("CapacityProviderConfig", function_modes::CAPACITY_PROVIDER),
            Member::body("DurableConfig", function_modes::DURABLE),
            Member::body("RuntimeConfig", function_modes::RUNTIME),
            Member::body("AcceleratorConfig", function_modes::ACCELERATOR),
        ]
    };
}

/// Recorded in `test_layer_function_exceptions`.
const LAYERS: Kind = Kind::Judged {
    kind: &Kind::List { length: None, item: &TEXT },
    judge: |arns| broken_item(&patterns::LAYER_VERSION_ARN, arns, "layers"),
};

const VPC: Kind = Kind::Structure(&[
    Member::body("SubnetIds", Kind::List { length: Some((0, 16)), item: &patterns::SUBNET }),
    Member::body("SecurityGroupIds", Kind::List { length: Some((0, 5)), item: &patterns::SECURITY_GROUP }),
    Member::body("Ipv6AllowedForDualStack", Kind::Boolean),
]);

const ENVIRONMENT: Kind = Kind::Structure(&[Member::body("Variables", map(&patterns::VARIABLE_NAME, &TEXT))]);

const FILE_SYSTEMS: Kind = Kind::List {
    length: Some((0, 1)),
    item: &Kind::Structure(&[
        Member::body("Arn", patterns::FILE_SYSTEM_ARN).required(),
        Member::body("LocalMountPath", patterns::MOUNT_PATH).required(),
        Member::body("S3FilesConfig", function_modes::S3_FILES),
    ]),
};

const LOGGING: Kind = Kind::Structure(&[
    Member::body("LogFormat", one_of(&["JSON", "Text"])),
    Member::body("ApplicationLogLevel", one_of(&["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"])),
    Member::body("SystemLogLevel", one_of(&["DEBUG", "INFO", "WARN"])),
    Member::body("LogGroup", patterns::LOG_GROUP),
]);

const IMAGE_CONFIG: Kind = Kind::Structure(&[
    Member::body("EntryPoint", ARGUMENTS),
    Member::body("Command", ARGUMENTS),
    Member::body("WorkingDirectory", length(0, 1000)),
]);

const ARGUMENTS: Kind = Kind::List { length: Some((0, 1500)), item: &TEXT };

const ARCHITECTURES: Kind = Kind::List { length: Some((1, 1)), item: &one_of(&["x86_64", "arm64"]) };

/// `CreateFunction`.
pub const CREATE: &[Member] = configuration_members![
    Member::body("FunctionName", patterns::FUNCTION_NAME).required(),
    Member::body("Role", patterns::ROLE).required(),
    Member::body("Code", Kind::Structure(code_members![])).required(),
    Member::body("Publish", Kind::Boolean),
    Member::body("PublishTo", function_modes::PUBLISH_TO),
    Member::body("TenancyConfig", function_modes::TENANCY),
    Member::body("PackageType", one_of(&["Zip", "Image"])),
    Member::body("Tags", map(&patterns::TAG_KEY, &patterns::TAG_VALUE)),
    Member::body("Architectures", ARCHITECTURES),
    Member::body("CodeSigningConfigArn", patterns::CODE_SIGNING_CONFIG_ARN),
];

/// `UpdateFunctionCode`.
pub const UPDATE_CODE: &[Member] = code_members![
    FUNCTION_NAME,
    Member::body("Architectures", ARCHITECTURES),
    Member::body("Publish", Kind::Boolean),
    Member::body("PublishTo", function_modes::PUBLISH_TO),
    Member::body("DryRun", Kind::Boolean),
    Member::body("RevisionId", TEXT),
];

/// `UpdateFunctionConfiguration`.
pub const UPDATE_CONFIGURATION: &[Member] =
    configuration_members![FUNCTION_NAME, Member::body("Role", patterns::ROLE), Member::body("RevisionId", TEXT),];
