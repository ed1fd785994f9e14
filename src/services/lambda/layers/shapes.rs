//! Requests about layers.

use serde_json::Value;

use crate::model::runtimes;
use crate::model::runtimes::{Lifecycle, texts};
use crate::protocol::patterns;
use crate::protocol::shape::{Kind, Member, TEXT, one_of, pattern};
use crate::services::lambda::function_request::{BUCKET, S3_NAME};
use crate::services::lambda::policies::STATEMENT_ID;

/// `LayerNameOrArn`.
const LAYER: Member = Member::path(
    "LayerName",
    pattern(
        1,
        2048,
        r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]{1,140}|[a-zA-Z0-9-_]{1,140})",
    ),
);

/// Any number: AWS says in its own words what is wrong with it.
const VERSION: Member = Member::path("VersionNumber", Kind::Integer(i64::MIN, i64::MAX));

const ARCHITECTURE: Kind = one_of(&["x86_64", "arm64"]);

/// Runtimes to list by: AWS prints a list of its own.
const RUNTIME: Kind = Kind::Judged { kind: &TEXT, judge: judge_runtime };

const MAX_ITEMS: Kind = Kind::Integer(1, 50);

/// `GetLayerVersion`, `DeleteLayerVersion` and `GetLayerVersionPolicy`.
pub const NAMED: &[Member] = &[LAYER, VERSION];

/// `GetLayerVersionByArn`.
pub const BY_ARN: &[Member] = &[Member::query("Arn", patterns::LAYER_VERSION_ARN).required()];

/// `PublishLayerVersion`. The runtimes come before the architectures, as in AWS's recorded message
/// (`test_layer_exceptions`).
pub const PUBLISH: &[Member] = &[
    LAYER,
    Member::body("Description", patterns::DESCRIPTION),
    Member::body(
        "Content",
        Kind::Structure(&[
            Member::body("S3Bucket", BUCKET),
            Member::body("S3Key", S3_NAME),
            Member::body("S3ObjectVersion", S3_NAME),
            Member::body("S3ObjectStorageMode", one_of(&["COPY", "REFERENCE"])),
            Member::body("ZipFile", Kind::Blob),
        ]),
    )
    .required(),
    Member::body("CompatibleRuntimes", Kind::Judged { kind: &RUNTIMES, judge: judge_runtimes }),
    Member::body("CompatibleArchitectures", Kind::List { length: Some((0, 2)), item: &ARCHITECTURE }),
    Member::body("LicenseInfo", pattern(0, 512, ".*")),
];

const RUNTIMES: Kind = Kind::List { length: Some((0, 15)), item: &TEXT };

/// `ListLayers`.
pub const LIST: &[Member] = &[
    Member::query("CompatibleArchitecture", ARCHITECTURE),
    Member::query("CompatibleRuntime", RUNTIME),
    Member::query("Marker", TEXT),
    Member::query("MaxItems", MAX_ITEMS),
];

/// `ListLayerVersions`.
pub const LIST_VERSIONS: &[Member] = &[
    Member::query("CompatibleArchitecture", ARCHITECTURE),
    Member::query("CompatibleRuntime", RUNTIME),
    LAYER,
    Member::query("Marker", TEXT),
    Member::query("MaxItems", MAX_ITEMS),
];

/// `AddLayerVersionPermission`.
pub const ADD_PERMISSION: &[Member] = &[
    LAYER,
    VERSION,
    Member::body("StatementId", STATEMENT_ID).required(),
    Member::body("Action", pattern(0, 22, "lambda:GetLayerVersion")).required(),
    Member::body("Principal", pattern(0, 10_000, r"\d{12}|\*|arn:(aws[a-zA-Z-]*):iam::\d{12}:root")).required(),
    Member::body("OrganizationId", pattern(0, 34, "o-[a-z0-9]{10,32}")),
    Member::query("RevisionId", TEXT),
];

/// `RemoveLayerVersionPermission`.
pub const REMOVE_PERMISSION: &[Member] =
    &[LAYER, VERSION, Member::path("StatementId", STATEMENT_ID), Member::query("RevisionId", TEXT)];

fn judge_runtime(value: &Value) -> Option<String> {
    let name = value.as_str()?;
    (!texts::KNOWN.contains(&name) && runtimes::find(name).is_none()).then(|| texts::unknown_compatible_runtime(name))
}

/// Layers are published for every runtime that AWS ever had, also for those that functions can no longer be created
/// with (`LocalStack`'s recordings of AWS, 2026-01); AWS's error names the present ones only.
fn judge_runtimes(value: &Value) -> Option<String> {
    let names: Vec<&str> = value.as_array()?.iter().filter_map(Value::as_str).collect();
    let is_known = |name: &&str| runtimes::find(name).is_some_and(|runtime| runtime.lifecycle != Lifecycle::Internal);
    (!names.iter().all(is_known)).then(|| texts::unknown_compatible_runtimes(&names))
}
