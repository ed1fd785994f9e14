//! Requests that create or change functions: their shapes, and what they mean with AWS's defaults.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;

use super::function_modes;
use super::function_modes::ModesRequest;
use crate::model::error::ApiError;
use crate::model::functions::decide::{check_new_modes, mode_defaults};
use crate::model::functions::{
    ConfigPatch, FileSystem, FunctionConfig, ImageConfig, LogFormat, LogLevel, LoggingPatch, SnapStart, TracingMode,
    Variables, Vpc,
};
use crate::model::names::FunctionKey;
use crate::model::runtimes::Architecture;
use crate::protocol::word::Word;

/// `CreateFunction` as sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRequest {
    code: CodeSource,
    package_type: Option<String>,
    architectures: Option<[Word<Architecture>; 1]>,
    /// Whether to publish version 1 at once.
    pub publish: Option<bool>,
    /// Where to publish to instead of a number.
    pub publish_to: Option<String>,
    tenancy_config: Option<function_modes::TenancyRequest>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The code-signing configuration.
    pub code_signing_config_arn: Option<String>,
    #[serde(flatten)]
    configuration: ConfigurationRequest,
}

/// `UpdateFunctionCode` as sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CodeRequest {
    /// Where the code is.
    #[serde(flatten)]
    pub source: CodeSource,
    /// The architecture, in a list of one.
    pub architectures: Option<[Word<Architecture>; 1]>,
    /// Whether to publish a version.
    pub publish: Option<bool>,
    /// Where to publish to instead of a number.
    pub publish_to: Option<String>,
    /// Whether to only check.
    pub dry_run: Option<bool>,
    /// The revision the caller knows.
    pub revision_id: Option<String>,
}

/// Where code is. Exactly one of zip, S3 object and image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CodeSource {
    /// A zip in base64.
    pub zip_file: Option<String>,
    /// A bucket, with the key of a zip in it.
    pub s3_bucket: Option<String>,
    /// The key.
    pub s3_key: Option<String>,
    /// A version of the object.
    pub s3_object_version: Option<String>,
    /// A container image.
    pub image_uri: Option<String>,
    /// The key that encrypts the package.
    #[serde(rename = "SourceKMSKeyArn")]
    pub source_kms_key_arn: Option<String>,
}

