//! `FunctionConfiguration`: how a version is shown.

use indexmap::IndexMap;
use serde::Serialize;

use super::function_modes::{ShownModes, ShownS3Files};
use crate::model::arn;
use crate::model::function_settings::RuntimeManagement;
use crate::model::functions::{
    FileSystem, FunctionConfig, FunctionState, FunctionVersion, ImageConfig, UpdateStatus, Vpc,
};
use crate::model::names::FunctionKey;
use crate::model::qualifier::Version;

/// Which ARN a version is shown with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// The function itself: `$LATEST` has the unqualified ARN.
    Unqualified,
    /// Through this qualifier.
    Qualified(&'a str),
    /// With its version, `$LATEST` too.
    Versioned,
}

/// A version as answers show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionConfiguration<'a> {
    function_name: &'a str,
    function_arn: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    runtime: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    handler: &'a str,
    code_size: u64,
    description: &'a str,
    timeout: u32,
    memory_size: u32,
    last_modified: String,
    code_sha256: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_config: Option<VpcConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_config: Option<DeadLetterConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Environment<'a>>,
    #[serde(rename = "KMSKeyArn", skip_serializing_if = "Option::is_none")]
    kms_key_arn: Option<&'a str>,
    tracing_config: TracingConfig<'a>,
    revision_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    layers: Vec<Layer<'a>>,
    #[serde(flatten)]
    status: Option<Status<'a>>,
    package_type: &'static str,
    architectures: [&'static str; 1],
    ephemeral_storage: EphemeralStorage,
    #[serde(skip_serializing_if = "Option::is_none")]
    snap_start: Option<SnapStart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_version_config: Option<RuntimeVersionConfig>,
    logging_config: LoggingConfig<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    file_system_configs: Vec<FileSystemConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_config_response: Option<ImageConfigResponse<'a>>,
    #[serde(flatten)]
    modes: ShownModes<'a>,
}

