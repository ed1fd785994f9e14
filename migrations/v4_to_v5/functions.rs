//! Shapes of schema 4: functions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::code_signing::CodeSigningKey;
use super::concurrency::{ProvisionedConcurrency, Scaling};
use super::event_invoke::EventInvoke;
use super::function_settings::RuntimeManagement;
use super::keys::FunctionKey;
use super::policies::{Policy, Target};
use super::urls::FunctionUrl;
use crate::ledger::shapes::text::{Digest, Id, Map};

shape! {
    Image { uri: String, resolved_uri: String }
    Code {
        blob: Digest, size: u64, image: Option<Image>, source_kms_key_arn: Option<String>, folder: Option<String>,
    }
    Failure { reason: String, code: String }
    Logging {
        format: String, application_level: Option<String>, system_level: Option<String>, group: String,
    }
    Vpc { subnets: Vec<String>, security_groups: Vec<String>, ipv6: bool, id: String }
    FileSystem { arn: String, mount_path: String, direct_s3_read: Option<String> }
    LayerReference { arn: String, blob: Option<Digest>, size: u64, folder: Option<String> }
    ImageConfig {
        entry_point: Option<Vec<String>>, command: Option<Vec<String>>, working_directory: Option<String>,
    }
    CapacityProviderAttachment {
        arn: String, per_environment_max_concurrency: Option<u32>, memory_gib_per_vcpu: Option<f64>,
    }
    DurableConfig {
        retention_days: u32, execution_timeout_s: u32, kms_key_arn: Option<String>,
    }
    RuntimeConfig { arn: String, alias: String }
    FunctionConfig {
        runtime: String, role: String, handler: String, description: String, timeout_s: u32, memory_mib: u32,
        ephemeral_storage_mib: u32, environment: Option<Map<String, String>>, architecture: String,
        tracing_mode: String, logging: Logging, snap_start: String, layers: Vec<LayerReference>,
        kms_key_arn: Option<String>, dead_letter_target: Option<String>, vpc: Option<Vpc>,
        file_systems: Vec<FileSystem>, image_config: Option<ImageConfig>, tenant_isolation: Option<String>,
        capacity_provider: Option<CapacityProviderAttachment>, durable: Option<DurableConfig>,
        runtime_config: Option<RuntimeConfig>, accelerator_memory_gb: Option<i64>,
    }
    FunctionVersion {
        version: u64, code: Code, config: FunctionConfig, description: Option<String>, state: FunctionState,
        last_update: Option<UpdateStatus>, revision: Id, deployment: Id, modified: u64,
    }
    Routing { version: u64, weight: f64 }
    Alias {
        name: String, version: u64, description: String, routing: Option<Routing>, revision: Id,
    }
    Function {
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

status! {
    FunctionState { Pending, Active }
    UpdateStatus { Successful, InProgress }
}

events! {
    1 / 4 FunctionCreated { key: FunctionKey, latest: FunctionVersion, tags: BTreeMap<String, String> }
    2 / 4 FunctionCodeUpdated {
        key: FunctionKey, code: Code, config: FunctionConfig, revision: Id, modified: u64,
    }
    3 / 3 FunctionConfigurationUpdated { key: FunctionKey, config: FunctionConfig, revision: Id, modified: u64 }
    4 / 1 FunctionSettled { key: FunctionKey, version: u64, revision: Id, failure: Option<Failure> }
    5 / 1 FunctionDeleted { key: FunctionKey }
    6 / 4 VersionPublished { key: FunctionKey, version: FunctionVersion, latest_revision: Id }
    7 / 1 VersionDeleted { key: FunctionKey, number: u64 }
    8 / 1 AliasPut { key: FunctionKey, alias: Alias }
    9 / 1 AliasDeleted { key: FunctionKey, name: String }
}