/// The members of a configuration as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfigurationRequest {
    /// The revision the caller knows.
    pub revision_id: Option<String>,
    runtime: Option<String>,
    role: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    timeout: Option<u32>,
    memory_size: Option<u32>,
    vpc_config: Option<VpcRequest>,
    dead_letter_config: Option<DeadLetterRequest>,
    environment: Option<EnvironmentRequest>,
    #[serde(rename = "KMSKeyArn")]
    kms_key_arn: Option<String>,
    tracing_config: Option<TracingRequest>,
    layers: Option<Vec<String>>,
    file_system_configs: Option<Vec<FileSystemRequest>>,
    ephemeral_storage: Option<StorageRequest>,
    snap_start: Option<SnapStartRequest>,
    logging_config: Option<LoggingRequest>,
    image_config: Option<ImageConfigRequest>,
    #[serde(flatten)]
    modes: ModesRequest,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageConfigRequest {
    entry_point: Option<Vec<String>>,
    command: Option<Vec<String>>,
    working_directory: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VpcRequest {
    subnet_ids: Option<Vec<String>>,
    security_group_ids: Option<Vec<String>>,
    ipv6_allowed_for_dual_stack: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterRequest {
    target_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EnvironmentRequest {
    variables: Option<IndexMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TracingRequest {
    mode: Option<Word<TracingMode>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FileSystemRequest {
    arn: String,
    local_mount_path: String,
    s3_files_config: Option<function_modes::S3FilesRequest>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StorageRequest {
    size: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnapStartRequest {
    apply_on: Option<Word<SnapStart>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingRequest {
    log_format: Option<Word<LogFormat>>,
    application_log_level: Option<Word<LogLevel>>,
    system_log_level: Option<Word<LogLevel>>,
    log_group: Option<String>,
}

impl CreateRequest {
    /// The whole configuration with AWS's defaults, and where the code is.
    ///
    /// # Errors
    /// What a zip function must have is missing, or the package is an image.
    pub fn into_config(self, key: &FunctionKey) -> Result<(FunctionConfig, CodeSource), ApiError> {
        let patch = self.configuration.into_patch();
        if self.package_type.as_deref() == Some("Image") {
            check_image(&patch, &self.code)?;
        } else {
            check_zip(&patch, &self.code)?;
        }

        let runtime = patch.runtime.clone().unwrap_or_default();
        let handler = patch.handler.clone().unwrap_or_default();
        let role = patch.role.clone().unwrap_or_default();
        let log_group = format!("/aws/lambda/{}", key.name);
        check_new_modes(&patch)?;
        let mut base = FunctionConfig::new(&runtime, &role, &handler, &log_group);
        mode_defaults(&mut base, &patch);
        let mut config = base.patched(&patch);
        if let Some([Word(architecture)]) = self.architectures {
            config.architecture = architecture;
        }
        config.tenant_isolation = self.tenancy_config.map(|tenancy| tenancy.tenant_isolation_mode);

        Ok((config, self.code))
    }
}

/// What a function of an image must and must not have.
fn check_image(patch: &ConfigPatch, code: &CodeSource) -> Result<(), ApiError> {
    if patch.runtime.is_some() || patch.handler.is_some() || patch.layers.as_ref().is_some_and(|list| !list.is_empty())
    {
        return Err(ApiError::invalid_parameter(
            "Please don't provide Handler or Runtime or Layer when the intent is to create with container image.",
        ));
    }

    if code.image_uri.is_none() {
        return Err(ApiError::invalid_parameter(
            "Please provide ImageUri when creating a function with packageType Image.",
        ));
    }

    Ok(())
}

/// What a function of a zip must and must not have.
fn check_zip(patch: &ConfigPatch, code: &CodeSource) -> Result<(), ApiError> {
    if code.image_uri.is_some() {
        return Err(ApiError::invalid_parameter(
            "Please don't provide ImageUri when creating a function with packageType Zip.",
        ));
    }

    if patch.image_config.is_some() {
        return Err(ApiError::invalid_parameter(
            "Please don't provide ImageConfig when creating a function with packageType Zip.",
        ));
    }

    if patch.runtime.is_none() || patch.handler.is_none() {
        return Err(ApiError::invalid_parameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    }

    Ok(())
}

impl ConfigurationRequest {
    /// What the caller gave.
    pub fn into_patch(self) -> ConfigPatch {
        ConfigPatch {
            runtime: self.runtime,
            role: self.role,
            handler: self.handler,
            description: self.description,
            timeout_s: self.timeout,
            memory_mib: self.memory_size,
            ephemeral_storage_mib: self.ephemeral_storage.map(|storage| storage.size),
            environment: self.environment.and_then(|environment| environment.variables).map(Variables),
            tracing_mode: self.tracing_config.and_then(|tracing| Some(tracing.mode?.0)),
            logging: self.logging_config.map(LoggingRequest::into_patch).unwrap_or_default(),
            snap_start: self.snap_start.and_then(|snap_start| Some(snap_start.apply_on?.0)),
            layers: self.layers,
            kms_key_arn: self.kms_key_arn,
            dead_letter_target: self.dead_letter_config.map(|config| config.target_arn.unwrap_or_default()),
            vpc: self.vpc_config.map(VpcRequest::into_vpc),
            image_config: self.image_config.map(|image| ImageConfig {
                entry_point: image.entry_point,
                command: image.command,
                working_directory: image.working_directory,
            }),
            capacity_provider: self.modes.capacity_provider_config.map(Into::into),
            durable: self.modes.durable_config.map(Into::into),
            runtime_config: self.modes.runtime_config.map(Into::into),
            accelerator_memory_gb: self.modes.accelerator_config.map(|config| config.accelerator_memory_size),
            file_systems: self
                .file_system_configs
                .map(|list| list.into_iter().map(FileSystemRequest::into_file_system).collect()),
        }
    }
}

impl LoggingRequest {
    fn into_patch(self) -> LoggingPatch {
        LoggingPatch {
            format: self.log_format.map(|word| word.0),
            application_level: self.application_log_level.map(|word| word.0),
            system_level: self.system_log_level.map(|word| word.0),
            group: self.log_group,
        }
    }
}

impl VpcRequest {
    fn into_vpc(self) -> Vpc {
        Vpc {
            subnets: self.subnet_ids.unwrap_or_default(),
            security_groups: self.security_group_ids.unwrap_or_default(),
            ipv6: self.ipv6_allowed_for_dual_stack.unwrap_or(false),
            id: String::new(),
        }
    }
}

impl FileSystemRequest {
    fn into_file_system(self) -> FileSystem {
        let direct_s3_read = self.s3_files_config.and_then(|config| config.direct_s3_read);
        FileSystem { arn: self.arn, mount_path: self.local_mount_path, direct_s3_read }
    }
}