// The names are the API's.
#[allow(clippy::struct_field_names)]
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Status<'a> {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_update_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_update_status_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_update_status_reason_code: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct VpcConfig<'a> {
    subnet_ids: &'a [String],
    security_group_ids: &'a [String],
    vpc_id: &'a str,
    ipv6_allowed_for_dual_stack: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterConfig<'a> {
    target_arn: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Environment<'a> {
    variables: &'a IndexMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TracingConfig<'a> {
    mode: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Layer<'a> {
    arn: &'a str,
    code_size: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EphemeralStorage {
    size: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SnapStart<'a> {
    apply_on: &'a str,
    optimization_status: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RuntimeVersionConfig {
    runtime_version_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingConfig<'a> {
    log_format: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_log_level: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_log_level: Option<&'a str>,
    log_group: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FileSystemConfig<'a> {
    arn: &'a str,
    local_mount_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    s3_files_config: Option<ShownS3Files<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImageConfigResponse<'a> {
    image_config: ShownImageConfig<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownImageConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_point: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_directory: Option<&'a str>,
}

impl<'a> FunctionConfiguration<'a> {
    /// Shows a version.
    pub fn new(key: &'a FunctionKey, version: &'a FunctionVersion, shown: Shown<'_>) -> Self {
        let config: &FunctionConfig = &version.config;
        Self {
            function_name: key.name.as_str(),
            function_arn: shown_arn(key, version.version, shown),
            runtime: &config.runtime,
            role: &config.role,
            handler: &config.handler,
            code_size: version.code.content.size(),
            description: version.description.as_ref().unwrap_or(&config.description),
            timeout: config.timeout_s,
            memory_size: config.memory_mib,
            last_modified: version.modified.to_string(),
            code_sha256: version.code.content.sha256(),
            version: version.version.to_string(),
            vpc_config: config.vpc.as_ref().map(VpcConfig::new),
            dead_letter_config: config.dead_letter_target.as_ref().map(|target_arn| DeadLetterConfig { target_arn }),
            environment: config.environment.as_ref().map(|variables| Environment { variables: &variables.0 }),
            kms_key_arn: config.kms_key_arn.as_deref(),
            tracing_config: TracingConfig { mode: config.tracing_mode.into() },
            revision_id: version.revision.to_string(),
            layers: config.layers.iter().map(|layer| Layer { arn: &layer.arn, code_size: layer.size }).collect(),
            status: Some(Status::new(version)),
            package_type: version.code.content.package_type(),
            architectures: [config.architecture.into()],
            ephemeral_storage: EphemeralStorage { size: config.ephemeral_storage_mib },
            // Functions of managed instances have none.
            snap_start: config.capacity_provider.is_none().then(|| SnapStart::new(config, version.version)),
            runtime_version_config: (!config.runtime.is_empty())
                .then(|| RuntimeVersionConfig::new(key, &config.runtime)),
            logging_config: LoggingConfig::new(config),
            file_system_configs: config.file_systems.iter().map(FileSystemConfig::new).collect(),
            image_config_response: config.image_config.as_ref().map(ImageConfigResponse::new),
            modes: ShownModes::new(config),
        }
    }
}

impl FunctionConfiguration<'_> {
    /// The same as listings show it: without state and runtime version (recorded in
    /// `test_version_lifecycle`).
    pub fn listed(self) -> Self {
        Self { status: None, runtime_version_config: None, ..self }
    }

    /// The same with the runtime version it is pinned to, if it is.
    pub fn with_runtime_version(self, management: Option<&RuntimeManagement>) -> Self {
        let Some(pinned) = management.and_then(|management| management.runtime_version_arn.clone()) else {
            return self;
        };
        Self { runtime_version_config: Some(RuntimeVersionConfig { runtime_version_arn: pinned }), ..self }
    }

    /// The same with the function's own ARN: so `CreateFunction` shows the version it published
    /// (recorded in `test_notfound_and_invalid_routingconfigs`).
    pub fn with_function_arn(self, key: &FunctionKey) -> Self {
        Self { function_arn: arn::function(key), ..self }
    }
}

fn shown_arn(key: &FunctionKey, version: Version, shown: Shown<'_>) -> String {
    match (shown, version) {
        (Shown::Qualified(qualifier), _) => arn::qualified(key, &qualifier),
        (Shown::Unqualified, Version::Latest) => arn::function(key),
        (Shown::Unqualified | Shown::Versioned, version) => arn::qualified(key, &version),
    }
}

impl<'a> Status<'a> {
    fn new(version: &'a FunctionVersion) -> Self {
        // Recorded: creation and update give the same reason.
        const CREATING: (Option<&str>, Option<&str>) = (Some("The function is being created."), Some("Creating"));
        let (state, (state_reason, state_reason_code)) = match &version.state {
            FunctionState::Pending => ("Pending", CREATING),
            FunctionState::Active => (active(version), (None, None)),
            FunctionState::Failed(failure) => ("Failed", (Some(&*failure.reason), Some(&*failure.code))),
        };
        let (update, (reason, code)) = match &version.last_update {
            None => (None, (None, None)),
            Some(UpdateStatus::Successful) => (Some("Successful"), (None, None)),
            Some(UpdateStatus::InProgress) => (Some("InProgress"), CREATING),
            Some(UpdateStatus::Failed(failure)) => (Some("Failed"), (Some(&*failure.reason), Some(&*failure.code))),
        };
        Self {
            state,
            state_reason,
            state_reason_code,
            last_update_status: update,
            last_update_status_reason: reason,
            last_update_status_reason_code: code,
        }
    }
}

/// `$LATEST` of a function of managed instances is ready, but only its published versions have
/// environments.
fn active(version: &FunctionVersion) -> &'static str {
    if version.is_invocable() { "Active" } else { "ActiveNonInvocable" }
}

impl<'a> VpcConfig<'a> {
    fn new(vpc: &'a Vpc) -> Self {
        Self {
            subnet_ids: &vpc.subnets,
            security_group_ids: &vpc.security_groups,
            vpc_id: &vpc.id,
            ipv6_allowed_for_dual_stack: vpc.ipv6,
        }
    }
}

impl<'a> SnapStart<'a> {
    fn new(config: &'a FunctionConfig, version: Version) -> Self {
        let on = config.has_snapshots() && version != Version::Latest;
        Self { apply_on: config.snap_start.into(), optimization_status: if on { "On" } else { "Off" } }
    }
}

impl RuntimeVersionConfig {
    fn new(key: &FunctionKey, runtime: &str) -> Self {
        Self { runtime_version_arn: arn::runtime_version(&key.scope.region, runtime) }
    }
}

impl<'a> LoggingConfig<'a> {
    fn new(config: &'a FunctionConfig) -> Self {
        let logging = &config.logging;
        Self {
            log_format: logging.format.into(),
            application_log_level: logging.application_level.map(Into::into),
            system_log_level: logging.system_level.map(Into::into),
            log_group: &logging.group,
        }
    }
}

impl<'a> ImageConfigResponse<'a> {
    fn new(config: &'a ImageConfig) -> Self {
        Self {
            image_config: ShownImageConfig {
                entry_point: config.entry_point.as_deref(),
                command: config.command.as_deref(),
                working_directory: config.working_directory.as_deref(),
            },
        }
    }
}

impl<'a> FileSystemConfig<'a> {
    fn new(file_system: &'a FileSystem) -> Self {
        let s3_files_config =
            file_system.direct_s3_read.as_deref().map(|direct_s3_read| ShownS3Files { direct_s3_read });
        Self { arn: &file_system.arn, local_mount_path: &file_system.mount_path, s3_files_config }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::blob::BlobId;
    use crate::model::command::Stamp;
    use crate::model::functions::{Content, sample_config};
    use crate::model::names::Scope;
    use crate::model::time::Timestamp;

    /// The wire shape, as recorded in `test_version_lifecycle`: a change of it breaks clients.
    #[test]
    fn the_wire_shape_is_the_golden_one() {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let key = FunctionKey { scope, name: "f".into() };
        let revision = Stamp { time: Timestamp(0), seed: uuid::Uuid::from_u128(1) }.revision(0);
        let version = FunctionVersion {
            version: Version::Latest,
            code: Content::Zip { blob: BlobId([7; 32]), size: 229 }.into(),
            config: Arc::new(sample_config()),
            description: None,
            state: FunctionState::Pending,
            last_update: None,
            revision,
            deployment: revision,
            modified: Timestamp(1_764_038_324_007),
        };
        let shown = FunctionConfiguration::new(&key, &version, Shown::Unqualified);
        let golden = include_str!("../../../fixtures/wire/function_configuration.json");
        let shown = serde_json::to_value(&shown).expect("is JSON");

        assert_eq!(shown, serde_json::from_str::<serde_json::Value>(golden).expect("is JSON"), "{shown:#}");
    }
}
