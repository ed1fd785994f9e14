//! Functions, their versions and aliases, as stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::code_signing::CodeSigningKey;
use super::concurrency::{ProvisionedConcurrency, Scaling};
use super::event_invoke::EventInvoke;
use super::function_settings::RuntimeManagement;
use super::policies::{Policy, Target};
use super::stored::{Architecture, FunctionKey, Stored};
use super::text::{Digest, Id, Map};
use super::urls::FunctionUrl;
use crate::model::functions::alias;
use crate::model::functions::event::FunctionEvent;
use crate::model::functions::{self, Content};
use crate::model::hot_folder::HotFolder;

/// Variables keep their order.
impl Stored<functions::Variables> for Map<String, String> {
    fn store(model: &functions::Variables) -> Self {
        Self(model.0.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }
    fn load(self) -> functions::Variables {
        functions::Variables(self.0.into_iter().collect())
    }
}

/// Code, as the first schemas wrote it: `blob` is the digest of an image too, and of a folder's name.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    blob: Digest,
    size: u64,
    image: Option<Image>,
    source_kms_key_arn: Option<String>,
    folder: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    uri: String,
    resolved_uri: String,
}

impl Stored<functions::Code> for Code {
    fn store(model: &functions::Code) -> Self {
        let functions::Code { content, source_kms_key_arn } = model;
        let image =
            |image: &functions::Image| Image { uri: image.uri.clone(), resolved_uri: image.resolved_uri.clone() };
        Self {
            blob: Stored::store(&content.digest()),
            size: content.size(),
            image: content.image().map(image),
            source_kms_key_arn: source_kms_key_arn.clone(),
            folder: content.folder().map(|folder| folder.0.clone()),
        }
    }

    fn load(self) -> functions::Code {
        let digest = self.blob.load();
        let content = match (self.image, self.folder) {
            (None, None) => Content::Zip { blob: digest, size: self.size },
            (Some(Image { uri, resolved_uri }), _) => Content::Image(functions::Image { uri, resolved_uri, digest }),
            (None, Some(folder)) => Content::Folder(HotFolder(folder)),
        };
        functions::Code { content, source_kms_key_arn: self.source_kms_key_arn }
    }
}

shape! {
    Failure = functions::Failure { reason: String, code: String }
    Logging = functions::Logging {
        format: LogFormat, application_level: Option<LogLevel>, system_level: Option<LogLevel>, group: String,
    }
    Vpc = functions::Vpc { subnets: Vec<String>, security_groups: Vec<String>, ipv6: bool, id: String }
    FileSystem = functions::FileSystem { arn: String, mount_path: String, direct_s3_read: Option<String> }
    LayerReference = functions::LayerReference { arn: String, blob: Option<Digest>, size: u64, folder: Option<String> }
    ImageConfig = functions::ImageConfig {
        entry_point: Option<Vec<String>>, command: Option<Vec<String>>, working_directory: Option<String>,
    }
    CapacityProviderAttachment = functions::CapacityProviderAttachment {
        arn: String, per_environment_max_concurrency: Option<u32>, memory_gib_per_vcpu: Option<f64>,
    }
    DurableConfig = functions::DurableConfig {
        retention_days: u32, execution_timeout_s: u32, kms_key_arn: Option<String>,
    }
    RuntimeConfig = functions::RuntimeConfig { arn: String, alias: String }
    FunctionConfig = functions::FunctionConfig {
        runtime: String, role: String, handler: String, description: String, timeout_s: u32, memory_mib: u32,
        ephemeral_storage_mib: u32, environment: Option<Map<String, String>>, architecture: Architecture,
        tracing_mode: TracingMode, logging: Logging, snap_start: SnapStart, layers: Vec<LayerReference>,
        kms_key_arn: Option<String>, dead_letter_target: Option<String>, vpc: Option<Vpc>,
        file_systems: Vec<FileSystem>, image_config: Option<ImageConfig>, tenant_isolation: Option<String>,
        capacity_provider: Option<CapacityProviderAttachment>, durable: Option<DurableConfig>,
        runtime_config: Option<RuntimeConfig>, accelerator_memory_gb: Option<i64>,
    }
    FunctionVersion = functions::FunctionVersion {
        version: u64, code: Code, config: FunctionConfig, description: Option<String>, state: FunctionState,
        last_update: Option<UpdateStatus>, revision: Id, deployment: Id, modified: u64,
    }
    Routing = alias::Routing { version: u64, weight: f64 }
    Alias = alias::Alias {
        name: String, version: u64, description: String, routing: Option<Routing>, revision: Id,
    }
    Function = functions::Function {
        key: FunctionKey, latest: FunctionVersion, latest_published: Option<FunctionVersion>, versions: Map<u64, FunctionVersion>, last_version: u64,
        aliases: Map<String, Alias>, tags: BTreeMap<String, String>, reserved_concurrency: Option<u32>,
        provisioned_concurrency: Map<String, ProvisionedConcurrency>, scaling: Map<String, Scaling>,
        code_signing_config: Option<CodeSigningKey>,
        urls: Map<Option<String>, FunctionUrl>,
        event_invoke: Map<String, EventInvoke>, allows_recursion: bool,
        runtime_management: Map<u64, RuntimeManagement>,
        policies: Map<Target, Policy>,
    }
}

words! {
    TracingMode = functions::TracingMode { PassThrough, Active }
    SnapStart = functions::SnapStart { None, PublishedVersions }
    LogFormat = functions::LogFormat { Text, Json = "JSON" }
    LogLevel = functions::LogLevel {
        Trace = "TRACE", Debug = "DEBUG", Info = "INFO", Warn = "WARN", Error = "ERROR", Fatal = "FATAL",
    }
}

status! {
    FunctionState = functions::FunctionState { Pending, Active }
    UpdateStatus = functions::UpdateStatus { Successful, InProgress }
}

events! { FunctionEvent {
    1 FunctionCreated { key: FunctionKey, latest: FunctionVersion, tags: BTreeMap<String, String> }
    2 FunctionCodeUpdated {
        key: FunctionKey, code: Code, config: FunctionConfig, revision: Id, modified: u64,
    }
    3 FunctionConfigurationUpdated { key: FunctionKey, config: FunctionConfig, revision: Id, modified: u64 }
    4 FunctionSettled { key: FunctionKey, version: u64, revision: Id, failure: Option<Failure> }
    5 FunctionDeleted { key: FunctionKey }
    6 VersionPublished { key: FunctionKey, version: FunctionVersion, latest_revision: Id }
    7 VersionDeleted { key: FunctionKey, number: u64 }
    8 AliasPut { key: FunctionKey, alias: Alias }
    9 AliasDeleted { key: FunctionKey, name: String }
} }
