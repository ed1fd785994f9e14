//! Members of functions that make them run in another way: on instances of a capacity provider, as
//! durable functions, with an environment for each tenant.

use serde::{Deserialize, Serialize};

use crate::model::functions::command::Publication;
use crate::model::functions::{CapacityProviderAttachment, DurableConfig, DurablePatch, FunctionConfig, RuntimeConfig};

/// What `PublishTo` asks for.
pub fn target(publish_to: Option<&String>) -> Publication {
    // The shape knows one value.
    publish_to.map_or(Publication::Numbered, |_| Publication::LatestPublished)
}

/// What `Publish` and `PublishTo` ask for together: the first says whether, the second where to.
pub fn publication(publish: Option<bool>, publish_to: Option<&String>) -> Option<Publication> {
    publish.unwrap_or(false).then(|| target(publish_to))
}

/// The members as sent, of creation and update alike.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModesRequest {
    /// Runs on instances of a capacity provider.
    pub capacity_provider_config: Option<CapacityProviderConfig>,
    /// Is a durable function.
    pub durable_config: Option<DurableRequest>,
    /// A runtime of the customer's own.
    pub runtime_config: Option<FunctionRuntimeConfig>,
    /// Has an accelerator.
    pub accelerator_config: Option<AcceleratorConfig>,
}

/// `TenancyConfig` as sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TenancyRequest {
    /// `PER_TENANT`.
    pub tenant_isolation_mode: String,
}

/// `S3FilesConfig` as sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct S3FilesRequest {
    /// Whether large reads go to the bucket.
    pub direct_s3_read: Option<String>,
}

/// `DurableConfig` as sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DurableRequest {
    #[serde(rename = "KMSKeyArn")]
    kms_key_arn: Option<String>,
    retention_period_in_days: Option<u32>,
    execution_timeout: Option<u32>,
}

/// `CapacityProviderConfig`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CapacityProviderConfig {
    lambda_managed_instances_capacity_provider_config: ManagedInstances,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ManagedInstances {
    capacity_provider_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_execution_environment_max_concurrency: Option<u32>,
    #[serde(rename = "ExecutionEnvironmentMemoryGiBPerVCpu", skip_serializing_if = "Option::is_none")]
    execution_environment_memory_gib_per_vcpu: Option<f64>,
}

/// `RuntimeConfig`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionRuntimeConfig {
    runtime_arn: String,
    runtime_alias: String,
}

/// `AcceleratorConfig`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AcceleratorConfig {
    /// In GB.
    pub accelerator_memory_size: i64,
}

impl From<CapacityProviderConfig> for CapacityProviderAttachment {
    fn from(config: CapacityProviderConfig) -> Self {
        let managed = config.lambda_managed_instances_capacity_provider_config;
        Self {
            arn: managed.capacity_provider_arn,
            per_environment_max_concurrency: managed.per_execution_environment_max_concurrency,
            memory_gib_per_vcpu: managed.execution_environment_memory_gib_per_vcpu,
        }
    }
}

impl From<DurableRequest> for DurablePatch {
    fn from(request: DurableRequest) -> Self {
        Self {
            retention_days: request.retention_period_in_days,
            execution_timeout_s: request.execution_timeout,
            kms_key_arn: request.kms_key_arn,
        }
    }
}

impl From<FunctionRuntimeConfig> for RuntimeConfig {
    fn from(config: FunctionRuntimeConfig) -> Self {
        Self { arn: config.runtime_arn, alias: config.runtime_alias }
    }
}

/// The members as answers show them.
// The names are the API's.
#[allow(clippy::struct_field_names)]
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShownModes<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenancy_config: Option<ShownTenancy<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_provider_config: Option<CapacityProviderConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    durable_config: Option<ShownDurable<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_config: Option<FunctionRuntimeConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accelerator_config: Option<AcceleratorConfig>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownTenancy<'a> {
    tenant_isolation_mode: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownDurable<'a> {
    #[serde(rename = "KMSKeyArn", skip_serializing_if = "Option::is_none")]
    kms_key_arn: Option<&'a str>,
    retention_period_in_days: u32,
    execution_timeout: u32,
}

/// `S3FilesConfig` as answers show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShownS3Files<'a> {
    /// Whether large reads go to the bucket.
    pub direct_s3_read: &'a str,
}

impl<'a> ShownModes<'a> {
    /// The modes of a configuration; those it has not are left out.
    pub fn new(config: &'a FunctionConfig) -> Self {
        Self {
            tenancy_config: config
                .tenant_isolation
                .as_deref()
                .map(|tenant_isolation_mode| ShownTenancy { tenant_isolation_mode }),
            capacity_provider_config: config.capacity_provider.as_ref().map(CapacityProviderConfig::new),
            durable_config: config.durable.as_ref().map(ShownDurable::new),
            runtime_config: config.runtime_config.as_ref().map(|runtime| FunctionRuntimeConfig {
                runtime_arn: runtime.arn.clone(),
                runtime_alias: runtime.alias.clone(),
            }),
            accelerator_config: config
                .accelerator_memory_gb
                .map(|accelerator_memory_size| AcceleratorConfig { accelerator_memory_size }),
        }
    }
}

impl CapacityProviderConfig {
    fn new(attachment: &CapacityProviderAttachment) -> Self {
        Self {
            lambda_managed_instances_capacity_provider_config: ManagedInstances {
                capacity_provider_arn: attachment.arn.clone(),
                per_execution_environment_max_concurrency: attachment.per_environment_max_concurrency,
                execution_environment_memory_gib_per_vcpu: attachment.memory_gib_per_vcpu,
            },
        }
    }
}

impl<'a> ShownDurable<'a> {
    fn new(durable: &'a DurableConfig) -> Self {
        Self {
            kms_key_arn: durable.kms_key_arn.as_deref(),
            retention_period_in_days: durable.retention_days,
            execution_timeout: durable.execution_timeout_s,
        }
    }
}
